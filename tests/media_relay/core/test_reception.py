"""Receiver reports against the algorithms printed in RFC 3550, appendix A."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.reception import Reception


class Oracle:
    """RFC 3550 A.3 (loss) and A.8 (jitter), transcribed for extended sequence numbers."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.base: int | None = None
        self.max = 0
        self.received = 0
        self.expected_prior = 0
        self.received_prior = 0
        self.transit: float | None = None
        self.timestamp: int | None = None
        self.jitter = 0.0

    def receive(self, number: int, timestamp: int, now: float) -> None:
        if self.base is None:
            self.base = self.max = number
        self.max = max(self.max, number)
        self.received += 1
        # As libwebrtc does: of the packets of one frame only the first tells how long it travelled.
        if timestamp != self.timestamp:
            self.timestamp = timestamp
            transit = now * self.rate - timestamp
            if self.transit is not None:
                self.jitter += (1 / 16) * (abs(transit - self.transit) - self.jitter)
            self.transit = transit

    def report(self) -> tuple[int, int]:
        assert self.base is not None
        expected = self.max - self.base + 1
        lost = expected - self.received
        expected_interval = expected - self.expected_prior
        self.expected_prior = expected
        received_interval = self.received - self.received_prior
        self.received_prior = self.received
        lost_interval = expected_interval - received_interval
        if expected_interval == 0 or lost_interval <= 0:
            return 0, lost
        return min(255, (lost_interval << 8) // expected_interval), lost


@given(
    st.integers(0, 70_000),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40), st.booleans()), min_size=1, max_size=80),
)
def test_loss_and_jitter_are_those_of_the_rfc(first: int, steps: list[tuple[int, int, bool]]) -> None:
    reception, oracle = Reception(90_000), Oracle(90_000)
    now = 5.0
    for offset, delay, report in steps:
        number, timestamp = first + offset, offset * 3_000
        now += delay / 1_000
        reception.receive(number, timestamp, now)
        oracle.receive(number, timestamp, now)
        if report:
            block = reception.report(7, now)
            assert block is not None
            assert (block.fraction_lost, block.packets_lost) == oracle.report()
            assert block.highest_sequence == oracle.max
            # The relay leaves out jumps of more than a second, which these steps can make only by chance.
            if all(abs(a[0] - b[0]) <= 20 for a, b in zip(steps, steps[1:], strict=False)):
                assert block.jitter == pytest.approx(oracle.jitter, abs=1)


def test_nothing_is_reported_before_the_first_packet() -> None:
    assert Reception(48_000).report(1, 1.0) is None


def test_the_last_sender_report_is_echoed() -> None:
    reception = Reception(48_000)
    reception.receive(1, 0, 1.0)
    block = reception.report(1, 1.0)
    assert block is not None and (block.last_sr, block.delay_since_last_sr) == (0, 0)
    reception.sender_report(0x0123_4567_89AB_CDEF, 2.0)
    block = reception.report(1, 2.5)
    assert block is not None
    assert (block.last_sr, block.delay_since_last_sr) == (0x4567_89AB, 32_768)


def test_time_going_backwards_gives_no_wild_delay() -> None:
    reception = Reception(48_000)
    reception.receive(1, 0, 10.0)
    reception.sender_report(1 << 32, 10.0)
    block = reception.report(1, 9.0)
    assert block is not None and block.delay_since_last_sr == 0


@given(st.lists(st.tuples(st.integers(-5, 1 << 40), st.integers(0, 0xFFFFFFFF)), min_size=1, max_size=30))
def test_every_field_fits_its_place_whatever_arrives(packets: list[tuple[int, int]]) -> None:
    reception = Reception(90_000)
    for index, (number, timestamp) in enumerate(packets):
        reception.receive(number, timestamp, index * 0.01)
    block = reception.report(1, 1e6)
    assert block is not None
    assert 0 <= block.fraction_lost <= 255
    assert -(1 << 23) <= block.packets_lost < 1 << 23
    for word in (block.highest_sequence, block.jitter, block.last_sr, block.delay_since_last_sr):
        assert 0 <= word <= 0xFFFFFFFF
