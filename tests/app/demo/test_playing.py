"""A clip plays in step with the wall clock, over the minute's end, without a jump in its timestamps."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction

import av
import pytest
from aiortc.mediastreams import MediaStreamError

from app.demo.clip import Clip
from app.demo.playing import ClipAudioTrack, ClipVideoTrack, Timeline, play
from app.demo.test_card import FPS, FRAMES, Card, read_mark


class Clock:
    """A clock that a test sets; sleeping is not simulated, so it must be ahead of what is asked for."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_playing_starts_at_the_next_whole_second_and_follows_the_minute() -> None:
    timeline = Timeline(wall=Clock(58.75), monotonic=Clock(1_000.0))
    timeline.begin()
    assert timeline.delay(Fraction(0)) == 0.25
    assert [timeline.second_of_minute(playing) for playing in range(3)] == [59, 0, 1]


def test_a_wall_clock_that_is_set_is_followed() -> None:
    wall = Clock(10.5)
    timeline = Timeline(wall=wall, monotonic=Clock(0.0))
    timeline.begin()
    wall.now = 15.003
    timeline.realign(4)
    assert timeline.second_of_minute(4) == 15
    wall.now = 46.0
    timeline.realign(5)
    assert timeline.second_of_minute(5) == 46


async def _first_seconds() -> tuple[list[av.Packet[av.stream.Stream]], list[av.Packet[av.stream.Stream]]]:
    offset = 58.9 - time.time() % 60
    timeline = Timeline(wall=lambda: time.time() + offset)
    clip = Clip(Card("A lesson", 4))
    video, audio = ClipVideoTrack(clip, timeline), ClipAudioTrack(clip, timeline)
    pictures, sounds = await asyncio.gather(
        _collect(video, 2 * FPS + 1),
        _collect(audio, 101),
    )
    video.stop()
    audio.stop()
    return pictures, sounds


async def _collect(track: ClipVideoTrack | ClipAudioTrack, count: int) -> list[av.Packet[av.stream.Stream]]:
    return [await track.recv() for _ in range(count)]


def test_the_minutes_end_is_seamless() -> None:
    begun = time.monotonic()
    pictures, sounds = asyncio.run(_first_seconds())
    assert time.monotonic() - begun > 1.9, "as it is due, not as fast as can be"
    assert [picture.pts for picture in pictures] == [index * 4_500 for index in range(2 * FPS + 1)]
    assert [sound.pts for sound in sounds] == [index * 960 for index in range(101)]
    decoder = av.CodecContext.create("libvpx", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    marks = [read_mark(frame) for picture in pictures for frame in decoder.decode(av.Packet(bytes(picture)))]
    assert [mark and mark.counter for mark in marks] == [(59 * FPS + n) % FRAMES for n in range(2 * FPS + 1)]


def test_lost_time_is_skipped_to_the_start_of_a_second() -> None:
    clock = Clock(0.0)
    timeline = Timeline(wall=Clock(30.0), monotonic=clock)
    track = ClipVideoTrack(Clip(Card("A lesson")), timeline)

    async def sleep_through_a_minute() -> tuple[int | None, int | None]:
        before = await track.recv()
        clock.now = 61.0
        after = await track.recv()
        return before.pts, after.pts

    assert asyncio.run(sleep_through_a_minute()) == (0, 61 * 90_000)


def test_a_stopped_track_says_so() -> None:
    video, audio = play(Clip(Card("A lesson")))
    for track in (video, audio):
        track.stop()
        with pytest.raises(MediaStreamError):
            asyncio.run(track.recv())
