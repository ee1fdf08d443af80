"""A seeded model of a bad link, without input or output: sizes and times in, times of arrival out.

Time is an argument, so that the same model serves tests in virtual time, faster than real time, and
:mod:`tests.emulator`, which puts it between real sockets.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_HEADERS: Final = 28
"""Bytes of the IPv4 and UDP headers, which take their share of a rate too."""
_NEVER: Final = float("inf")
_SEGMENT: Final = 1_448
_TCP_HEADERS: Final = 24
"""By which the headers of TCP are larger than those of UDP, with time stamps."""
_WINDOW: Final = 1 << 20
_LEAST_RESEND: Final = 0.040
"""Seconds; what stacks wait at least before they take silence for a loss."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """One direction of a link. Times are seconds; a link without conditions is perfect."""

    loss: float = 0.0
    """Probability that a datagram is lost, independently of others."""
    burst_every: float = _NEVER
    """Mean time between two outages."""
    burst_seconds: float = 0.0
    """Length of an outage, in which everything is lost."""
    delay: float = 0.0
    jitter: float = 0.0
    """Most that is added to the delay, evenly distributed; the order is kept, as in a queue."""
    reorder: float = 0.0
    """Probability that a datagram is overtaken by those of the next :attr:`reorder_seconds`."""
    reorder_seconds: float = 0.020
    rate: float = _NEVER
    """Bits a second."""
    queue_bytes: int = 64_000
    """What waits for the rate at most; what comes then is lost."""


class Link:
    """One direction of a link. Times must not decrease."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self.conditions = conditions
        """May be exchanged at any time, as links change."""
        self.sent = 0
        self.lost = 0
        """By chance or in an outage."""
        self.overflowed = 0
        """For want of room in the queue."""
        self._random = random.Random(seed)
        self._free_at = 0.0
        self._last_arrival = 0.0
        self._burst_at: float | None = None

    def send(self, size: int, now: float) -> float | None:
        """When a datagram of ``size`` bytes sent now arrives; ``None`` when it does not."""
        conditions, chance = self.conditions, self._random
        self.sent += 1
        if self._in_burst(now) or chance.random() < conditions.loss:
            self.lost += 1
            return None
        waiting = max(0.0, self._free_at - now)
        if waiting * conditions.rate / 8 > conditions.queue_bytes:
            self.overflowed += 1
            return None
        self._free_at = now + waiting + (size + _HEADERS) * 8 / conditions.rate
        arrival = self._free_at + conditions.delay + chance.uniform(0.0, conditions.jitter)
        if chance.random() < conditions.reorder:
            return max(arrival, self._last_arrival) + conditions.reorder_seconds
        self._last_arrival = max(self._last_arrival, arrival)
        return self._last_arrival

    def _in_burst(self, now: float) -> bool:
        conditions = self.conditions
        if conditions.burst_every == _NEVER:
            return False
        if self._burst_at is None or now > self._burst_at + conditions.burst_seconds:
            self._burst_at = now + self._random.expovariate(1 / conditions.burst_every)
        return self._burst_at <= now


class Wire:
    """Datagrams on their way over a :class:`Link`."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._under_way: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()

    @property
    def next_at(self) -> float:
        """When the next datagram arrives; infinity when none is under way."""
        return self._under_way[0][0] if self._under_way else _NEVER

    def put(self, datagram: bytes, now: float) -> None:
        """Send a datagram."""
        arrival = self.link.send(len(datagram), now)
        if arrival is not None:
            heapq.heappush(self._under_way, (arrival, next(self._numbers), datagram))

    def take(self, now: float) -> Iterator[bytes]:
        """The datagrams that have arrived by now, in the order of their arrival."""
        while self._under_way and self._under_way[0][0] <= now:
            yield heapq.heappop(self._under_way)[2]


class Stream:
    """Bytes on their way over a :class:`Link` by a protocol such as TCP: nothing is lost and the order is kept.

    What the link loses is sent again, and everything behind it waits: that is what makes TCP a last resort for media.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self._segments: deque[_Segment] = deque()
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether the sender has to wait, as it does when the window is closed or the bottleneck's queue is full."""
        conditions = self.link.conditions
        flying = 0.0 if conditions.rate == _NEVER else conditions.rate / 8 * 2 * conditions.delay
        return self._bytes >= (_WINDOW if conditions.rate == _NEVER else flying + conditions.queue_bytes / 2)

    @property
    def next_at(self) -> float:
        """When :meth:`take` has something to do; infinity when nothing is under way."""
        again = min((s.resend_at for s in self._segments if s.arrival is None), default=_NEVER)
        first = self._segments[0].arrival if self._segments else None
        return again if first is None else min(again, first)

    def put(self, data: bytes, now: float) -> None:
        """Send bytes."""
        for start in range(0, len(data), _SEGMENT):
            segment = _Segment(data[start : start + _SEGMENT])
            self._segments.append(segment)
            self._bytes += len(segment.data)
            self._send(segment, now)

    def take(self, now: float) -> bytes:
        """What has arrived by now and is in order; what was lost sets out again."""
        for segment in self._segments:
            if segment.arrival is None and segment.resend_at <= now:
                self._send(segment, now)
        arrived = []
        while self._segments and (at := self._segments[0].arrival) is not None and at <= now:
            arrived.append(self._segments.popleft().data)
        data = b"".join(arrived)
        self._bytes -= len(data)
        return data

    def _send(self, segment: _Segment, now: float) -> None:
        segment.arrival = self.link.send(len(segment.data) + _TCP_HEADERS, now)
        if segment.arrival is None:
            # Later acknowledgements tell of the loss after a round trip (RFC 9293, RFC 5681 section 3.2).
            segment.resend_at = now + max(_LEAST_RESEND, 2 * self.link.conditions.delay)


class _Segment:
    __slots__ = ("arrival", "data", "resend_at")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.arrival: float | None = None
        self.resend_at = 0.0
