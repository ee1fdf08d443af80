"""How long a player holds sound or pictures back, so that what comes late, as repairs do, still comes in time.

In the spirit of NetEq's delay manager and libwebrtc's ``VCMTiming``: the wait follows how late things came lately. No
clock is read and nothing is played; times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from typing import Final

LONGEST: Final = 0.500
"""Seconds held back at most: more would be no conversation. Our pages wait no longer, either."""
_AT_FIRST: Final = 0.080
"""Seconds held back while nothing is known of the link, as NetEq does."""
_MEMORY: Final = 10.0
"""Seconds of arrivals that tell how late the next ones may come."""
_LATE_SHARE: Final = 200
"""One of so many may come too late: waiting for the very last would delay all others."""
_STEP: Final = 0.010
_STEPS: Final = round(LONGEST / _STEP)


class HoldBack:
    """Follows one track. A *delay* is how much later something came than the promptest of ten to twenty seconds."""

    __slots__ = (
        "_above",
        "_clock_rate",
        "_counts",
        "_least",
        "_media",
        "_period_at",
        "_recent",
        "_step",
        "_timestamp",
    )

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._timestamp: int | None = None
        self._media = 0
        """The newest timestamp, unwrapped, from the first one on."""
        self._least = (float("inf"), float("inf"))
        """The least time of arrival minus media time, in this period and in the one before."""
        self._period_at = 0.0
        self._recent: deque[tuple[float, int]] = deque()
        """When something came, and how many steps late, rounded up."""
        self._counts = [0] * (_STEPS + 2)
        """Of the recent ones, by steps; the last place is for what came later than anybody waits."""
        self._step = round(_AT_FIRST / _STEP)
        self._above = 0
        """How many of the recent ones came later than the present wait."""

    @property
    def seconds(self) -> float:
        """The present wait."""
        return self._step * _STEP

    def arrive(self, timestamp: int, now: float) -> float:
        """Seconds until what has this RTP timestamp is to be played; negative when it came too late by as much."""
        if self._timestamp is None:
            self._timestamp = timestamp
        media = self._media + ((timestamp - self._timestamp + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
        if media > self._media:
            self._media, self._timestamp = media, timestamp
        offset = now - media / self._clock_rate
        self._follow(offset, now)
        delay = offset - min(self._least)
        wait = self.seconds - delay
        self._learn(delay, now)
        return wait

    def _follow(self, offset: float, now: float) -> None:
        least, former = self._least
        if now - self._period_at > _MEMORY:
            self._period_at = now
            least, former = offset, least
        self._least = min(least, offset), former

    def _learn(self, delay: float, now: float) -> None:
        late = min(_STEPS + 1, int(delay / _STEP) + 1)
        counts, recent = self._counts, self._recent
        recent.append((now, late))
        counts[late] += 1
        self._above += late > self._step
        while now - recent[0][0] > _MEMORY:
            _, old = recent.popleft()
            counts[old] -= 1
            self._above -= old > self._step
        may_be_late = len(recent) // _LATE_SHARE
        while self._above > may_be_late and self._step < _STEPS:
            self._step += 1
            self._above -= counts[self._step]
        while self._step and self._above + counts[self._step] <= may_be_late:
            self._above += counts[self._step]
            self._step -= 1
