"""Transport-wide feedback as the relay reads it: what its own writer writes, and anything else."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.core.feedback_reader import MAX_PACKETS, TICK, Feedback, FeedbackError, read_feedback
from media_relay.core.transport_feedback import TransportFeedback

SMALL = 1 << 13
ONE_BIT = 0x8000
TWO_BITS = 0xC000


def message(base: int, count: int, chunks: list[int], deltas: bytes, reference: int = 1) -> bytes:
    return (
        struct.pack("!HHI", base, count, reference << 8)
        + b"".join(c.to_bytes(2, "big") for c in chunks)
        + deltas
    )


@settings(max_examples=200)
@given(
    st.integers(0, 0xFFFF),
    st.lists(st.one_of(st.none(), st.floats(0, 6)), min_size=1, max_size=300).filter(
        lambda a: a[0] is not None
    ),
)
def test_what_a_receiver_writes_is_read_to_the_tick(base: int, delays: list[float | None]) -> None:
    receiver = TransportFeedback()
    for index, delay in enumerate(delays):
        if delay is not None:
            receiver.receive(base + index & 0xFFFF, 1_000.0 + delay)
    fci = receiver.build()
    assert fci is not None
    feedback = read_feedback(fci)
    last = max(index for index, delay in enumerate(delays) if delay is not None)
    assert feedback.base == base and len(feedback.arrivals) == last + 1
    assert feedback.complete == all(delay is not None for delay in delays[: last + 1])
    for ticks, delay in zip(feedback.arrivals, delays, strict=False):
        assert (ticks is None) == (delay is None)
        if ticks is not None and delay is not None:
            at = (feedback.reference * 256 + ticks) * TICK
            assert abs(at - 1_000.0 - delay) <= TICK


def test_all_forms_of_status_are_understood() -> None:
    vectors = [TWO_BITS | 0b01_10_00_01_01_01_00, ONE_BIT | 0b10000000000001, 2 << 13 | 1, SMALL | 2]
    deltas = bytes([1, 0xFF, 0xF6, 2, 3, 4, 5, 6, 0, 100, 7, 8])
    feedback = read_feedback(message(7, 24, vectors, deltas))
    assert feedback.arrivals == [
        *(1, -9, None, -7, -4, 0, None),
        *(5, *[None] * 12, 11),
        *(111, 118, 126),
    ]
    assert (feedback.base, feedback.reference, feedback.complete) == (7, 1, False)


@pytest.mark.parametrize(
    "fci",
    [
        b"",
        bytes(7),
        message(0, 0, [], b""),
        message(0, MAX_PACKETS + 1, [SMALL | 0x1FFF], bytes(MAX_PACKETS + 1)),
        message(0, 3, [], b""),
        message(0, 3, [SMALL | 3], b"\1\1"),
        message(0, 3, [SMALL | 0] * 100, bytes(100)),
        message(0, 2, [2 << 13 | 2], b"\0\1\0"),
        message(0, 1, [3 << 13 | 1], b"\1\1\1\1"),
        message(0, 0xFFFF, [SMALL | 0x1FFF] * 8, bytes(100)),
    ],
)
def test_what_does_not_add_up_is_refused(fci: bytes) -> None:
    with pytest.raises(FeedbackError):
        read_feedback(fci)


@settings(max_examples=500)
@given(st.binary(max_size=120))
def test_anything_else_is_read_within_bounds_or_refused(fci: bytes) -> None:
    try:
        feedback = read_feedback(fci)
    except FeedbackError:
        return
    assert 0 < len(feedback.arrivals) <= MAX_PACKETS
    assert isinstance(feedback, Feedback)
    assert feedback.complete == (None not in feedback.arrivals)
