"""How steadily something comes or goes: counted, with the longest gap between one and the next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """Counts what happens, on a monotonic clock."""

    count: int = 0
    last: float | None = None
    longest_gap: float = 0.0
    """Seconds."""

    def note(self, now: float) -> None:
        """It happened once more."""
        self.count += 1
        self.gap_until(now)
        self.last = now

    def expect_from(self, now: float) -> None:
        """From now on it should happen."""
        if self.last is None:
            self.last = now

    def gap_until(self, now: float) -> None:
        """Nothing happened until now."""
        if self.last is not None:
            self.longest_gap = max(self.longest_gap, now - self.last)
