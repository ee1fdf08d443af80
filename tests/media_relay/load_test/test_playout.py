"""What a player would make of arrivals: freezes as browsers count them, and sound that comes too late."""

import random

import pytest

from media_relay.load_test.playout import SOUND_BUFFER, Pictures, Sound
from tests.link import Conditions, Link

FRAME = 1 / 30


def played(seconds: float, *, packets: int = 3) -> tuple[Pictures, int, float]:
    """Pictures that began with a keyframe and went well for a while; the next number, and the time."""
    pictures = Pictures()
    pictures.resume(0, {}, 0.0)
    number, now = 1, 0.0
    for _ in range(round(seconds / FRAME)):
        now += FRAME
        for index in range(packets):
            pictures.receive(number, index == packets - 1, now)
            number += 1
    return pictures, number, now


def test_steady_pictures_do_not_freeze() -> None:
    pictures, _, now = played(10.0)
    assert (pictures.freezes, pictures.still(now)) == (0, 0.0)


def test_nothing_is_shown_before_a_keyframe() -> None:
    pictures = Pictures()
    pictures.receive(7, True, 1.0)
    assert pictures.lost
    assert pictures.still(9.0) == 0.0, "what has not begun does not stand still"


def test_a_pause_is_a_freeze_from_its_beginning_even_while_it_lasts() -> None:
    pictures, number, now = played(2.0, packets=1)
    assert pictures.still(now + 0.15) == 0.0, "not one that anybody notices"
    assert pictures.still(now + 1.0) == pytest.approx(1.0)
    pictures.receive(number, True, now + 1.5)
    assert pictures.freezes == 1
    assert pictures.still(now + 1.5) == pytest.approx(1.5)


def test_a_repair_in_time_is_not_seen() -> None:
    pictures, number, now = played(2.0)
    for late in (number + 1, number + 2, number):
        pictures.receive(late, late == number + 2, now + FRAME + 0.05 * (late == number))
    assert pictures.freezes == 0
    assert not pictures.lost


def test_frames_behind_a_gap_wait_for_it() -> None:
    pictures, number, now = played(2.0, packets=1)
    for index in range(1, 16):
        pictures.receive(number + index, True, now + FRAME * (1 + index))
    pictures.receive(number, True, now + 0.6)
    assert pictures.freezes == 1
    pictures.receive(number + 16, True, now + 0.6 + FRAME)
    assert pictures.freezes == 1, "it goes on with all that waited"


def test_what_is_given_up_takes_a_keyframe() -> None:
    pictures, number, now = played(2.0, packets=1)
    for index in range(1, 20):
        pictures.receive(number + index, True, now + FRAME * index)
    pictures.give_up()
    assert pictures.lost
    pictures.receive(number + 41, True, now + 1.4)
    pictures.resume(number + 45, {number + 44: True, number + 47: True}, now + 1.5)
    assert not pictures.lost
    assert pictures.still(now + 1.5) == pytest.approx(1.5)
    pictures.receive(number + 46, True, now + 1.5 + FRAME)
    pictures.receive(number + 48, True, now + 1.5 + 2 * FRAME)
    assert pictures.freezes == 1
    assert pictures.still(now + 1.6) == pytest.approx(1.5), "what came meanwhile is shown, too"


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.0), (0.15, 0.0), (0.8, 0.5)])
def test_sound_is_late_when_it_comes_after_a_players_buffer(jitter: float, share: float) -> None:
    sound, rng = Sound(), random.Random(7)
    first = (1 << 32) - 48_000  # the timestamps wrap on the way
    for number in range(3_000):
        sound.receive((first + number * 960) & 0xFFFFFFFF, 5.0 + number * 0.020 + rng.uniform(0.0, jitter))
    assert SOUND_BUFFER < 0.8
    assert sound.late / 3_000 == pytest.approx(share, abs=0.3 if share else 0.0)


def test_a_link_that_stops_for_half_a_second_is_noticed_once() -> None:
    link = Link(Conditions(delay=0.020), seed=1)
    pictures, sound = Pictures(), Sound()
    pictures.resume(0, {}, 0.0)
    for number in range(1, 301):
        sent = number * FRAME
        arrival = link.send(1_000, sent)
        assert arrival is not None
        if 4.0 < sent < 4.5:
            arrival = 4.5  # a Wi-Fi that sleeps, and brings all at once
        pictures.receive(number, True, arrival)
        sound.receive(round(sent * 48_000), arrival)
    assert pictures.freezes == 1
    assert 0.45 < pictures.frozen < 0.6
    assert 5 < sound.late < 12
