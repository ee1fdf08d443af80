"""Which transport-wide numbers a session's packets went out with, and when.

Source: draft-holmer-rmcat-transport-wide-cc-extensions-01. One record a batch, shared with all who got the same batch
but for the first number and the time: nothing is noted per packet.
"""

from __future__ import annotations

from array import array
from typing import Final

from media_relay.core.forwarding import Layout

RECORDS: Final = 256
"""Batches remembered: two seconds or more of sound and pictures."""


class TransportLog:
    """Numbers the packets of one session, over all its SSRCs. Times are monotonic seconds."""

    __slots__ = ("_first", "_layouts", "_position", "_times", "next")

    def __init__(self) -> None:
        self.next = 0
        """The 16-bit number of the next packet."""
        self._first = array("H", bytes(2 * RECORDS))
        self._times = array("d", bytes(8 * RECORDS))
        self._layouts: list[Layout | None] = [None] * RECORDS
        self._position = 0

    def note(self, layout: Layout, now: float) -> None:
        """The batch has just been queued with the numbers from :attr:`next` on."""
        at = self._position
        first = self.next
        self._first[at] = first
        self._times[at] = now
        self._layouts[at] = layout
        self._position = (at + 1) % RECORDS
        self.next = (first + len(layout.packets)) & 0xFFFF

    def number_of(self, ssrc: int, number: int) -> int | None:
        """The transport-wide number that the packet ``number`` of ``ssrc`` went out with, if that is remembered."""
        for back in range(1, RECORDS + 1):
            at = (self._position - back) % RECORDS
            layout = self._layouts[at]
            if layout is None:
                break
            if layout.ssrc == ssrc and number in layout.numbers:
                return (self._first[at] + layout.numbers.index(number)) & 0xFFFF
        return None
