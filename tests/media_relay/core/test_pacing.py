"""How much of a picture may be sent in one go."""

import pytest

from media_relay.core.pacing import FIRST_PICTURE, FIRST_WINDOW, UNKNOWN, Pace, first_window

TICK = 0.020


def sent(pace: Pace, bitrate: int, room: int | None, ticks: int, packet: int) -> float:
    """Bits a second of somebody who always has packets of this size to send."""
    octets = 0
    for tick in range(ticks):
        left = pace.allowance(bitrate, room, tick * TICK)
        while left > 0:
            octets += packet
            left -= packet
        pace.owe(-left)
    return octets * 8 / (ticks * TICK)


@pytest.mark.parametrize("packet", [300, 1_200])
def test_packets_of_any_size_keep_the_pace(packet: int) -> None:
    assert sent(Pace(), 100_000, 400_000, 500, packet) == pytest.approx(0.92 * 400_000, rel=0.02)
    assert sent(Pace(), 500_000, 100_000, 500, packet) == pytest.approx(1.02 * 500_000, rel=0.02)


def test_a_link_that_nothing_is_known_of_is_given_what_a_wide_one_takes() -> None:
    assert sent(Pace(), 0, None, 50, 1_000) == pytest.approx(UNKNOWN, rel=0.05)


def test_a_late_tick_is_no_burst_and_repairs_are_taken_off() -> None:
    pace = Pace()
    usual = pace.allowance(0, 1_000_000, 0.0)
    assert pace.allowance(0, 1_000_000, 5.0) <= 2 * usual
    pace.owe(10 * usual)
    assert pace.allowance(0, 1_000_000, 5.020) == 0


def test_repairs_beyond_the_allowance_wait_until_it_has_paid_for_them() -> None:
    pace = Pace()
    repairs = 0
    for tick in range(500):
        while not pace.in_debt:
            repairs += 1_000
            pace.owe(1_000)
        pace.allowance(0, 200_000, tick * TICK)
    assert repairs * 8 / (500 * TICK) == pytest.approx(0.92 * 200_000, rel=0.05)


def test_a_first_picture_comes_whole_unless_it_is_too_large_anyway() -> None:
    assert first_window(10_000) == FIRST_WINDOW
    assert 62_000 < first_window(62_000) <= FIRST_PICTURE
    assert first_window(FIRST_PICTURE) == FIRST_WINDOW
