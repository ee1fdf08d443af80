"""Plays a clip as a pair of WebRTC tracks in step with the wall clock.

The tracks hand out encoded packets, which aiortc packs into RTP without an encoder. Timestamps only ever
grow: where the loop starts over is visible in the picture, not in the stream.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Final

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.stream import Stream

from app.demo.clip import VIDEO_CLOCK, Clip
from app.demo.pace import Pace
from app.demo.sound import PACKET_SAMPLES, PATTERN_PACKETS, RATE
from app.demo.test_card import FPS, FRAMES, SECONDS

PACKETS_PER_SECOND: Final = RATE // PACKET_SAMPLES
LATE_SECONDS: Final = 1.0
"""Further behind than this (the machine slept), the lost time is skipped instead of sent in a burst."""


class Timeline:
    """Ties the seconds since the start of playing to the wall clock; both tracks of a clip share one.

    Playing runs on the monotonic clock and starts at a whole wall-clock second, where a keyframe is.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._start: float | None = None
        self._first_second = 0

    def begin(self) -> None:
        """Start playing with the next whole second, unless it has started."""
        if self._start is None:
            wall = self._wall()
            self._first_second = math.ceil(wall)
            self._start = self._monotonic() + self._first_second - wall

    def delay(self, position: Fraction) -> float:
        """Seconds until ``position``, in seconds of playing, is due; negative when it is late."""
        if self._start is None:
            raise RuntimeError("the timeline has not begun")
        return self._start + float(position) - self._monotonic()

    def second_of_minute(self, playing: int) -> int:
        """Which second of the minute the ``playing``-th second shows."""
        return (self._first_second + playing) % SECONDS

    def realign(self, playing: int) -> None:
        """At the start of second ``playing``: follow a wall clock that was set by more than half a second."""
        self._first_second = round(self._wall()) - playing


class _PacketTrack(MediaStreamTrack):
    """A track whose unit number ``index`` is due at ``index / per_second`` seconds of playing. ``sent`` is what it has
    handed over: fewer than are due where the machine is too busy."""

    def __init__(self, clip: Clip, timeline: Timeline, per_second: int) -> None:
        super().__init__()
        self._clip = clip
        self._timeline = timeline
        self._per_second = per_second
        self._index = 0
        self.sent = Pace()

    async def _wait_until_due(self) -> int:
        """Sleep until the next unit is due and return its index."""
        if self.readyState != "live":
            raise MediaStreamError
        delay = self._timeline.delay(Fraction(self._index, self._per_second))
        if delay < -LATE_SECONDS:
            self._index += math.ceil(-delay) * self._per_second
            self._index -= self._index % self._per_second
            delay = self._timeline.delay(Fraction(self._index, self._per_second))
        if delay > 0:
            await asyncio.sleep(delay)
        if self.readyState != "live":
            raise MediaStreamError
        index = self._index
        self._index += 1
        self.sent.note(time.monotonic())
        return index


class ClipVideoTrack(_PacketTrack):
    """The pictures of a clip. ``handed_at[counter]`` is the monotonic time a frame was last handed over."""

    kind = "video"

    def __init__(self, clip: Clip, timeline: Timeline) -> None:
        super().__init__(clip, timeline, FPS)
        self.handed_at: list[float | None] = [None] * FRAMES
        self._second = 0
        self._frames: tuple[bytes, ...] = ()
        self._coming: asyncio.Task[tuple[bytes, ...]] | None = None
        self._coming_second = 0

    async def recv(self) -> av.Packet[Stream]:
        """The next encoded frame, when it is due."""
        if self._index == 0:
            self._timeline.begin()
            await self._load(self._timeline.second_of_minute(0))
        index = await self._wait_until_due()
        place = index % FPS
        if place == 0 or not self._frames:
            playing = index // FPS
            self._timeline.realign(playing)
            await self._load(self._timeline.second_of_minute(playing))
            self._prefetch(self._timeline.second_of_minute(playing + 1))
        packet = av.Packet(self._frames[place])
        packet.pts = index * (VIDEO_CLOCK // FPS)
        packet.time_base = Fraction(1, VIDEO_CLOCK)
        self.handed_at[self._second * FPS + place] = time.monotonic()
        return packet

    def stop(self) -> None:
        """End the track; nobody needs the coming second any more."""
        super().stop()
        if self._coming is not None:
            self._coming.cancel()

    def _prefetch(self, second: int) -> None:
        """Have the coming second encoded or read while this one plays."""
        self._coming_second = second
        self._coming = asyncio.ensure_future(asyncio.to_thread(self._clip.second, second))

    async def _load(self, second: int) -> None:
        if self._second == second and self._frames:
            return
        if self._coming is None or self._coming_second != second:
            self._prefetch(second)
        assert self._coming is not None
        self._frames = await self._coming
        self._second = second


class ClipAudioTrack(_PacketTrack):
    """The sound of a clip."""

    kind = "audio"

    def __init__(self, clip: Clip, timeline: Timeline) -> None:
        super().__init__(clip, timeline, PACKETS_PER_SECOND)

    async def recv(self) -> av.Packet[Stream]:
        """The next Opus packet, when it is due."""
        if self._index == 0:
            self._timeline.begin()
            await asyncio.to_thread(lambda: self._clip.sound)
        index = await self._wait_until_due()
        playing, place = divmod(index, PACKETS_PER_SECOND)
        second = self._timeline.second_of_minute(playing)
        opus = self._clip.sound[(second * PACKETS_PER_SECOND + place) % PATTERN_PACKETS]
        packet = av.Packet(opus)
        packet.pts = index * PACKET_SAMPLES
        packet.time_base = Fraction(1, RATE)
        return packet


def play(clip: Clip) -> tuple[ClipVideoTrack, ClipAudioTrack]:
    """New tracks that play ``clip``, for one connection, from when it asks for the first packet."""
    timeline = Timeline()
    return ClipVideoTrack(clip, timeline), ClipAudioTrack(clip, timeline)
