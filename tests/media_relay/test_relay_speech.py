"""Who speaks and who is muted, through a real relay: packets in, events out. Only the clock is made up."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from media_relay.messages import Event, SpeakerChanged, StreamMuted
from media_relay.relay import TICK
from tests.media_relay.clients import KEYFRAME, OPUS, Bench, Client, rtp


def sound(number: int, level: int) -> bytes:
    header = struct.pack("!BBHII", 0x90, OPUS, number & 0xFFFF, number * 960, 0x22222222)
    return header + struct.pack("!HHBBxx", 0xBEDE, 1, 1 << 4, 0x80 | level) + b"sound"


class Lesson:
    """A lesson's publishers, who send a packet every 20 ms of made-up time."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.now = bench.clock()
        bench.clock = lambda: self.now
        self.number = 0

    def publisher(self, stream: str, kinds: tuple[str, ...] = ("audio", "video")) -> Client:
        return self.bench.join(Client(stream, publishing=True, kinds=kinds), stream=stream)

    def pass_time(self, seconds: float, *talking: Client, silent: tuple[Client, ...] = ()) -> None:
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            self.number += 1
            level = 25 if self.number % 12 < 8 else 60  # syllables and the gaps between them
            for client in talking:
                client.send_rtp(sound(self.number, level))
            for client in silent:
                client.send_rtp(sound(self.number, 127))
            self.bench.tick()

    def told(self) -> Sequence[Event]:
        """What was told of speech since the last call."""
        told = [e for e in self.bench.events if isinstance(e, SpeakerChanged | StreamMuted)]
        self.bench.events.clear()
        return told


@pytest.fixture
def lesson(bench: Bench) -> Lesson:
    return Lesson(bench)


def test_question_and_answer_are_told(lesson: Lesson) -> None:
    teacher, site = lesson.publisher("main"), lesson.publisher("site-S1")
    lesson.pass_time(0.8, teacher, silent=(site,))
    assert lesson.told() == [SpeakerChanged("lesson", "main")]
    lesson.pass_time(2.0, site)
    assert sorted(lesson.told(), key=str) == [
        SpeakerChanged("lesson", "site-S1"),
        StreamMuted("lesson", "main", True),
    ]
    lesson.pass_time(0.2, teacher, site)
    assert lesson.told() == [StreamMuted("lesson", "main", False)]


def test_digital_silence_is_mute_and_a_new_publisher_begins_unmuted(lesson: Lesson) -> None:
    site = lesson.publisher("site-S1")
    lesson.pass_time(1.4, silent=(site,))
    assert lesson.told() == []
    lesson.pass_time(0.4, silent=(site,))
    assert lesson.told() == [StreamMuted("lesson", "site-S1", True)]
    lesson.bench.relay.close("site-S1")
    again = lesson.publisher("site-S1")
    lesson.pass_time(1.4, silent=(again,))
    assert lesson.told() == []
    lesson.pass_time(0.4, silent=(again,))
    assert lesson.told() == [StreamMuted("lesson", "site-S1", True)]


def test_who_hangs_up_speaks_no_more(lesson: Lesson) -> None:
    teacher = lesson.publisher("main")
    lesson.pass_time(0.8, teacher)
    assert lesson.told() == [SpeakerChanged("lesson", "main")]
    lesson.bench.relay.close("main")
    lesson.pass_time(0.2)
    assert lesson.told() == [SpeakerChanged("lesson", "")]
    lesson.pass_time(5.0)
    assert lesson.told() == []


def test_lessons_do_not_hear_each_other(lesson: Lesson) -> None:
    ours = lesson.publisher("main")
    theirs = lesson.bench.join(Client("other", publishing=True), lesson="other lesson")
    lesson.pass_time(0.8, ours, theirs)
    assert sorted(lesson.told(), key=str) == [
        SpeakerChanged("lesson", "main"),
        SpeakerChanged("other lesson", "main"),
    ]


def test_a_stream_that_never_offered_sound_is_not_muted(lesson: Lesson) -> None:
    board = lesson.publisher("board", kinds=("video",))
    board.send_rtp(rtp(0x11111111, 1, 0, KEYFRAME))
    lesson.pass_time(2.0)
    assert lesson.told() == []
