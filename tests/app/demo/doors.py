"""A WHIP and WHEP door made of aiortc itself, for clients to knock at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app.demo.clip import Clip
from app.demo.playing import ClipVideoTrack, play
from app.demo.test_card import Card

TOKEN = "a-token"
SHOWN = Card("Shown", 3)
"""The card that the WHEP door shows."""


class Door:
    """A WHIP and WHEP endpoint with one peer connection a session."""

    def __init__(self) -> None:
        self.peers: dict[str, RTCPeerConnection] = {}
        self.received: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
        self.offers: list[str] = []
        self.deleted: list[str] = []
        self.shown: ClipVideoTrack | None = None
        """The track of the last WHEP session."""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/moved/{door}", self.moved, methods=["POST"]),
                Route("/deaf", self.deaf, methods=["POST"]),
                Route("/{door}", self.open, methods=["POST"]),
                Route("/{door}/{session}", self.close, methods=["DELETE"]),
            ]
        )

    async def moved(self, request: Request) -> Response:
        return RedirectResponse(f"/{request.path_params['door']}", status_code=307)

    async def deaf(self, request: Request) -> Response:
        """An answer whose media port nobody listens on."""
        response = await self.answer((await request.body()).decode(), "whip")
        await next(iter(self.peers.values())).close()
        return response

    async def open(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            problem = {"status": 401, "code": "auth.missing", "detail": "sign in first"}
            return JSONResponse(problem, 401, media_type="application/problem+json")
        assert request.headers["Content-Type"] == "application/sdp"
        return await self.answer((await request.body()).decode(), request.path_params["door"])

    async def answer(self, offer: str, door: str) -> Response:
        self.offers.append(offer)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.add_listener("track", self.received.put_nowait)
        if door == "whep":
            self.shown, sound = play(Clip(SHOWN))
            peer.addTrack(self.shown)
            peer.addTrack(sound)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        session = str(len(self.peers))
        self.peers[session] = peer
        headers = {"Location": f"{door}/{session}", "ETag": f'"{session}"'}
        return Response(peer.localDescription.sdp, 201, headers, "application/sdp")

    async def close(self, request: Request) -> Response:
        session = request.path_params["session"]
        await self.peers[session].close()
        self.deleted.append(session)
        return Response(status_code=200)


@asynccontextmanager
async def door() -> AsyncIterator[tuple[Door, httpx.AsyncClient]]:
    it = Door()
    transport = httpx.ASGITransport(app=it.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as http:
        yield it, http
    for peer in it.peers.values():
        await peer.close()
