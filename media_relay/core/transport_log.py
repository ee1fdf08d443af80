"""Which transport-wide numbers a session's packets went out with and when, and what its client says became of them.

Source: draft-holmer-rmcat-transport-wide-cc-extensions-01. One record a batch, shared with all who got the same batch
but for the first number and the time: nothing is noted per packet.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Final

from media_relay.core.feedback_reader import TICK, TICKS_PER_REFERENCE, Feedback
from media_relay.core.forwarding import Batch
from media_relay.core.sequence import extend

RECORDS: Final = 512
"""Batches remembered: five seconds of sound and pictures, as long as a bad queue may hold them."""
_HEADERS: Final = 28
"""Bytes of IPv4 and UDP around a packet: they take their share of a link too."""
_MAX_MISSING: Final = 512
_REFERENCE_BITS: Final = 24
_SHORTEST_CLUSTER: Final = 0.010


class Cluster:
    """Packets that were sent fast on purpose, to see how fast they arrive. Times of arrival: receiver's clock."""

    __slots__ = ("_began", "_ended", "begin", "end", "lost", "octets", "packets")

    def __init__(self, begin: int) -> None:
        self.begin = begin
        """Number of its first packet."""
        self.end: int | None = None
        """The first number after it, once all is sent."""
        self.packets = 0
        self.lost = 0
        self.octets = 0
        """Bytes that arrived after the first batch."""
        self._began: float | None = None
        self._ended = 0.0

    def holds(self, number: int) -> bool:
        """Whether a packet belongs to it."""
        return number >= self.begin and (self.end is None or number < self.end)

    def take(self, packets: int, lost: int, octets: int, arrived_at: float) -> None:
        """A batch of the cluster, or a part of one, the last packet of which arrived at this time."""
        self.packets += packets
        self.lost += lost
        if self._began is None:
            self._began = self._ended = arrived_at
        else:
            self.octets += octets
            self._ended = max(self._ended, arrived_at)

    @property
    def bitrate(self) -> int:
        """Bits a second at which it arrived; 0 when that cannot be told."""
        if self._began is None or self._ended - self._began < _SHORTEST_CLUSTER:
            return 0
        return int(self.octets * 8 / (self._ended - self._began))


@dataclass(frozen=True, slots=True)
class Digest:
    """What one feedback message says of the packets that no earlier one spoke of."""

    packets: int
    lost: int
    late: int
    """Packets that an earlier message missed and that did arrive."""
    octets: int
    """Bytes that arrived, on the wire."""
    delay: float | None
    """Seconds from sending to arrival of the batch that was fastest, on two clocks: only differences mean something."""
    arrived_at: float
    """When the last packet arrived, seconds of the receiver's clock."""


