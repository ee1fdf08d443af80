"""What an allowance gives over time."""

from __future__ import annotations

from media_relay.core.allowance import Allowance


def test_a_burst_then_its_rate() -> None:
    allowance = Allowance(rate=10, most=5)
    assert sum(allowance.take(1, 100.0) for _ in range(50)) == 5
    assert not allowance.take(1, 100.05)
    assert allowance.take(1, 100.11)
    given = sum(allowance.take(1, 101 + n / 1_000) for n in range(10_000))
    assert 100 <= given <= 105


def test_what_is_refused_is_not_taken_and_time_saves_no_more_than_the_burst() -> None:
    allowance = Allowance(rate=1, most=4)
    assert not allowance.take(5, 0.0)
    assert allowance.take(4, 0.0)
    assert not allowance.take(5, 1_000_000.0)
    assert allowance.take(4, 1_000_000.0)


def test_a_clock_that_stands_still_gives_nothing_back() -> None:
    allowance = Allowance(rate=1_000, most=1)
    assert allowance.take(1, 5.0)
    assert not allowance.take(1, 5.0) and not allowance.take(1, 4.0)
