"""A clip plays in step with the wall clock, over the minute's end, without a jump in its timestamps."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import av
import pytest
from aiortc.mediastreams import MediaStreamError

from app.demo.clip import Clip
from app.demo.playing import ClipAudioTrack, ClipVideoTrack, Timeline, play
from app.demo.test_card import FPS, FRAMES, Card, read_mark


class Clock:
    """A clock that a test sets, or that goes on while somebody sleeps by it: never late, however busy the machine."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


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


async def _collect(
    kind: type[ClipVideoTrack] | type[ClipAudioTrack], clock: Clock, count: int
) -> list[av.Packet[av.stream.Stream]]:
    track = kind(Clip(Card("A lesson", 4)), Timeline(wall=lambda: 58.9 + clock.now, monotonic=clock))
    packets = [await track.recv() for _ in range(count)]
    track.stop()
    return packets


def test_the_minutes_end_is_seamless(monkeypatch: pytest.MonkeyPatch) -> None:
    def collect(
        kind: type[ClipVideoTrack] | type[ClipAudioTrack], count: int
    ) -> list[av.Packet[av.stream.Stream]]:
        clock = Clock(0.0)
        monkeypatch.setattr(asyncio, "sleep", clock.sleep)
        packets = asyncio.run(_collect(kind, clock, count))
        assert clock.now == pytest.approx(2.1), "as it is due, not as fast as can be"
        return packets

    pictures, sounds = collect(ClipVideoTrack, 2 * FPS + 1), collect(ClipAudioTrack, 101)
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
