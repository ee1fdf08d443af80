"""How much of a picture may be sent in one go to a viewer whose link is known to be narrow.

Sound goes out at once; a keyframe in front of it would hold it up. Pictures then follow the stream at the pace that the
link has room for, and at least a little faster than what they take on average, so that they do not stay behind.
"""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = 8_000_000
"""Bits a second for a link that nothing is known of: three times a lesson's rate."""
_ABOVE_MEAN: Final = 1.02
_BELOW_ROOM: Final = 0.92
"""Headers and tags take their share, and a queue that is there must get shorter."""
_LONGEST: Final = 0.040
"""Seconds that can be made up for: a late tick must not become a burst."""


class Pace:
    """The allowance of one picture. Times are monotonic seconds."""

    __slots__ = ("_at", "_debt")

    def __init__(self) -> None:
        self._at: float | None = None
        self._debt = 0

    def allowance(self, bitrate: int, room: int | None, now: float) -> int:
        """Bytes that may be sent now of a picture of ``bitrate`` where the link has ``room`` bits a second for it."""
        elapsed = _LONGEST / 2 if self._at is None else min(now - self._at, _LONGEST)
        self._at = now
        rate = UNKNOWN if room is None else max(_ABOVE_MEAN * bitrate, _BELOW_ROOM * room)
        granted = int(rate * elapsed / 8) - self._debt
        self._debt = 0
        if granted < 0:
            self._debt = -granted
        return granted

    def owe(self, octets: int) -> None:
        """So much more was sent than was allowed: the last packet was sent as a whole."""
        self._debt = max(0, octets) if octets > 0 else self._debt
