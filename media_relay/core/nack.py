"""Which lost packets to ask a publisher for again, and when to stop asking (RFC 4585 section 6.2.1)."""

from __future__ import annotations

from typing import Final

_REORDER_WAIT: Final = 0.010
_FIRST_RETRY: Final = 0.100
"""Seconds between two requests while the round trip is unknown."""
_SHORTEST_RETRY: Final = 0.020
_LONGEST_RETRY: Final = 0.250
_RTT_WEIGHT: Final = 0.125
_MAX_TRIES: Final = 6
_MAX_AGE: Final = 1.0
_MAX_MISSING: Final = 256


class NackGenerator:
    """Follows one source's sequence numbers. Times are seconds of any monotonic clock."""

    __slots__ = ("_highest", "gave_up", "missing", "rtt")

    def __init__(self) -> None:
        self._highest: int | None = None
        self.missing: dict[int, list[float]] = {}
        """By number: missing since, ask next at, asked last at, times asked."""
        self.rtt: float | None = None
        """Seconds from a request to its answer, smoothed as in RFC 6298 section 2."""
        self.gave_up = 0
        """Packets no longer asked for, since whoever counts them set it to zero."""

    def receive(self, number: int, now: float) -> None:
        """A packet with this extended sequence number arrived."""
        highest = self._highest
        if highest is None or number == highest + 1:
            self._highest = number
        elif number > highest:
            self._miss(highest + 1, number, now)
            self._highest = number
        elif self.missing and (entry := self.missing.pop(number, None)) is not None:
            _, _, asked_at, tries = entry
            if tries == 1:  # an answer to one of several requests measures nothing (Karn)
                sample = now - asked_at
                self.rtt = sample if self.rtt is None else self.rtt + _RTT_WEIGHT * (sample - self.rtt)

    def receive_run(self, first: int, last: int, now: float) -> None:
        """All from ``first`` to ``last`` arrived, in this order."""
        if self._highest == first - 1:
            self._highest = last
        else:
            for number in range(first, last + 1):
                self.receive(number, now)

    def due(self, now: float) -> list[int]:
        """Numbers to ask for now, oldest first; each again after 1.5 round trips, at most six times in a second."""
        if not self.missing:
            return []
        retry = _FIRST_RETRY if self.rtt is None else 1.5 * self.rtt
        retry = max(_SHORTEST_RETRY, min(retry, _LONGEST_RETRY))
        ask: list[int] = []
        for number, entry in list(self.missing.items()):
            since, next_at, _, tries = entry
            if now - since > _MAX_AGE or tries >= _MAX_TRIES:
                del self.missing[number]
                self.gave_up += 1
            elif now >= next_at:
                entry[1:] = now + retry, now, tries + 1
                ask.append(number)
        return ask

    def _miss(self, first: int, stop: int, now: float) -> None:
        # A jump larger than the memory is a new start, not a loss that asking could repair.
        if stop - first > _MAX_MISSING:
            self.gave_up += len(self.missing)
            self.missing.clear()
            return
        for number in range(first, stop):
            self.missing[number] = [now, now + _REORDER_WAIT, 0.0, 0]
        while len(self.missing) > _MAX_MISSING:
            del self.missing[next(iter(self.missing))]
            self.gave_up += 1
