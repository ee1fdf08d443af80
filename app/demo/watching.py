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
from app.demo.pace import Pace
from app.demo.playing import PACKETS_PER_SECOND
from app.demo.sound import samples_of, tone_share
from app.demo.test_card import FPS, read_mark

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
    """Decoded. A burst, from a sender that was late, is more than the decoder here buffers."""
    sound_packets: int
    """Arrived."""
    longest_silence: float
    """The longest time without a new sound frame, once there was a picture, seconds."""
    tone_share: float
    """Median share of the sender's tone in the sound's energy."""
    lost_packets: int
    frames_sent: int
    """Since the first picture; what was due then, where the sender is not known."""
    sounds_sent: int
    longest_pause: float
    """The longest time in which the sender sent no picture or no sound, seconds; 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What the sender's tracks have handed over so far."""

    pictures: Pace
    sounds: Pace


@dataclass
class Watcher:
    """Watches the stream of the sender ``source``, whose track keeps ``handed_at`` for each frame."""

    source: int
    handed_at: Sequence[float | None]
    sending: Sending | None = None
    _pictures: Pace = field(default_factory=Pace)
    _sounds: Pace = field(default_factory=Pace)
    _latencies: array[float] = field(default_factory=lambda: array("d"))
    _tones: array[float] = field(default_factory=lambda: array("d"))
    _unreadable: int = 0
    _asked_at: float = 0.0
    _first_at: float | None = None
    _sent_before: tuple[int, int] = (0, 0)
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
                    if self.sending is not None:
                        self._sent_before = self.sending.pictures.count, self.sending.sounds.count
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
        lost = sounds = 0
        if self._session is not None:
            counts = [await self._session.received(kind) for kind in ("video", "audio")]
            lost, sounds = sum(max(0, count.lost) for count in counts), counts[1].received
        for arrivals in (self._pictures, self._sounds):
            arrivals.gap_until(now)
        observation = self._observation(now, lost, sounds)
        await self.close()
        return observation

    def _observation(self, now: float, lost: int, sound_packets: int) -> Observation:
        first = self._first_at
        seconds = 0.0 if first is None else now - first
        frames_sent, sounds_sent = int(FPS * seconds), int(PACKETS_PER_SECOND * seconds)
        longest_pause = 0.0
        if self.sending is not None:
            pictures, sounds = self.sending.pictures, self.sending.sounds
            frames_sent, sounds_sent = (
                pace.count - before
                for pace, before in zip((pictures, sounds), self._sent_before, strict=True)
            )
            longest_pause = max(pictures.longest_gap, sounds.longest_gap)
        tones = sorted(self._tones)
        return Observation(
            seconds=seconds,
            frames=self._pictures.count,
            unreadable=self._unreadable,
            first_frame_ms=None if first is None else (first - self._asked_at) * 1000,
            latencies_ms=tuple(self._latencies),
            longest_freeze=self._pictures.longest_gap,
            sound_frames=self._sounds.count,
            sound_packets=sound_packets,
            longest_silence=self._sounds.longest_gap,
            tone_share=tones[len(tones) // 2] if tones else 0.0,
            lost_packets=lost,
            frames_sent=frames_sent,
            sounds_sent=sounds_sent,
            longest_pause=longest_pause,
        )

    async def close(self) -> None:
        """Leave, without a word about what was received."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
