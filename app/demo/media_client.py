"""WHIP and WHEP from the client's side: publish tracks, or watch a stream, over one RTCPeerConnection.

WHIP is RFC 9725, WHEP is draft-ietf-wish-whep. Both are the same exchange: POST an SDP offer, get ``201
Created`` with the answer and the session's ``Location``, and DELETE that location at the end. Candidates
are gathered before the offer is sent, so PATCH is never needed.

Exceptions:

* :exc:`MediaError`
    * :exc:`MediaRefused`: the server answered, and not with 201
    * :exc:`MediaUnreachable`: the server did not answer, or its media port did not
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import httpx
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import OperationError
from aiortc.rtcconfiguration import RTCBundlePolicy
from aiortc.stats import RTCInboundRtpStreamStats, RTCRemoteInboundRtpStreamStats

SDP_TYPE: Final = "application/sdp"
CONNECT_SECONDS: Final = 10.0
"""How long ICE and DTLS may take before the session counts as unreachable."""
CLOSE_SECONDS: Final = 1.5
"""How long a server may take to hear that we leave."""
_MAX_REDIRECTS: Final = 4
_CODECS_TO_PUBLISH: Final = {"VP8": "video/VP8", "H264": "video/H264"}


class MediaError(Exception):
    """A session could not be opened; the text is one line for a person."""


class MediaRefused(MediaError):
    """The server answered with something else than 201."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}" if code else f"{status} {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class MediaUnreachable(MediaError):
    """Nobody answered, over HTTP or on the media port."""


@dataclass(frozen=True, slots=True)
class PacketCounts:
    """RTP packets of one direction of one kind, as RTCP counts them (RFC 3550 section 6.4.1)."""

    received: int
    lost: int


