"""How much of a picture may be sent in one go to a newcomer, or to a viewer whose link is known to be narrow.

Sound goes out at once; a keyframe in front of it would hold it up. Pictures then follow the stream at the pace that the
link has room for, and at least a little faster than what they take on average, so that they do not stay behind.
"""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = 8_000_000
"""Bits a second for a link that nothing is known of: three times a lesson's rate, what a line of 10 Mbit/s takes."""
FIRST_WINDOW: Final = 48_000
"""Bytes sent to a newcomer before its first feedback. A narrow link is found out before more than that has piled up in
front of the sound."""
FIRST_PICTURE: Final = 80_000
"""The same, so that a keyframe comes whole: to wait for feedback in the middle of it takes 100 ms. 62,000 bytes are the
usual one at 2.6 Mbit/s; what would not fit anyway gets no more than others."""
_SOUND: Final = 4_000
"""Bytes of sound that are sent in the meantime, and then some."""
FIRST_FEEDBACK: Final = 0.4
"""Seconds to wait for it: not everybody gives any."""
_ABOVE_MEAN: Final = 1.02
_BELOW_ROOM: Final = 0.92
"""Headers and tags take their share, and a queue that is there must get shorter."""
_LONGEST: Final = 0.040
"""Seconds that can be made up for: a late tick must not become a burst."""
_USUAL: Final = 0.020
_MOST_OWED: Final = 20_000
_MOST_LENT: Final = 4_000
"""Bytes sent again beyond the allowance: a tenth of a second of 300 kbit/s."""


def first_window(picture: int) -> int:
    """Bytes to send to a newcomer before its first feedback where the first picture has so many."""
    return max(FIRST_WINDOW, picture + _SOUND) if picture + _SOUND <= FIRST_PICTURE else FIRST_WINDOW


class Pace:
    """The allowance of one picture. Times are monotonic seconds."""

    __slots__ = ("_at", "_owed")

    def __init__(self) -> None:
        self._at: float | None = None
        self._owed = 0

    def allowance(self, bitrate: int, room: int | None, now: float) -> int:
        """Bytes that may be sent in this tick of a picture of ``bitrate`` where the link has ``room`` bits a second."""
        elapsed = _USUAL if self._at is None or room is None else min(now - self._at, _LONGEST)
        self._at = now
        rate = UNKNOWN if room is None else max(_ABOVE_MEAN * bitrate, _BELOW_ROOM * room)
        granted = int(rate * elapsed / 8)
        paid = min(granted, self._owed)
        self._owed -= paid
        return granted - paid

    @property
    def in_debt(self) -> bool:
        """Whether so much was sent beyond the allowance that nothing more can be before it is paid."""
        return self._owed >= _MOST_LENT

    def owe(self, octets: int) -> None:
        """So many bytes more were sent than was allowed: they are taken off what comes next."""
        self._owed = min(_MOST_OWED, self._owed + max(0, octets))
