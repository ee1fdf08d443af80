"""Transport-wide feedback, read back by a parser written from the draft's text alone.

draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.transport_feedback import TransportFeedback


@dataclass
class Feedback:
    base: int
    count: int
    arrivals: dict[int, float]
    """Seconds by offset from the base."""
    statuses: list[int]
    status_count: int


def parse(fci: bytes) -> Feedback:
    base, status_count = struct.unpack_from("!HH", fci)
    reference = int.from_bytes(fci[4:7], "big", signed=True)
    statuses: list[int] = []
    position = 8
    while len(statuses) < status_count:
        (chunk,) = struct.unpack_from("!H", fci, position)
        position += 2
        if not chunk & 0x8000:
            run = chunk & 0x1FFF
            assert run > 0, "an empty run makes no progress"
            statuses += [chunk >> 13 & 3] * run
        elif chunk & 0x4000:
            statuses += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            statuses += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    assert not any(statuses[status_count:]), "symbols beyond the count stand for nothing"
    statuses = statuses[:status_count]
    clock = reference * 0.064
    arrivals = {}
    for offset, status in enumerate(statuses):
        assert status != 3, "reserved"
        if status == 1:
            clock += fci[position] * 0.00025
            position += 1
        elif status == 2:
            clock += struct.unpack_from("!h", fci, position)[0] * 0.00025
            position += 2
        if status:
            arrivals[offset] = clock
    assert len(fci) % 4 == 0
    assert len(fci) - position < 4 and not any(fci[position:])
    return Feedback(base, fci[7], arrivals, statuses, status_count)


def built(feedback: TransportFeedback) -> Feedback:
    fci = feedback.build()
    assert fci is not None
    return parse(fci)


@given(
    st.integers(0, 65_535),
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 400_000)),
        min_size=1,
        max_size=150,
        unique_by=lambda a: a[0],
    ),
)
def test_what_arrived_is_told_within_a_quarter_of_a_millisecond(
    first: int, arrivals: list[tuple[int, int]]
) -> None:
    feedback = TransportFeedback()
    start = 1_000.0
    for offset, micro in arrivals:
        feedback.receive((first + offset) & 0xFFFF, start + micro / 1e6)
    read = built(feedback)
    lowest = min(offset for offset, _ in arrivals)
    # The first packet received is the first base; earlier numbers that come later extend it downwards.
    assert read.base == (first + lowest) & 0xFFFF
    assert set(read.arrivals) == {offset - lowest for offset, _ in arrivals}
    for offset, micro in arrivals:
        assert read.arrivals[offset - lowest] == pytest.approx(start + micro / 1e6, abs=0.000_3)
    assert read.status_count == max(offset for offset, _ in arrivals) - lowest + 1


def test_one_feedback_follows_the_other() -> None:
    feedback = TransportFeedback()
    assert feedback.build() is None
    for number in (65_534, 65_535, 1):
        feedback.receive(number, 1.0)
    first = built(feedback)
    assert (first.base, first.statuses) == (65_534, [1, 1, 0, 1])
    assert feedback.build() is None
    feedback.receive(3, 1.1)
    second = built(feedback)
    assert (second.base, second.statuses) == (2, [0, 1]) and second.count == first.count + 1


def test_a_late_packet_does_not_make_the_next_feedback_start_over() -> None:
    feedback = TransportFeedback()
    for number in (10, 12):
        feedback.receive(number, 1.0)
    built(feedback)
    feedback.receive(11, 1.1)
    assert built(feedback).base == 11
    feedback.receive(13, 1.2)
    assert built(feedback).base == 13


def test_runs_and_vectors_are_both_used() -> None:
    feedback = TransportFeedback()
    for number in [*range(100), 103, 105, 108, *range(200, 1_000)]:
        feedback.receive(number, 5.0 + number / 10_000)
    fci = feedback.build()
    assert fci is not None
    read = parse(fci)
    assert set(read.arrivals) == {*range(100), 103, 105, 108, *range(200, 1_000)}
    assert len(fci) < 8 + 903 + 40, "a run of hundreds takes one chunk"


@given(st.lists(st.tuples(st.integers(0, 65_535), st.floats(0, 1e7)), max_size=60))
def test_any_arrivals_make_a_well_formed_feedback(arrivals: list[tuple[int, float]]) -> None:
    feedback = TransportFeedback()
    for number, now in arrivals:
        feedback.receive(number, now)
    fci = feedback.build()
    assert (fci is None) == (not arrivals)
    if fci is not None:
        assert parse(fci).status_count <= 1_024


def test_memory_is_bounded() -> None:
    feedback = TransportFeedback()
    for number in range(3_000):
        feedback.receive(number, 1.0)
    assert feedback.overflowed == 3_000 - 1_024
    assert built(feedback).status_count <= 1_024


def test_the_count_wraps_after_256() -> None:
    feedback = TransportFeedback()
    counts = []
    for number in range(258):
        feedback.receive(number, float(number))
        counts.append(built(feedback).count)
    assert counts == [*range(256), 0, 1]
