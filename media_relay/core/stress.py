"""How near a node is to doing harm: one figure from 0 (idle) to 1 (running lessons suffer).

The worst of four shares counts, because each of them alone can spoil a lesson: lateness of the loop, use of the one
core a node can use, packets against a budget, and packets the socket would not take. The figure is smoothed, so that
one hiccup of the machine turns nobody away, and rises faster than it falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LATE: Final = 0.100
"""Mean lateness of the loop at which a lesson suffers, seconds: sound needs a jitter buffer of that size then."""
PACKETS: Final = 150_000
"""Packets a second, in and out, that are more than a node was ever seen to forward well."""
DROPPED: Final = 0.02
"""Share of packets refused by the socket at which sound suffers."""
FULL: Final = 0.9
"""Above this, newcomers are turned away."""
FREE: Final = 0.7
"""Below this, they are let in again."""

_WINDOW: Final = 1.0
"""Seconds between two measurements."""
_RISES: Final = 3.0
_FALLS: Final = 5.0
"""Time constants of the smoothing, seconds."""
_LONGEST_STEP: Final = 2 * _WINDOW
"""A pause of the whole process counts as one bad measurement, however long it was."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a node has done since its start."""

    cpu: float
    """Seconds of processor time."""
    packets: int
    """Received and sent."""
    dropped: int
    """Not taken by the socket."""


class Stress:
    """The figure of one node. Times are seconds of any monotonic clock."""

    __slots__ = ("_before", "_late", "_measured_at", "full", "value")

    def __init__(self, now: float, done: Work) -> None:
        """``done`` is what was done before, and does not count."""
        self.value = 0.0
        self.full = False
        """Whether newcomers are to be turned away."""
        self._measured_at = now
        self._before = done
        self._late = 0.0

    def tick(self, late: float, now: float) -> bool:
        """Note how late a tick of the loop came; true when it is time to ``measure``."""
        # By the time it lasted: ten ticks that are late by 10 ms each are harmless, one by 100 ms is not.
        self._late += late * late
        return now - self._measured_at >= _WINDOW

    def measure(self, work: Work, now: float) -> None:
        """Take what the node has done so far."""
        before, passed = self._before, max(now - self._measured_at, 1e-3)
        packets = work.packets - before.packets
        dropped = work.dropped - before.dropped
        share = max(
            self._late / passed / LATE,
            (work.cpu - before.cpu) / passed,
            packets / passed / PACKETS,
            dropped / max(1, packets + dropped) / DROPPED,
        )
        share = min(1.0, max(0.0, share))
        constant = _RISES if share > self.value else _FALLS
        self.value += (share - self.value) * min(1.0, min(passed, _LONGEST_STEP) / constant)
        self.full = self.value > (FREE if self.full else FULL)
        self._before, self._measured_at, self._late = work, now, 0.0
