"""How long a node lets packets gather before it reads them.

A frame reaches a node as some ten packets within a fraction of a millisecond, and many publishers' frames at about the
same time. A node that reads the first one at once serves it alone, and pays for a wake-up, a batch, and a message to
each subscriber once more for the rest. Where it has little to do, that makes no difference to anybody; where it has
much, it waits for a moment that nobody can hear or see.
"""

from __future__ import annotations

from typing import Final

PAUSE: Final = 0.002
"""Seconds from a wake-up to the reading: a tenth of what one packet of sound stands for."""
BUSY: Final = 0.2
"""Share of its processor above which a node has much to do."""
_WINDOW: Final = 0.2
"""Seconds over which that is measured."""


class Gathering:
    """The pause of one node. Times are seconds of any monotonic clock."""

    __slots__ = ("_measured_at", "_worked", "pause")

    def __init__(self, now: float, worked: float) -> None:
        """``worked``: seconds of processor time so far."""
        self.pause = 0.0
        """Seconds to wait from a wake-up by packets until they are read."""
        self._measured_at = now
        self._worked = worked

    def due(self, now: float) -> bool:
        """Whether it is time to :meth:`measure`."""
        return now - self._measured_at >= _WINDOW

    def measure(self, now: float, worked: float) -> None:
        """Find out how busy the node was."""
        share = (worked - self._worked) / max(1e-3, now - self._measured_at)
        self.pause = PAUSE if share >= BUSY else 0.0
        self._measured_at, self._worked = now, worked
