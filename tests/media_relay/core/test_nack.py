"""Asking a publisher again: everything missing, not too often, not for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.nack import NackGenerator


def test_what_is_missing_is_asked_for_after_a_moment() -> None:
    nacks = NackGenerator()
    nacks.receive(10, 0.0)
    nacks.receive(13, 0.0)
    assert nacks.due(0.005) == [], "it may be merely reordered"
    assert nacks.due(0.010) == [11, 12]
    assert nacks.due(0.050) == []
    assert nacks.due(0.110) == [11, 12]


def test_what_arrives_late_is_not_asked_for() -> None:
    nacks = NackGenerator()
    for number in (10, 13, 12):
        nacks.receive(number, 0.0)
    assert nacks.due(0.02) == [11]
    nacks.receive(11, 0.03)
    assert nacks.due(1.0) == []
    assert nacks.gave_up == 0


def test_nothing_before_the_first_packet_is_asked_for() -> None:
    nacks = NackGenerator()
    nacks.receive(1_000, 0.0)
    nacks.receive(990, 0.0)
    assert nacks.due(0.5) == []


def test_it_gives_up_after_six_tries_or_a_second() -> None:
    nacks = NackGenerator()
    nacks.receive(0, 0.0)
    nacks.receive(2, 0.0)
    asked = sum(len(nacks.due(t / 100)) for t in range(200))
    assert asked == 6
    assert nacks.gave_up == 1
    nacks.receive(4, 10.0)
    assert nacks.due(11.5) == [], "too old when we come to it"
    assert nacks.gave_up == 2


def test_a_retry_waits_for_the_round_trip() -> None:
    nacks = NackGenerator()
    nacks.receive(0, 0.0)
    nacks.receive(2, 0.0)
    assert nacks.due(0.010) == [1]
    nacks.receive(1, 0.050)
    assert nacks.rtt == pytest.approx(0.040)
    nacks.receive(4, 1.0)
    assert nacks.due(1.010) == [3]
    assert nacks.due(1.060) == [], "its answer may be under way"
    assert nacks.due(1.071) == [3]


def test_the_answer_to_a_second_request_measures_nothing() -> None:
    nacks = NackGenerator()
    nacks.receive(0, 0.0)
    nacks.receive(2, 0.0)
    assert nacks.due(0.010) == [1]
    assert nacks.due(0.110) == [1]
    nacks.receive(1, 0.120)
    assert nacks.rtt is None


@given(st.lists(st.floats(0.0, 2.0), min_size=1, max_size=50))
def test_a_strange_round_trip_neither_floods_nor_stops_asking(answers: list[float]) -> None:
    nacks, now, number = NackGenerator(), 0.0, 0
    nacks.receive(0, now)
    for delay in answers:
        number += 2
        nacks.receive(number, now)
        nacks.due(now + 0.010)
        nacks.receive(number - 1, now + 0.010 + delay)
        now += 0.010 + delay
    nacks.receive(number + 2, now)
    asked = [t for t in range(1_000) if nacks.due(now + t / 1_000)]
    assert 3 <= len(asked) <= 6
    assert all(later - earlier >= 19 for earlier, later in zip(asked, asked[1:], strict=False))


def test_a_jump_is_a_new_start() -> None:
    nacks = NackGenerator()
    nacks.receive(0, 0.0)
    nacks.receive(2, 0.0)
    nacks.receive(5_000, 0.0)
    assert nacks.due(0.1) == []
    nacks.receive(5_002, 0.2)
    assert nacks.due(0.3) == [5_001]


@given(st.lists(st.integers(0, 2_000), max_size=300))
def test_memory_is_bounded_and_only_missing_numbers_are_asked_for(arrivals: list[int]) -> None:
    nacks = NackGenerator()
    seen: set[int] = set()
    for index, number in enumerate(arrivals):
        now = index * 0.001
        nacks.receive(number, now)
        seen.add(number)
        asked = nacks.due(now)
        assert len(asked) <= 256
        assert not seen & set(asked)
        assert all(number < max(seen) for number in asked)
        assert asked == sorted(asked) or len(asked) < 2


@given(st.integers(1, 255), st.integers(0, 60_000))
def test_every_loss_up_to_the_memory_is_asked_for(lost: int, first: int) -> None:
    nacks = NackGenerator()
    nacks.receive(first, 0.0)
    nacks.receive(first + lost + 1, 0.0)
    assert nacks.due(0.02) == list(range(first + 1, first + lost + 1))


def test_time_going_backwards_asks_for_nothing_twice() -> None:
    nacks = NackGenerator()
    nacks.receive(0, 100.0)
    nacks.receive(2, 100.0)
    assert nacks.due(100.02) == [1]
    assert nacks.due(99.0) == []
