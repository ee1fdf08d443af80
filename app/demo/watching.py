"""Watches one stream as a teaching site does, and notes what arrives: pictures, sound, delay and loss."""

from __future__ import annotations

import asyncio
import contextlib
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import av
import httpx
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from app.demo import media_client
from app.demo.media_client import MediaSession
from app.demo.sound import samples_of, tone_share
from app.demo.test_card import read_mark

_LISTEN_EVERY: Final = 5
"""One sound frame in so many is looked into for the sender's tone."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was received of a stream from its first picture to the end."""

    seconds: float
    """How long was watched after the first picture."""
    frames: int
    """Decoded pictures that carry the sender's mark."""
    unreadable: int
    """Decoded pictures without it: damaged, or somebody else's."""
    first_frame_ms: float | None
    """From the WHEP request to the first picture."""
    latencies_ms: tuple[float, ...]
    """For each picture, from when it was handed to the publisher until it was decoded here."""
    longest_freeze: float
    """The longest time without a new picture, seconds."""
    sound_frames: int
    longest_silence: float
    """The longest time without a new sound frame, once there was a picture, seconds."""
    tone_share: float
    """Median share of the sender's tone in the sound's energy."""
    lost_packets: int


@dataclass(slots=True)
class _Arrivals:
    """Counts arrivals and the longest gap between them."""

    count: int = 0
    last: float | None = None
    longest_gap: float = 0.0

    def note(self, now: float) -> None:
        self.count += 1
        self.gap_until(now)
        self.last = now

    def expect_from(self, now: float) -> None:
        """From now on something should arrive."""
        if self.last is None:
            self.last = now

    def gap_until(self, now: float) -> None:
        if self.last is not None:
            self.longest_gap = max(self.longest_gap, now - self.last)


@dataclass
class Watcher:
    """Watches the stream of the sender ``source``, whose track keeps ``handed_at`` for each frame."""

    source: int
    handed_at: Sequence[float | None]
    _pictures: _Arrivals = field(default_factory=_Arrivals)
    _sounds: _Arrivals = field(default_factory=_Arrivals)
    _latencies: array[float] = field(default_factory=lambda: array("d"))
    _tones: array[float] = field(default_factory=lambda: array("d"))
    _unreadable: int = 0
    _asked_at: float = 0.0
    _first_at: float | None = None
    _seen: asyncio.Event = field(default_factory=asyncio.Event)
    _session: MediaSession | None = None
    _tasks: tuple[asyncio.Task[None], ...] = ()

    async def open(self, http: httpx.AsyncClient, url: str, token: str) -> None:
        """Ask for the stream and start to take what comes. Raises :exc:`MediaError`."""
        self._asked_at = time.monotonic()
        self._session = await media_client.watch(http, url, token)
        tracks = self._session.tracks
        self._tasks = (
            asyncio.create_task(self._look(tracks["video"])),
            asyncio.create_task(self._hear(tracks["audio"])),
        )

    async def first_picture(self) -> None:
        """Return when the first picture of the sender was decoded."""
        await self._seen.wait()

    async def _look(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                now = time.monotonic()
                assert isinstance(frame, av.VideoFrame)
                mark = read_mark(frame)
                if mark is None or mark.source != self.source:
                    self._unreadable += 1
                    continue
                self._pictures.note(now)
                if (handed_at := self.handed_at[mark.counter]) is not None:
                    self._latencies.append((now - handed_at) * 1000)
                if self._first_at is None:
                    self._first_at = now
                    self._sounds.expect_from(now)
                    self._seen.set()

    async def _hear(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame)
                self._sounds.note(time.monotonic())
                if self._sounds.count % _LISTEN_EVERY == 0:
                    self._tones.append(tone_share(samples_of(frame), self.source))

    async def stop(self) -> Observation:
        """End watching and tell what was received."""
        now = time.monotonic()
        lost = 0
        if self._session is not None:
            counts = [await self._session.received(kind) for kind in ("video", "audio")]
            lost = sum(max(0, count.lost) for count in counts)
        for arrivals in (self._pictures, self._sounds):
            arrivals.gap_until(now)
        observation = self._observation(now, lost)
        await self.close()
        return observation

    def _observation(self, now: float, lost: int) -> Observation:
        first = self._first_at
        tones = sorted(self._tones)
        return Observation(
            seconds=0.0 if first is None else now - first,
            frames=self._pictures.count,
            unreadable=self._unreadable,
            first_frame_ms=None if first is None else (first - self._asked_at) * 1000,
            latencies_ms=tuple(self._latencies),
            longest_freeze=self._pictures.longest_gap,
            sound_frames=self._sounds.count,
            longest_silence=self._sounds.longest_gap,
            tone_share=tones[len(tones) // 2] if tones else 0.0,
            lost_packets=lost,
        )

    async def close(self) -> None:
        """Leave, without a word about what was received."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
