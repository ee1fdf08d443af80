"""aiortc's peer connections as teacher and sites: what arrives can be seen and heard."""

from __future__ import annotations

import asyncio
import fractions
import math
import secrets
import struct
from collections.abc import Awaitable, Callable

import aioice.ice
import av
import pytest
from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamError

from tests.emulator import Emulator
from tests.link import Conditions
from tests.media_relay.nodes import RunningNode, running_node
from tests.patience import PATIENCE
from tests.ports import free_port
from tests.weak_links.running import port_of

WIDTH, HEIGHT = 160, 120
AUDIO_RATE, AUDIO_SAMPLES = 48_000, 960


@pytest.fixture(autouse=True)
def _loopback_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves the loopback address out; here it is the only one that every machine has."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


class Wall(VideoStreamTrack):
    """A picture of one brightness."""

    def __init__(self, brightness: int) -> None:
        super().__init__()
        self._brightness = brightness

    async def recv(self) -> av.VideoFrame:
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, value in zip(frame.planes, (self._brightness, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts, frame.time_base = await self.next_timestamp()
        return frame


class Tone(AudioStreamTrack):
    """A sine of 440 Hz."""

    def __init__(self) -> None:
        super().__init__()
        self._next: float | None = None
        self._pts = 0

    async def recv(self) -> av.AudioFrame:
        now = asyncio.get_running_loop().time()
        self._next = now if self._next is None else self._next + AUDIO_SAMPLES / AUDIO_RATE
        await asyncio.sleep(max(0.0, self._next - now))
        angles = (2 * math.pi * 440 * (self._pts + i) / AUDIO_RATE for i in range(AUDIO_SAMPLES))
        samples = [int(12_000 * math.sin(angle)) for angle in angles]
        frame = av.AudioFrame(format="s16", layout="mono", samples=AUDIO_SAMPLES)
        frame.planes[0].update(struct.pack(f"<{AUDIO_SAMPLES}h", *samples))
        frame.pts, frame.sample_rate = self._pts, AUDIO_RATE
        frame.time_base = fractions.Fraction(1, AUDIO_RATE)
        self._pts += AUDIO_SAMPLES
        return frame


class Site:
    """A player and what it sees and hears."""

    def __init__(
        self, node: RunningNode, session: str, mapped: Callable[[str], str] = lambda answer: answer
    ) -> None:
        """``mapped``: what the answer says where the site is."""
        self._node = node
        self._mapped = mapped
        self.session = session
        self.connection = RTCPeerConnection()
        self.pictures = 0
        self.brightness = -1.0
        self.loudness = 0.0
        self.progress = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def play(self) -> None:
        self.connection.addTransceiver("video", direction="recvonly")
        self.connection.addTransceiver("audio", direction="recvonly")
        self.connection.on("track", self._on_track)
        await negotiate(self.connection, self._subscribe)

    async def _subscribe(self, offer: str) -> str:
        return self._mapped((await self._node.link.subscribe(self.session, "lesson", "main", offer)).sdp)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._take(track)))

    async def _take(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, av.VideoFrame):
                self.pictures += 1
                row = bytes(frame.planes[0])[:WIDTH]
                self.brightness = sum(row) / WIDTH
            else:
                assert isinstance(frame, av.AudioFrame)
                data = bytes(frame.planes[0])
                samples = struct.unpack(f"<{len(data) // 2}h", data)
                self.loudness = max(map(abs, samples))
            self.progress.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.progress.clear()
                await self.progress.wait()

    async def leave(self) -> None:
        await self.connection.close()
        for task in self._tasks:
            await task


async def negotiate(connection: RTCPeerConnection, door: Callable[[str], Awaitable[str]]) -> None:
    await connection.setLocalDescription(await connection.createOffer())
    answer = await door(connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))


async def teach(node: RunningNode, session: str, brightness: int) -> RTCPeerConnection:
    connection = RTCPeerConnection()
    connection.addTrack(Wall(brightness))
    connection.addTrack(Tone())

    async def publish(offer: str) -> str:
        return (await node.link.publish(session, "lesson", "main", offer)).sdp

    await negotiate(connection, publish)
    return connection


def near(site: Site, brightness: int) -> Callable[[], bool]:
    return lambda: abs(site.brightness - brightness) < 12


def test_a_lesson_is_seen_and_heard_through_takeover_and_ice_restart() -> None:
    async def scenario() -> None:
        async with running_node() as node:
            teacher = await teach(node, "first", 60)
            early = Site(node, "early")
            await early.play()
            await early.until(near(early, 60))
            late = Site(node, "late")
            await late.play()
            for site in (early, late):
                await site.until(near(site, 60))
                await site.until(lambda site=site: site.loudness > 5_000)  # type: ignore[misc]

            # Another publisher takes over: nobody negotiates again, and the picture changes.
            second = await teach(node, "second", 200)
            for site in (early, late):
                await site.until(near(site, 200))

            # The client restarts ICE by a fragment: checks under way stay good, so media goes on.
            fragment = f"a=ice-ufrag:{secrets.token_hex(4)}\r\na=ice-pwd:{secrets.token_hex(12)}\r\n"
            assert await node.link.trickle("early", fragment) is not None
            seen = early.pictures
            await early.until(lambda: early.pictures > seen + 30)
            assert early.connection.connectionState == "connected"

            stats = await node.link.stats()
            assert (stats.publishers, stats.subscribers) == (1, 2)
            assert stats.packets_forwarded > 100
            assert not stats.drops.get("protect") and not stats.drops.get("srtp")
            await asyncio.gather(early.leave(), late.leave(), second.close(), teacher.close())

    asyncio.run(scenario())


def test_one_who_waits_sees_the_lesson_when_it_begins() -> None:
    async def scenario() -> None:
        async with running_node() as node:
            site = Site(node, "site")
            await site.play()
            teacher = await teach(node, "teacher", 120)
            await site.until(near(site, 120))
            await asyncio.gather(site.leave(), teacher.close())

    asyncio.run(scenario())


def test_of_several_announced_addresses_one_that_leads_through_the_address_translation_is_enough() -> None:
    """Inside all addresses lead to the node; outside the first leads nowhere, the second to the translation."""

    async def scenario() -> None:
        async with running_node("127.0.0.2", "127.0.0.1") as node:
            port = port_of(node)
            wire = Conditions(delay=0.005)
            async with Emulator(("127.0.0.1", port), up=wire, down=wire) as translation:
                nowhere = free_port()

                def outside(answer: str) -> str:
                    assert (
                        answer.count(f"127.0.0.2 {port} typ host")
                        == answer.count(f"127.0.0.1 {port} typ host")
                        > 1
                    )
                    answer = answer.replace(f"127.0.0.2 {port} typ host", f"127.0.0.2 {nowhere} typ host")
                    return answer.replace(
                        f"127.0.0.1 {port} typ host", f"127.0.0.1 {translation.port} typ host"
                    )

                teacher = await teach(node, "teacher", 120)
                within, site = Site(node, "within"), Site(node, "site", outside)
                await asyncio.gather(within.play(), site.play())
                for each in (within, site):
                    await each.until(near(each, 120))
                    await each.until(lambda each=each: each.loudness > 5_000)  # type: ignore[misc]
                await site.until(lambda: site.pictures >= 10)
                ((_, down),) = translation.links
                assert down.sent > 10, "all of it through the translation"
                await asyncio.gather(site.leave(), within.leave(), teacher.close())

    asyncio.run(scenario())
