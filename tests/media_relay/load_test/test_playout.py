"""What a player would make of arrivals: freezes as browsers count them, and sound that comes too late."""

import pytest

from media_relay.load_test.playout import Pictures, Sound
from tests.link import Conditions, Link

FRAME = 1 / 30
FIRST = (1 << 32) - 90_000
"""A timestamp, which wraps on the way."""


def stamp(seconds: float) -> int:
    """The timestamp of the picture taken so long after the first."""
    return (FIRST + round(seconds * 90_000)) & 0xFFFFFFFF


def played(seconds: float, *, packets: int = 3) -> tuple[Pictures, int, float]:
    """Pictures that began with a keyframe and went well for a while; the next number, and the time."""
    pictures = Pictures()
    pictures.resume(0, {0: stamp(0)}, 0.0)
    number, now = 1, 0.0
    for _ in range(round(seconds / FRAME)):
        now += FRAME
        for index in range(packets):
            pictures.receive(number, stamp(now) if index == packets - 1 else None, now)
            number += 1
    return pictures, number, now


def test_steady_pictures_do_not_freeze_and_are_hardly_held_back() -> None:
    pictures, _, now = played(20.0)
    assert (pictures.freezes, pictures.still(now)) == (0, 0.0)
    assert pictures.hold_back.seconds <= 0.020


def test_nothing_is_shown_before_a_keyframe() -> None:
    pictures = Pictures()
    pictures.receive(7, stamp(0), 1.0)
    assert pictures.lost
    assert pictures.still(9.0) == 0.0, "what has not begun does not stand still"


def test_a_pause_is_a_freeze_from_its_beginning_even_while_it_lasts() -> None:
    pictures, number, now = played(12.0, packets=1)
    shown = now + pictures.hold_back.seconds
    assert pictures.still(shown + 0.15) == 0.0, "not one that anybody notices"
    assert pictures.still(shown + 1.0) == pytest.approx(1.0, abs=0.02)
    pictures.receive(number, stamp(now + FRAME), now + 1.5)
    assert pictures.freezes == 1
    assert pictures.still(now + 1.5) == pytest.approx(1.5, abs=0.02)


def test_a_repair_in_time_is_not_seen() -> None:
    pictures, number, now = played(2.0)
    taken = now + FRAME
    pictures.receive(number + 1, None, taken)
    pictures.receive(number + 2, stamp(taken), taken)
    pictures.receive(number, None, taken + 0.05)
    assert pictures.freezes == 0
    assert not pictures.lost


def test_frames_behind_a_gap_wait_for_it() -> None:
    pictures, number, now = played(2.0, packets=1)
    for index in range(1, 16):
        taken = now + FRAME * (1 + index)
        pictures.receive(number + index, stamp(taken), taken)
    pictures.receive(number, stamp(now + FRAME), now + 0.6)
    assert pictures.freezes == 1
    taken = now + 17 * FRAME
    pictures.receive(number + 16, stamp(taken), max(taken, now + 0.6))
    assert pictures.freezes == 1, "it goes on with all that waited"


def test_what_is_given_up_takes_a_keyframe() -> None:
    pictures, number, now = played(12.0, packets=1)
    for index in range(1, 20):
        pictures.receive(number + index, stamp(now + FRAME * index), now + FRAME * index)
    pictures.give_up()
    assert pictures.lost
    pictures.receive(number + 41, stamp(now + 1.4), now + 1.4)
    came = {number + 45: stamp(now + 1.5), number + 44: stamp(now + 1.46), number + 47: stamp(now + 1.56)}
    pictures.resume(number + 45, came, now + 1.5)
    assert not pictures.lost
    assert pictures.still(now + 1.5) == pytest.approx(1.5, abs=0.02)
    pictures.receive(number + 46, stamp(now + 1.53), now + 1.5 + FRAME)
    pictures.receive(number + 48, stamp(now + 1.6), now + 1.5 + 2 * FRAME)
    assert pictures.freezes == 1
    assert pictures.still(now + 1.6) == pytest.approx(1.5, abs=0.02), "what came meanwhile is shown, too"


def test_a_link_that_stops_for_half_a_second_is_noticed_once() -> None:
    link = Link(Conditions(delay=0.020), seed=1)
    pictures, sound = Pictures(), Sound()
    pictures.resume(0, {0: stamp(0)}, 0.0)
    for number in range(1, 301):
        sent = number * FRAME
        arrival = link.send(1_000, sent)
        assert arrival is not None
        if 4.0 < sent < 4.5:
            arrival = 4.5  # a Wi-Fi that sleeps, and brings all at once
        pictures.receive(number, stamp(sent), arrival)
        sound.receive(round(sent * 48_000), arrival)
    assert pictures.freezes == 1
    assert 0.4 < pictures.frozen < 0.6
    assert 1 <= sound.late < 12, "what came first after the pause; for the rest the player waits"
