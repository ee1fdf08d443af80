"""Who speaks: voices and noises made up packet by packet, in made-up time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.packet import NO_LEVEL
from media_relay.core.speech import (
    LINGER,
    MUTED_AFTER,
    RELEASE,
    SHORTEST_TURN,
    ActiveSpeaker,
    Voice,
)

PACKET = 0.02
LOOK = 0.1
"""How often the relay looks who speaks, seconds."""

Sound = Callable[[float], int | None]
"""The level byte of the packet at a time; ``None`` when none is sent."""


def speech(level: int, seed: int = 1, *, mark: int = 0x80) -> Sound:
    """Syllables of 120 to 240 ms with gaps between them, over a quiet room."""
    random_ = random.Random(seed)
    ends, loud = 0.0, False

    def at(time: float) -> int:
        nonlocal ends, loud
        if time >= ends:
            loud = not loud
            ends = time + (random_.uniform(0.12, 0.24) if loud else random_.uniform(0.04, 0.10))
        return mark | min(127, (level if loud else level + 15) + random_.randint(-3, 3))

    return at


def noise(level: int, seed: int = 1, flicker: int = 3, *, mark: int = 0x80) -> Sound:
    random_ = random.Random(seed)
    return lambda time: mark | max(0, min(127, level + random_.randint(-flicker, flicker)))


def nothing(time: float) -> None:
    return None


def digital_silence(time: float) -> int:
    return 0xFF


def from_time(start: float, before: Sound, after: Sound) -> Sound:
    return lambda time: before(time) if time < start else after(time)


@dataclass
class Room:
    """A lesson that is looked at as the relay does it."""

    sounds: dict[str, Sound]
    changes: list[tuple[float, str | None]] = field(default_factory=list)

    def run(self, seconds: float) -> Room:
        voices = {stream: Voice(0.0) for stream in self.sounds}
        active = ActiveSpeaker()
        for step in range(int(seconds / PACKET)):
            now = step * PACKET
            for stream, sound in self.sounds.items():
                if (level := sound(now)) is not None:
                    voices[stream].hear(level, now)
            if step % round(LOOK / PACKET) == 0 and active.update(voices, now):
                self.changes.append((now, active.stream))
        return self

    @property
    def speakers(self) -> list[str | None]:
        return [stream for _, stream in self.changes]


@given(
    level=st.integers(15, 42),
    room=st.integers(62, 110),
    start=st.floats(1.0, 4.0),
    seed=st.integers(0, 1 << 16),
    mark=st.sampled_from([0, 0x80]),
)
def test_a_clear_voice_wins_within_half_a_second(
    level: int, room: int, start: float, seed: int, mark: int
) -> None:
    voice = from_time(start, noise(room, seed, mark=mark), speech(level, seed, mark=mark))
    told = Room({"main": noise(room, seed + 1), "site-S1": voice}).run(start + 1.0).changes
    assert [stream for _, stream in told] == ["site-S1"]
    assert told[0][0] - start <= 0.5


@pytest.mark.parametrize("seed", range(20))
def test_somebody_who_comes_in_talking_is_heard_at_once(seed: int) -> None:
    told = Room({"main": speech(25, seed)}).run(1.0).changes
    assert [stream for _, stream in told] == ["main"]
    assert told[0][0] <= 0.5


@given(
    st.lists(
        st.tuples(st.integers(5, 126), st.floats(0.0, 5.0), st.integers(0, 3), st.booleans()),
        min_size=1,
        max_size=4,
    )
)
def test_noise_alone_never_wins(noises: list[tuple[int, float, int, bool]]) -> None:
    """From the beginning or switched on later, out of silence or out of nothing."""
    sounds = {
        f"site-{i}": from_time(start, digital_silence if silent else nothing, noise(level, i, flicker))
        for i, (level, start, flicker, silent) in enumerate(noises)
    }
    assert Room(sounds).run(10.0).speakers == []


@given(st.data())
def test_whatever_comes_turns_last_and_switches_are_few(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 1 << 32))
    pace = data.draw(st.floats(0.0, 0.5))
    random_ = random.Random(seed)

    def wild() -> Sound:
        level = random_.randrange(256)

        def at(time: float) -> int | None:
            nonlocal level
            if random_.random() < pace:
                level = random_.choice([random_.randrange(256), 0x80 | 20, 0xFF, NO_LEVEL])
            return None if random_.random() < pace / 4 else level

        return at

    changes = Room({f"site-{i}": wild() for i in range(3)}).run(20.0).changes
    for (before, _), (after, stream) in zip(changes, changes[1:], strict=False):
        assert after - before >= (SHORTEST_TURN if stream else LINGER) - 1e-9


@given(st.lists(st.tuples(st.floats(0.0, 0.3), st.integers(-1, 255)), max_size=300))
def test_one_voice_alone_switches_at_a_bounded_rate(packets: list[tuple[float, int]]) -> None:
    voice, now, before = Voice(0.0), 0.0, False
    began: list[float] = []
    for pause, level in packets:
        now += pause
        voice.hear(level, now)
        if voice.speaking(now) and not before:
            began.append(now)
        before = voice.speaking(now)
    assert all(after - first >= RELEASE for first, after in zip(began, began[1:], strict=False))


def test_the_teacher_keeps_the_turn_while_a_pupil_murmurs() -> None:
    sounds = {"main": speech(25), "site-S1": from_time(2.0, noise(90), speech(29, 2))}
    assert Room(sounds).run(8.0).speakers == ["main"]


def test_a_louder_challenger_must_hold_for_a_while() -> None:
    burst = from_time(3.0, noise(90), from_time(3.5, speech(15, 2), noise(90)))
    assert Room({"main": speech(40), "site-S1": burst}).run(8.0).speakers == ["main"]
    steady = from_time(3.0, noise(90), speech(20, 2))
    changes = Room({"main": speech(40), "site-S1": steady}).run(8.0).changes
    assert [stream for _, stream in changes] == ["main", "site-S1"]
    assert 4.0 <= changes[1][0] <= 5.5


def test_question_and_answer() -> None:
    """The teacher asks and falls silent; the pupil has the turn once the teacher has stopped."""
    teacher = from_time(3.0, speech(25), noise(80))
    pupil = from_time(3.5, noise(75), from_time(6.0, speech(35, 2), noise(75)))
    changes = Room({"main": teacher, "site-S1": pupil}).run(12.0).changes
    assert [stream for _, stream in changes] == ["main", "site-S1", None]
    assert 3.0 < changes[1][0] <= 3.0 + RELEASE + 0.5
    assert 6.0 + RELEASE + LINGER - 0.5 <= changes[2][0] <= 6.0 + RELEASE + LINGER + 0.5


@pytest.mark.parametrize("quiet", [nothing, digital_silence, noise(80)], ids=["none", "digital", "room"])
def test_silence_keeps_the_last_for_a_moment_then_nobody(quiet: Sound) -> None:
    changes = Room({"main": from_time(3.0, speech(25), quiet)}).run(8.0).changes
    assert [stream for _, stream in changes] == ["main", None]
    assert 3.0 + LINGER <= changes[1][0] <= 3.0 + RELEASE + LINGER + 0.3


def test_a_fan_that_is_switched_on_takes_the_turn_from_nobody_and_hides_nobody() -> None:
    fan = from_time(1.0, noise(90), noise(45))
    changes = Room({"site-S1": fan, "main": from_time(4.0, noise(90), speech(30))}).run(7.0).changes
    assert [stream for _, stream in changes] == ["main"]
    assert changes[0][0] <= 4.5


def test_who_leaves_loses_the_turn_at_once() -> None:
    voice, active, talk = Voice(0.0), ActiveSpeaker(), speech(25)
    for step in range(100):
        voice.hear(talk(step * PACKET) or 0, step * PACKET)
        active.update({"main": voice}, step * PACKET)
    assert active.stream == "main"
    assert active.update({}, 2.0)
    assert active.stream is None
    assert not active.update({}, 9.0)


def test_packets_without_a_voice_mark_are_silent_once_the_sender_is_known_to_mark() -> None:
    talk = speech(25, mark=0)
    assert Room({"main": talk}).run(3.0).speakers == ["main"]
    marked_once: Iterator[int] = iter([0x80 | 90])
    assert Room({"main": lambda time: next(marked_once, talk(time))}).run(3.0).speakers == []


def test_muted_is_no_sound_at_all() -> None:
    voice = Voice(0.0)
    assert not voice.muted(MUTED_AFTER)
    assert voice.muted(MUTED_AFTER + 0.1), "no packets"
    voice.hear(0x80 | 126, 2.0)
    assert not voice.muted(2.0), "the faintest noise is sound"
    for step in range(100):
        voice.hear(0xFF, 2.0 + step * PACKET)
    assert voice.muted(2.0 + 99 * PACKET), "digital silence"
    voice.hear(NO_LEVEL, 4.0)
    assert not voice.muted(4.0), "a sender that tells no levels is heard by its packets"


def test_sparse_packets_of_a_sender_that_saves_in_silence_are_no_mute() -> None:
    voice = Voice(0.0)
    for step in range(20):  # Opus sends one packet every 400 ms then
        assert not voice.muted(step * 0.4)
        voice.hear(0x80 | 100, step * 0.4)
