"""How long a player waits: as long as repairs take, for nearly all of them, and no longer."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from media_relay.core.nack import NackGenerator
from media_relay.load_test.holding import LONGEST, HoldBack
from media_relay.load_test.playout import Pictures, Sound
from tests.link import Conditions, Link, Wire

STEP = 0.005
TICK = 0.020
CLOCK = 90_000
SOUND_CLOCK = 48_000


@dataclass(frozen=True)
class Watched:
    """What was noticed in the last minute of two."""

    frozen: float
    late: float
    held_back: float


def watch(conditions: Conditions, *, seed: int = 1, parts: int = 4) -> Watched:
    """Two minutes of pictures in so many parts each, and of sound, over a link whose losses are asked for again."""
    pictures, sound = Pictures(), Sound()
    video = Receiver(conditions, seed, parts, 30)
    audio = Receiver(conditions, seed + 10, 1, 50)
    pictures.resume(-1, {-1: 0}, 0.0)
    heard = was_late = 0
    frozen = 0.0
    now, half_time = 0.0, 60.0
    while now < 2 * half_time:
        now += STEP
        for number in video.step(now):
            frame, part = divmod(number, parts)
            ends = round(frame / 30 * CLOCK) if part == parts - 1 else None
            pictures.receive(number, ends, now)
        for number in audio.step(now):
            sound.receive(round(number / 50 * SOUND_CLOCK), now)
            heard += now > half_time
        if now <= half_time:
            frozen, was_late = pictures.still(now), sound.late
    return Watched(
        (pictures.still(now) - frozen) / half_time,
        (sound.late - was_late) / heard,
        max(sound.hold_back.seconds, pictures.hold_back.seconds),
    )


class Receiver:
    """One track and its repair, in virtual time: which numbers come for the first time when."""

    def __init__(self, conditions: Conditions, seed: int, parts: int, per_second: int) -> None:
        self._media, self._asking = Wire(Link(conditions, seed)), Wire(Link(conditions, seed + 1))
        self._parts = parts
        self._every = 1 / per_second
        self._next_at = self._every
        self._number = 0
        self._nacks = NackGenerator()
        self._came: set[int] = set()
        self._tick_at = 0.0

    def step(self, now: float) -> list[int]:
        while self._next_at <= now:
            self._next_at += self._every
            for _ in range(self._parts):
                self._media.put(self._number.to_bytes(4, "big"), now)
                self._number += 1
        for asked in self._asking.take(now):
            self._media.put(asked, now)
        came = []
        for datagram in self._media.take(now):
            number = int.from_bytes(datagram, "big")
            self._nacks.receive(number, now)
            if number not in self._came:
                self._came.add(number)
                came.append(number)
        if now >= self._tick_at:
            self._tick_at = now + TICK
            for number in self._nacks.due(now):
                self._asking.put(number.to_bytes(4, "big"), now)
        return came


def test_on_a_good_link_hardly_anything_is_held_back() -> None:
    watched = watch(Conditions(delay=0.020))
    assert (watched.frozen, watched.late) == (0.0, 0.0)
    assert watched.held_back <= 0.020


@pytest.mark.parametrize("seed", range(3))
def test_repairs_come_in_time(seed: int) -> None:
    watched = watch(Conditions(loss=0.05, delay=0.050), seed=seed)
    assert watched.frozen < 0.02, "two moments in a minute, of two fifths of it without waiting"
    assert watched.late < 0.01
    assert 0.200 < watched.held_back < LONGEST, "the second repair of one and the same packet is waited for"


def test_jitter_is_waited_for() -> None:
    watched = watch(Conditions(delay=0.050, jitter=0.080))
    assert watched.frozen == 0.0
    assert watched.late < 0.015
    assert watched.held_back < 0.120


@pytest.mark.parametrize(("jitter", "share"), [(0.15, 0.01), (0.8, 0.36)])
def test_the_wait_is_bounded(jitter: float, share: float) -> None:
    sound, rng = Sound(), random.Random(7)
    first = (1 << 32) - 48_000  # the timestamps wrap on the way
    for number in range(3_000):
        sound.receive((first + number * 960) & 0xFFFFFFFF, 5.0 + number * 0.020 + rng.uniform(0.0, jitter))
    assert sound.late / 3_000 == pytest.approx(share, abs=0.02)
    assert sound.hold_back.seconds <= LONGEST


def test_a_link_that_got_longer_is_the_usual_after_a_while() -> None:
    hold_back = HoldBack(SOUND_CLOCK)
    waits = [
        hold_back.arrive(n * 960, n * 0.020 + (0.300 if n > 1_000 else 0.0) + (n % 3) * 0.010)
        for n in range(3_000)
    ]
    assert waits[1_001] < 0, "nobody could know"
    assert all(wait >= 0 for wait in waits[1_020:])
    assert hold_back.seconds <= 0.040


def test_a_newcomers_past_is_played_at_once() -> None:
    hold_back = HoldBack(CLOCK)
    for frame in range(75):  # two and a half seconds of pictures in a quarter of a second
        assert hold_back.arrive(frame * 3_000, 10.0 + frame * 0.003) > 0
    assert hold_back.seconds <= 0.080
