"""Which transport-wide numbers a session's packets went out with and when, and what its client says became of them.

Source: draft-holmer-rmcat-transport-wide-cc-extensions-01. One record a batch, shared with all who got the same batch
but for the first number and the time: nothing is noted per packet.
"""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

from media_relay.core.feedback_reader import TICK, TICKS_PER_REFERENCE, Feedback
from media_relay.core.forwarding import Batch
from media_relay.core.sequence import extend

RECORDS: Final = 512
"""Batches remembered: five seconds of sound and pictures, as long as a bad queue may hold them. A power of two."""
_LAST: Final = RECORDS - 1
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


class Digest(NamedTuple):
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


class Sent(NamedTuple):
    """A batch that has been queued: made once, and noted by all who got it."""

    batch: Batch
    at: float
    """When, monotonic seconds."""
    packets: int
    share: int
    """Bytes of one of them on the wire, their mean."""
    octets: int
    """Bytes of all on the wire."""

    @classmethod
    def of(cls, batch: Batch, at: float) -> Sent:
        """The batch has just been queued."""
        count = len(batch.numbers)
        share = batch.size // max(1, count) + _HEADERS
        return cls(batch, at, count, share, batch.size + count * _HEADERS)


_NOTHING: Final = Sent(Batch(0, array("H"), 0), float("-inf"), 0, 0, 0)


class TransportLog:
    """Numbers the packets of one session, over all its SSRCs. Times are monotonic seconds."""

    __slots__ = (
        "_first",
        "_missing",
        "_oldest",
        "_position",
        "_reference",
        "_sent",
        "acknowledged",
        "cluster",
        "heard",
        "missed",
        "next",
        "octets",
    )

    def __init__(self) -> None:
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
        self.missed: list[tuple[int, int]] = []
        """SSRC and number of the packets that the last feedback missed, as far as no earlier one spoke of them."""
        self._first = array("q", bytes(8 * RECORDS))
        self._sent: list[Sent] = [_NOTHING] * RECORDS
        """With which number each batch began, and the batch."""
        self._position = 0
        """Records noted so far."""
        self._oldest = 0
        """The first record with packets that no feedback spoke of."""
        self._missing: dict[int, None] = {}
        self._reference: int | None = None

    def note(self, sent: Sent) -> None:
        """A batch was queued with the numbers from :attr:`next` on."""
        at = self._position & _LAST
        self._first[at] = first = self.next
        self._sent[at] = sent
        self._position += 1
        self.next = first + sent.packets
        self.octets += sent.octets

    @property
    def sent_at(self) -> float:
        """When the last batch was sent."""
        return self._sent[self._position - 1 & _LAST].at

    def number_of(self, ssrc: int, number: int) -> int | None:
        """The transport-wide number that the packet ``number`` of ``ssrc`` went out with, if that is remembered."""
        for record in range(self._position - 1, max(-1, self._position - 1 - RECORDS), -1):
            at = record & _LAST
            batch = self._sent[at].batch
            if batch.ssrc == ssrc and number in batch.numbers:
                return self._first[at] + batch.numbers.index(number)
        return None

    @property
    def unanswered_since(self) -> float | None:
        """When the oldest batch was sent of which no feedback spoke yet; ``None`` when there is none."""
        oldest = max(self._oldest, self._position - RECORDS)
        return self._sent[oldest & _LAST].at if oldest < self._position else None

    def acknowledge(self, feedback: Feedback) -> Digest | None:
        """Take a feedback message; ``None`` when it speaks of nothing new, or of what was never sent."""
        arrivals = feedback.arrivals
        self.missed = []
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
        firsts, records = self._first, self._sent
        begin = max(base, self.acknowledged)
        octets, delay = 0, None
        record = max(self._oldest, self._position - RECORDS)
        while record < self._position:
            first = firsts[record & _LAST]
            if first >= stop:
                break
            sent = records[record & _LAST]
            after = first + sent.packets
            start = first if first > begin else begin
            if start < after:
                octets += sent.share * ((after if after < stop else stop) - start)
                ticks = arrivals[start - base]
                if ticks is not None and (start == first or delay is None):
                    took = clock + ticks * TICK - sent.at
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
            sent, first = self._sent[record & _LAST], self._first[record & _LAST]
            if first >= stop:
                break
            count = sent.packets
            start, end = max(first, begin), min(first + count, stop)
            if start < end:
                part = arrivals[start - base : end - base]
                earliest = part[0]
                if not feedback.complete and None in part:
                    lost += self._lose(start, part, sent.batch, start - first)
                    earliest = next((ticks for ticks in part if ticks is not None), None)
                    share = len(part) - part.count(None)
                else:
                    share = end - start
                arrived = sent.share * share
                octets += arrived
                if self.cluster is not None and share and self.cluster.holds(start):
                    newest = next(ticks for ticks in reversed(part) if ticks is not None)
                    self.cluster.take(len(part), len(part) - share, arrived, clock + newest * TICK)
                # The first packet of a batch has waited for others only, the rest also for their own batch.
                if earliest is not None and (start == first or delay is None):
                    took = clock + earliest * TICK - sent.at
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

    def _lose(self, start: int, part: list[int | None], batch: Batch, offset: int) -> int:
        """Note that of this part of a batch, which begins ``offset`` packets after it, some did not come."""
        gone = [index for index, ticks in enumerate(part) if ticks is None]
        self.missed += [(batch.ssrc, batch.numbers[offset + index]) for index in gone]
        missing = self._missing
        missing.update(dict.fromkeys(start + index for index in gone))
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
