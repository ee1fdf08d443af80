"""How much of something one client may have: a token bucket."""

from __future__ import annotations


class Allowance:
    """Fills with ``rate`` a second up to ``most``, and is full at first. Times are seconds of any monotonic clock."""

    __slots__ = ("_filled_at", "_left", "_most", "_rate")

    def __init__(self, rate: float, most: float) -> None:
        self._rate = rate
        self._most = most
        self._left = most
        self._filled_at: float | None = None

    def take(self, amount: float, now: float) -> bool:
        """Whether there was ``amount`` left, which is then taken; nothing is taken otherwise."""
        if self._filled_at is not None and now > self._filled_at:
            self._left = min(self._most, self._left + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._left < amount:
            return False
        self._left -= amount
        return True
