"""A coordinator with real relay nodes as child processes, and real WebRTC peers to bring to it."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack

from app.live.coordinator import Coordinator
from app.live.hub import CloseCode, Member
from app.live.rules import Direction, Limits
from app.live.sessions import Admission, Opened, StreamKey
from app.settings import Settings
from tests.patience import PATIENCE
from tests.ports import free_ports

LESSON = uuid.uuid4()
MAIN = StreamKey(LESSON, "main")
WANG, LI, SITE_ONE = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
ENDS_AT = datetime.now(UTC) + timedelta(hours=1)


def leave(who: uuid.UUID) -> Admission:
    """Leave to publish the main stream."""
    return Admission(MAIN, Direction.PUBLISH, who, lesson_ends_at=ENDS_AT)


@dataclass
class Log:
    """Remembers what the lessons' records would be told."""

    news: list[tuple[str, bool]] = field(default_factory=list)

    def stream_changed(self, key: StreamKey, *, live: bool) -> None:
        self.news.append((key.stream, live))

    def site_changed(self, lesson_id: uuid.UUID, site_code: str, *, present: bool) -> None:
        self.news.append((site_code, present))


@asynccontextmanager
async def running(
    log: Log | None = None, nodes: int = 1, limits: Limits | None = None
) -> AsyncIterator[Coordinator]:
    coordinator = Coordinator(
        nodes=nodes,
        first_port=free_ports(nodes),
        addresses=Settings().announced_addresses,
        log=log or Log(),
        limits=limits,
    )
    coordinator.start()
    try:
        yield coordinator
    finally:
        await coordinator.stop()


@asynccontextmanager
async def peer(*tracks: MediaStreamTrack) -> AsyncIterator[RTCPeerConnection]:
    """A peer that sends these tracks, or receives sound and picture when there are none."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for track in tracks:
        connection.addTransceiver(track, direction="sendonly")
    if not tracks:
        connection.addTransceiver("audio", direction="recvonly")
        connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    try:
        yield connection
    finally:
        await connection.close()


async def publish(
    coordinator: Coordinator,
    connection: RTCPeerConnection,
    who: uuid.UUID = WANG,
    admission: Admission | None = None,
) -> Opened:
    opened = await coordinator.publish(admission or leave(who), connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(opened.sdp, "answer"))
    return opened


async def watch(coordinator: Coordinator, connection: RTCPeerConnection) -> Opened:
    admission = Admission(MAIN, Direction.WATCH, SITE_ONE, "S1", lesson_ends_at=ENDS_AT)
    opened = await coordinator.watch(admission, connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(opened.sdp, "answer"))
    return opened


async def picture(connection: RTCPeerConnection) -> object:
    receiver = next(item for item in connection.getReceivers() if item.track.kind == "video")
    async with asyncio.timeout(PATIENCE):
        return await receiver.track.recv()


def camera() -> tuple[MediaStreamTrack, MediaStreamTrack]:
    return AudioStreamTrack(), VideoStreamTrack()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what processes do; nothing of it can be awaited."""
    for _ in range(int(PATIENCE / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")


def waiting(member: Member) -> list[dict[str, Any]]:
    """What waits to be sent to a member."""

    async def drain() -> list[dict[str, Any]]:
        member.close(CloseCode.NORMAL)
        told = []
        while isinstance(text := await member.next(), str):
            told.append(json.loads(text))
        return told

    return asyncio.run(drain())
