"""The WHIP and WHEP clients against a door of aiortc's own: what RFC 9725 asks of a client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app.demo import media_client
from app.demo.clip import Clip, VideoCodec
from app.demo.media_client import MediaRefused, MediaUnreachable, publish, watch
from app.demo.playing import play
from app.demo.sound import samples_of, tone_share
from app.demo.test_card import Card, read_mark

TOKEN = "a-token"


class Door:
    """A WHIP and WHEP endpoint with one peer connection a session."""

    def __init__(self) -> None:
        self.peers: dict[str, RTCPeerConnection] = {}
        self.received: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
        self.offers: list[str] = []
        self.deleted: list[str] = []

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
            for track in play(Clip(Card("Shown", 3))):
                peer.addTrack(track)
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


@pytest.mark.parametrize("codec", VideoCodec)
def test_publishes_what_was_encoded_beforehand(codec: VideoCodec) -> None:
    async def scenario() -> None:
        async with door() as (it, http):
            session = await publish(
                http, "/whip", TOKEN, play(Clip(Card("A lesson", 2), codec)), video_codec=codec
            )
            tracks = {track.kind: track for track in (await it.received.get(), await it.received.get())}
            mark = read_mark(await tracks["video"].recv())  # type: ignore[arg-type]
            assert mark and mark.source == 2
            assert session.location == "http://door/whip/0"
            assert session.etag == '"0"'
            await session.close()
            assert it.deleted == ["0"]
            assert session.ended

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_offers_only_the_codec_of_the_clip() -> None:
    async def scenario() -> str:
        async with door() as (it, http):
            session = await publish(http, "/whip", TOKEN, play(Clip(Card("A lesson"))))
            await session.close()
            return it.offers[0]

    offer = asyncio.run(asyncio.wait_for(scenario(), 20))
    names = {line.split(" ")[1].split("/")[0] for line in offer.splitlines() if line.startswith("a=rtpmap")}
    assert names == {"VP8", "rtx", "opus"}


def test_watches_picture_and_sound_and_counts_packets() -> None:
    async def scenario() -> None:
        async with door() as (_, http):
            session = await watch(http, "/whep", TOKEN)
            mark = read_mark(await session.tracks["video"].recv())  # type: ignore[arg-type]
            assert mark and mark.source == 3
            sounds = [samples_of(await session.tracks["audio"].recv()) for _ in range(20)]  # type: ignore[arg-type]
            assert max(tone_share(samples, 3) for samples in sounds) > 0.9
            for kind in ("video", "audio"):
                counts = await session.received(kind)
                assert counts.received > 10
                assert counts.lost == 0
            await session.close()

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_the_end_is_noticed_when_the_other_side_closes() -> None:
    async def scenario() -> None:
        async with door() as (it, http):
            watching = await watch(http, "/whep", TOKEN)
            publishing = await publish(http, "/whip", TOKEN, play(Clip(Card("A lesson"))))
            for session in (watching, publishing):
                assert not session.ended
            for peer in it.peers.values():
                await peer.close()
            await asyncio.wait_for(asyncio.gather(watching.wait_ended(), publishing.wait_ended()), 3)
            await asyncio.gather(watching.close(), publishing.close())

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_follows_a_redirect_of_the_load_balancer() -> None:
    async def scenario() -> None:
        async with door() as (_, http):
            session = await publish(http, "/moved/whip", TOKEN, play(Clip(Card("A lesson"))))
            assert session.location == "http://door/whip/0"
            await session.close()

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_a_refusal_carries_the_servers_code_and_words() -> None:
    async def scenario() -> MediaRefused:
        async with door() as (_, http):
            with pytest.raises(MediaRefused) as caught:
                await publish(http, "/whip", "wrong", play(Clip(Card("A lesson"))))
            return caught.value

    refusal = asyncio.run(asyncio.wait_for(scenario(), 20))
    assert (refusal.status, refusal.code, refusal.detail) == (401, "auth.missing", "sign in first")


def test_a_silent_media_port_is_an_error_and_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_client, "CONNECT_SECONDS", 0.3)

    async def scenario() -> list[str]:
        async with door() as (it, http):
            with pytest.raises(MediaUnreachable, match="media port"):
                await watch(http, "/deaf", TOKEN)
            return it.deleted

    assert asyncio.run(asyncio.wait_for(scenario(), 20)) == ["0"]


def test_a_server_that_is_not_there_is_an_error() -> None:
    async def scenario() -> None:
        async with httpx.AsyncClient() as http:
            with pytest.raises(MediaUnreachable, match="POST"):
                await watch(http, "http://127.0.0.1:9/whep", TOKEN)

    asyncio.run(asyncio.wait_for(scenario(), 20))
