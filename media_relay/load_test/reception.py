"""What a receiver knows of one source: which numbers came, which are missing, what it would report."""

from __future__ import annotations

from typing import Final

from media_relay.core.nack import NackGenerator
from media_relay.core.reception import Reception
from media_relay.core.sequence import extend

_MAX_MISSING: Final = 4_096


class ReceivedTrack:
    """Counts one incoming SSRC exactly: every number once, late and repeated packets included."""

    __slots__ = (
        "duplicates",
        "first",
        "highest",
        "missing",
        "nacks",
        "reception",
        "repaired",
        "ssrc",
        "unique",
    )

    def __init__(self, ssrc: int, clock_rate: int) -> None:
        self.ssrc = ssrc
        self.nacks = NackGenerator()
        self.reception = Reception(clock_rate)
        self.missing: dict[int, float] = {}
        """Numbers that have not come, with the time at which that was noticed."""
        self.first = -1
        self.highest = -1
        self.unique = 0
        self.repaired = 0
        self.duplicates = 0

    def receive(self, number: int, timestamp: int, now: float, *, repaired: bool = False) -> int:
        """Take a packet by its 16-bit number and RTP timestamp; returns its extended number, -1 for a duplicate.

        ``repaired`` tells that it came as a retransmission on another SSRC: it then says nothing about the link.
        """
        highest = self.highest
        if highest < 0:
            self.first = extended = number
        else:
            extended = extend(number, highest)
        if extended > highest:
            if highest >= 0 and extended > highest + 1:
                self._miss(highest + 1, extended, now)
            self.highest = extended
        elif self.missing.pop(extended, None) is None:
            self.duplicates += 1
            return -1
        else:
            self.repaired += 1
        self.unique += 1
        self.nacks.receive(extended, now)
        if not repaired:
            self.reception.receive(extended, timestamp, now)
        return extended

    def receive_run(self, timestamps: list[int], frames: int, now: float) -> int:
        """The same for the packets that come next, of so many frames; returns the extended number of the first."""
        first, self.highest = self.highest + 1, self.highest + len(timestamps)
        self.unique += len(timestamps)
        self.nacks.receive_run(first, self.highest, now)
        self.reception.receive_run(first, timestamps, frames, now)
        return first

    def lost(self, *, before: float) -> int:
        """Packets noticed as missing before this time and not repaired since."""
        return sum(noticed < before for noticed in self.missing.values())

    def _miss(self, first: int, stop: int, now: float) -> None:
        for number in range(max(first, stop - _MAX_MISSING), stop):
            self.missing[number] = now