class TransportLog:
    """Numbers the packets of one session, over all its SSRCs. Times are monotonic seconds."""

    __slots__ = (
        "_first",
        "_batches",
        "_counts",
        "_missing",
        "_oldest",
        "_position",
        "_reference",
        "_shares",
        "_times",
        "acknowledged",
        "cluster",
        "heard",
        "next",
        "octets",
        "sent_at",
    )

    def __init__(self) -> None:
        self.sent_at = float("-inf")
        """When the last batch was sent."""
        self.next = 0
        """The extended number of the next packet; 16 bits of it are on the wire."""
        self.acknowledged = 0
        """The first number that no feedback spoke of yet."""
        self.octets = 0
        """Bytes sent, on the wire."""
        self.cluster: Cluster | None = None
        """Packets whose arrival is watched."""
        self.heard = False
        """Whether there was any feedback yet."""
        self._first = array("q", bytes(8 * RECORDS))
        self._times = array("d", bytes(8 * RECORDS))
        self._counts = array("H", bytes(2 * RECORDS))
        self._shares = array("H", bytes(2 * RECORDS))
        """Packets of each batch, and bytes of one of them on the wire, their mean: found here without the batch."""
        self._batches: list[Batch | None] = [None] * RECORDS
        self._position = 0
        """Records noted so far."""
        self._oldest = 0
        """The first record with packets that no feedback spoke of."""
        self._missing: dict[int, None] = {}
        self._reference: int | None = None

    def note(self, batch: Batch, now: float) -> None:
        """The batch has just been queued with the numbers from :attr:`next` on."""
        at = self._position % RECORDS
        first = self.next
        self._first[at] = first
        self._times[at] = now
        self._batches[at] = batch
        self.sent_at = now
        self._position += 1
        count = len(batch.numbers)
        self._counts[at] = count
        self._shares[at] = batch.size // max(1, count) + _HEADERS
        self.next = first + count
        self.octets += batch.size + count * _HEADERS

    def number_of(self, ssrc: int, number: int) -> int | None:
        """The transport-wide number that the packet ``number`` of ``ssrc`` went out with, if that is remembered."""
        for record in range(self._position - 1, max(-1, self._position - 1 - RECORDS), -1):
            at = record % RECORDS
            batch = self._batches[at]
            if batch is not None and batch.ssrc == ssrc and number in batch.numbers:
                return self._first[at] + batch.numbers.index(number)
        return None

    @property
    def unanswered_since(self) -> float | None:
        """When the oldest batch was sent of which no feedback spoke yet; ``None`` when there is none."""
        oldest = max(self._oldest, self._position - RECORDS)
        return self._times[oldest % RECORDS] if oldest < self._position else None

    def acknowledge(self, feedback: Feedback) -> Digest | None:
        """Take a feedback message; ``None`` when it speaks of nothing new, or of what was never sent."""
        arrivals = feedback.arrivals
        base = extend(feedback.base, self.acknowledged)
        stop = base + len(arrivals)
        if stop > self.next or base < 0:
            return None
        clock = self._clock(feedback.reference)
        late = self._found_late(base, arrivals) if self._missing else 0
        if stop <= self.acknowledged:
            return Digest(0, 0, late, 0, None, clock) if late else None
        self.heard = True
        if feedback.complete and self.cluster is None:
            return self._digest_all(arrivals, base, stop, clock, late)
        return self._digest(feedback, base, stop, clock, late)

    def _digest_all(
        self, arrivals: list[int | None], base: int, stop: int, clock: float, late: int
    ) -> Digest:
        """What :meth:`_digest` says in the usual case: all arrived, and nobody watches a cluster."""
        firsts, counts, shares, times = self._first, self._counts, self._shares, self._times
        begin = max(base, self.acknowledged)
        octets, delay = 0, None
        record = max(self._oldest, self._position - RECORDS)
        while record < self._position:
            at = record % RECORDS
            first = firsts[at]
            if first >= stop:
                break
            after = first + counts[at]
            start = first if first > begin else begin
            if start < after:
                octets += shares[at] * ((after if after < stop else stop) - start)
                ticks = arrivals[start - base]
                if ticks is not None and (start == first or delay is None):
                    took = clock + ticks * TICK - times[at]
                    if delay is None or took < delay:
                        delay = took
            if after > stop:
                break
            record += 1
        self._oldest, self.acknowledged = record, stop
        return Digest(stop - begin, 0, late, octets, delay, clock + (arrivals[-1] or 0) * TICK)

    def _digest(self, feedback: Feedback, base: int, stop: int, clock: float, late: int) -> Digest:
        arrivals, begin = feedback.arrivals, max(base, self.acknowledged)
        octets = lost = 0
        delay: float | None = None
        record = max(self._oldest, self._position - RECORDS)
        while record < self._position:
            at = record % RECORDS
            batch, first = self._batches[at], self._first[at]
            if batch is None or first >= stop:
                break
            count = len(batch.numbers)
            start, end = max(first, begin), min(first + count, stop)
            if start < end:
                part = arrivals[start - base : end - base]
                earliest = part[0]
                if not feedback.complete and None in part:
                    lost += self._lose(start, part)
                    earliest = next((ticks for ticks in part if ticks is not None), None)
                    share = len(part) - part.count(None)
                else:
                    share = end - start
                arrived = (batch.size // count + _HEADERS) * share
                octets += arrived
                if self.cluster is not None and share and self.cluster.holds(start):
                    newest = next(ticks for ticks in reversed(part) if ticks is not None)
                    self.cluster.take(len(part), len(part) - share, arrived, clock + newest * TICK)
                # The first packet of a batch has waited for others only, the rest also for their own batch.
                if earliest is not None and (start == first or delay is None):
                    took = clock + earliest * TICK - self._times[at]
                    delay = took if delay is None or took < delay else delay
            if first + count > stop:
                break
            record += 1
        self._oldest, self.acknowledged = record, stop
        newest = next((ticks for ticks in reversed(arrivals) if ticks is not None), 0)
        return Digest(stop - begin, lost, late, octets, delay, clock + newest * TICK)

    def _clock(self, reference: int) -> float:
        """The receiver's clock at a feedback's reference time, which wraps after 12 days."""
        known = reference if self._reference is None else self._reference
        half = 1 << _REFERENCE_BITS - 1
        self._reference = known + ((reference - known + half) & (2 * half - 1)) - half
        return self._reference * TICKS_PER_REFERENCE * TICK

    def _lose(self, start: int, part: list[int | None]) -> int:
        gone = [start + index for index, ticks in enumerate(part) if ticks is None]
        missing = self._missing
        missing.update(dict.fromkeys(gone))
        while len(missing) > _MAX_MISSING:
            del missing[next(iter(missing))]
        return len(gone)

    def _found_late(self, base: int, arrivals: list[int | None]) -> int:
        """How many of those missed so far came after all."""
        stop = min(base + len(arrivals), self.acknowledged)
        found = [n for n in self._missing if base <= n < stop and arrivals[n - base] is not None]
        for number in found:
            del self._missing[number]
        return len(found)