class MediaSession:
    """One open WHIP or WHEP session. Made by :func:`publish` and :func:`watch`."""

    def __init__(self, http: httpx.AsyncClient, token: str, peer: RTCPeerConnection) -> None:
        self._http = http
        self._token = token
        self._peer = peer
        self._connected = asyncio.Event()
        self._ended = asyncio.Event()
        self.location = ""
        """The session's own URL, a secret: who knows it and holds a token can end the session."""
        self.etag: str | None = None
        self.replaced = False
        """Once closed: whether the session had ended because the same person published from elsewhere."""
        self.tracks: dict[str, MediaStreamTrack] = {}
        """Received tracks by kind, ``video`` and ``audio``; empty for a publisher."""
        peer.add_listener("connectionstatechange", self._on_connection_state)
        peer.add_listener("track", self._on_track)

    def _on_connection_state(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self._ended.set()

    def _on_track(self, track: MediaStreamTrack) -> None:
        self.tracks[track.kind] = track
        self.end_with(track)

    def end_with(self, track: MediaStreamTrack) -> None:
        """Count the session as ended once ``track`` ends.

        When the other side closes DTLS, aiortc ends the tracks but leaves ``connectionState`` at
        ``connected``, so the tracks are what tells.
        """
        track.add_listener("ended", self._ended.set)

    @property
    def ended(self) -> bool:
        """Whether the media connection is over, for whatever reason."""
        return self._ended.is_set()

    async def wait_ended(self) -> None:
        """Return when the media connection is over."""
        await self._ended.wait()

    async def open(self, url: str, *, only_free: bool = False) -> None:
        """Offer, answer, connect. Leaves nothing behind when it raises :exc:`MediaError`."""
        try:
            await self._peer.setLocalDescription(await self._peer.createOffer())
            condition = {"If-None-Match": "*"} if only_free else {}
            answer = await self._post_offer(url, self._peer.localDescription.sdp, condition)
            await self._accept(answer)
            await self._wait_connected()
        except BaseException:
            await self.close()
            raise

    async def _post_offer(self, url: str, offer: str, condition: dict[str, str]) -> str:
        headers = {"Content-Type": SDP_TYPE, **condition}
        response = await self._send("POST", url, content=offer, headers=headers)
        for _ in range(_MAX_REDIRECTS):
            # RFC 9725 section 4.5: load balancing by 307 keeps method and body. The token goes along,
            # because the server it belongs to is the one that sends us on.
            if response.status_code not in (307, 308):
                break
            url = urljoin(url, response.headers.get("Location", ""))
            response = await self._send("POST", url, content=offer, headers=headers)
        if response.status_code != 201:
            raise _refusal(response)
        location = response.headers.get("Location")
        if not location:
            raise MediaRefused(201, "", "the answer has no Location, which RFC 9725 section 4.2 requires")
        self.location = urljoin(str(response.url), location)
        self.etag = response.headers.get("ETag")
        return response.text

    async def _accept(self, answer: str) -> None:
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        except (ValueError, AssertionError, OperationError) as error:
            raise MediaRefused(201, "", f"the SDP answer cannot be used: {error}") from error

    async def _wait_connected(self) -> None:
        waits = {asyncio.ensure_future(event.wait()) for event in (self._connected, self._ended)}
        try:
            await asyncio.wait(waits, timeout=CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.ended or not self._connected.is_set():
            raise MediaUnreachable(
                "no answer on the media port: is its UDP port open, are the addresses right?"
            )

    async def _send(
        self, method: str, url: str, *, content: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        try:
            return await self._http.request(method, url, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise MediaUnreachable(f"{method} {url}: {str(error) or type(error).__name__}") from error

    async def close(self) -> None:
        """End the session on the server and here. A server that is gone has nothing left to end."""
        location, self.location = self.location, ""
        if location:
            with contextlib.suppress(MediaUnreachable, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    answer = await self._send("DELETE", location)
                    self.replaced = answer.status_code == 410
        await self._peer.close()
        self._ended.set()

    async def received(self, kind: str) -> PacketCounts:
        """RTP packets received and lost so far, all sources of ``kind`` together."""
        stats = await self._peer.getStats()
        inbound = [s for s in stats.values() if isinstance(s, RTCInboundRtpStreamStats) and s.kind == kind]
        return PacketCounts(sum(s.packetsReceived for s in inbound), sum(s.packetsLost for s in inbound))

    async def last_report_at(self) -> float | None:
        """Unix time of the server's last RTCP receiver report about us; None before the first."""
        stats = await self._peer.getStats()
        reports = [s for s in stats.values() if isinstance(s, RTCRemoteInboundRtpStreamStats)]
        return max((s.timestamp.timestamp() for s in reports), default=None)


async def publish(
    http: httpx.AsyncClient,
    url: str,
    token: str,
    tracks: Sequence[MediaStreamTrack],
    *,
    video_codec: str = "VP8",
    only_free: bool = False,
) -> MediaSession:
    """Publish ``tracks`` at a WHIP endpoint; with ``only_free`` no other session of ours is taken over.

    Tracks may yield encoded packets; only ``video_codec`` (``VP8`` or ``H264``) and Opus are offered, so
    that what was encoded beforehand is what gets negotiated.
    """
    peer = _new_peer()
    session = MediaSession(http, token, peer)
    for track in tracks:
        transceiver = peer.addTransceiver(track, direction="sendonly")
        wanted = _CODECS_TO_PUBLISH[video_codec] if track.kind == "video" else "audio/opus"
        codecs = RTCRtpSender.getCapabilities(track.kind).codecs
        transceiver.setCodecPreferences([c for c in codecs if c.mimeType in (wanted, "video/rtx")])
        session.end_with(track)
    await session.open(url, only_free=only_free)
    return session


async def watch(http: httpx.AsyncClient, url: str, token: str) -> MediaSession:
    """Watch a stream at a WHEP endpoint; its decoded frames come from ``session.tracks``."""
    peer = _new_peer()
    session = MediaSession(http, token, peer)
    for kind in ("audio", "video"):
        peer.addTransceiver(kind, direction="recvonly")
    await session.open(url)
    return session


def _new_peer() -> RTCPeerConnection:
    # No ICE servers: the relay is ICE-lite with public addresses, and aiortc's default asks a public STUN
    # server. One bundle gathers candidates once instead of once per m-line.
    return RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))


def _refusal(response: httpx.Response) -> MediaRefused:
    """The problem+json of the answer, or what can be made of another body."""
    try:
        problem = response.json()
        code, detail = str(problem.get("code", "")), str(problem.get("detail") or problem.get("title") or "")
    except (ValueError, AttributeError):
        code, detail = "", response.text.strip().replace("\n", " ")[:200]
    return MediaRefused(response.status_code, code, detail or response.reason_phrase)
