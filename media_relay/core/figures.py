"""What is counted of a session between two samples: bytes, losses, and pictures that probably stood still.

Times are seconds of any monotonic clock.
"""

from __future__ import annotations

from typing import Final

STALL: Final = 3.0
"""Seconds of silence: players report about every second (RFC 3550 section 6.2, RFC 4585 section 3.4)."""
ONE_FREEZE: Final = 2.0


class LossShare:
    """The share of packets that were lost since it was last asked for, of several sources together."""

    __slots__ = ("_before", "_totals")

    def __init__(self) -> None:
        self._totals: dict[int, tuple[int, int]] = {}
        self._before: dict[int, tuple[int, int]] = {}

    def note(self, source: int, expected: int, lost: int) -> None:
        """What a source's totals are now; ``expected`` may wrap at 32 bits, as it does in reports."""
        self._totals[source] = expected, lost
        self._before.setdefault(source, (expected, lost))

    def take(self) -> float:
        """From 0 to 1; 0 where nothing was expected."""
        expected = lost = 0
        for source, (total, missed) in self._totals.items():
            total_before, missed_before = self._before[source]
            expected += (total - total_before) & 0xFFFFFFFF
            lost += missed - missed_before  # less than nothing when repeated packets arrive
        self._before.update(self._totals)
        return min(1.0, max(0, lost) / expected) if expected else 0.0


class Freezes:
    """Counts the times that a player's picture stood still. Nobody reports that to a relay, so it is inferred:

    - the player asks for a keyframe in the middle of its pictures: repair came too late, and it cannot go on;
    - nothing is heard of it for :data:`STALL` seconds while it is sent pictures: the link itself stands still.

    Signs within :data:`ONE_FREEZE` seconds are one freeze. Short stops that end with a repair are not seen.
    """

    __slots__ = ("_froze_at", "_heard_at", "count")

    def __init__(self, now: float) -> None:
        self.count = 0
        """Since whoever counts them set it to zero."""
        self._heard_at = now
        self._froze_at = float("-inf")

    def hear(self, now: float) -> None:
        """Feedback of any kind arrived."""
        self._heard_at = now

    def asks_keyframe(self, now: float, *, playing: bool) -> None:
        """The player asks for a keyframe; ``playing``: it has had pictures, and waits for none of a new source."""
        if playing:
            self._note(now)

    def look(self, now: float, *, playing: bool) -> None:
        """Several times a second: is it still heard of? Without pictures to report on silence is no sign."""
        if not playing:
            self._heard_at = now
        elif now - self._heard_at > STALL:
            self._note(now)

    def _note(self, now: float) -> None:
        if now - self._froze_at > ONE_FREEZE:
            self.count += 1
        self._froze_at = now


class Figures:
    """One session's counts since its last sample."""

    __slots__ = ("due_at", "freezes", "loss", "octets", "repaired", "sampled_at")

    def __init__(self, now: float) -> None:
        self.sampled_at: float | None = None
        """``None`` until its time is counted."""
        self.due_at = now
        """When the next sample is taken, set by whoever takes them."""
        self.loss = LossShare()
        self.freezes = Freezes(now)
        self.repaired = 0
        self.octets: dict[int, int] = {}
        """By track or rendition that was counted at the last sample: what its counter of bytes showed."""

    def added(self, octets: dict[int, int]) -> int:
        """Bytes added to counters since the last sample; one that was not counted then adds nothing yet."""
        before, self.octets = self.octets, octets
        return sum(now - before.get(source, now) for source, now in octets.items())

    def take(self, now: float) -> tuple[float, float, int, int]:
        """Seconds since the last sample, share of loss, freezes, repaired packets; what comes now is the next one's."""
        seconds = 0.0 if self.sampled_at is None else now - self.sampled_at
        taken = seconds, self.loss.take(), self.freezes.count, self.repaired
        self.sampled_at, self.freezes.count, self.repaired = now, 0, 0
        return taken
