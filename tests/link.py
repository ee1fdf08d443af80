"""A seeded model of a bad link, without input or output: sizes and times in, times of arrival out.

Time is an argument, so that the same model serves tests in virtual time, faster than real time, and
:mod:`tests.emulator`, which puts it between real sockets.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_HEADERS: Final = 28
"""Bytes of the IPv4 and UDP headers, which take their share of a rate too."""
_NEVER: Final = float("inf")


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
