"""What a receiver report says about one source (RFC 3550 sections 6.4.1, A.3 and A.8)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """The fields of a report block, in the units of RFC 3550 section 6.4.1."""

    ssrc: int
    fraction_lost: int
    packets_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int


class Reception:
    """Counts one source's packets. Times are seconds of any monotonic clock."""

    __slots__ = (
        "_clock_rate",
        "_expected_before",
        "_first",
        "_jitter",
        "_received_before",
        "_sr_at",
        "_sr_middle",
        "_timestamp",
        "_transit",
        "highest",
        "received",
    )

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._first: int | None = None
        self.highest = 0
        self.received = 0
        self._expected_before = 0
        self._received_before = 0
        self._jitter = 0.0
        self._transit = float("inf")
        self._timestamp = -1
        self._sr_middle = 0
        self._sr_at = 0.0

    def receive(self, number: int, timestamp: int, now: float) -> None:
        """A packet with this extended sequence number and RTP timestamp arrived."""
        self.received += 1
        if number > self.highest:
            self.highest = number
        if timestamp == self._timestamp:
            return  # the packets of one frame leave together: only the first tells how long it travelled
        if self._first is None:
            self._first = self.highest = number
        self._timestamp = timestamp
        transit = now * self._clock_rate - timestamp
        change = transit - self._transit
        self._transit = transit
        if change < 0:
            change = -change
        # The first packet, a wrapped timestamp or a clock jump is no jitter.
        if change < self._clock_rate:
            self._jitter += (change - self._jitter) / 16

    def receive_run(self, first: int, timestamps: list[int], frames: int, now: float) -> None:
        """The same for packets with consecutive numbers, of so many frames."""
        if frames > 1:
            for number, timestamp in enumerate(timestamps, first):
                self.receive(number, timestamp, now)
            return
        self.receive(first, timestamps[0], now)
        last = first + len(timestamps) - 1
        self.received += len(timestamps) - 1
        if last > self.highest:
            self.highest = last

    @property
    def expected(self) -> int:
        """Packets that should have come since the first."""
        return 0 if self._first is None else self.highest - self._first + 1

    @property
    def jitter(self) -> float:
        """Seconds by which the packets' times of travel differ, smoothed."""
        return self._jitter / self._clock_rate

    def sender_report(self, ntp: int, now: float) -> None:
        """A sender report with this 64-bit NTP timestamp arrived."""
        self._sr_middle = (ntp >> 16) & 0xFFFFFFFF
        self._sr_at = now

    def report(self, ssrc: int, now: float) -> ReportBlock | None:
        """The block to report since the last call, or ``None`` before the first packet."""
        if self._first is None:
            return None
        expected = self.expected
        lost_total = expected - self.received
        expected_interval = expected - self._expected_before
        lost_interval = expected_interval - (self.received - self._received_before)
        self._expected_before, self._received_before = expected, self.received
        fraction = 0
        if expected_interval > 0 and lost_interval > 0:
            fraction = min(255, (lost_interval << 8) // expected_interval)
        return ReportBlock(
            ssrc=ssrc,
            fraction_lost=fraction,
            packets_lost=max(-(1 << 23), min(lost_total, (1 << 23) - 1)),
            highest_sequence=self.highest & 0xFFFFFFFF,
            jitter=int(self._jitter) & 0xFFFFFFFF,
            last_sr=self._sr_middle,
            delay_since_last_sr=self._delay(now),
        )

    def _delay(self, now: float) -> int:
        if not self._sr_middle:
            return 0
        return min(int(max(0.0, now - self._sr_at) * 65536), 0xFFFFFFFF)
