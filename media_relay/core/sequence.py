"""Sequence numbers that stay continuous while packets are taken out and publishers come and go.

Numbers are *extended* here: 16 bits on the wire, unbounded inside, so that comparing and indexing need no modulo
arithmetic. Idea after the ``packetmap`` of Galène: pure state, a few offsets.
"""

from __future__ import annotations

from typing import Final

_MAX_OFFSETS: Final = 16


def extend(number: int, near: int) -> int:
    """The extended number closest to ``near`` whose low 16 bits are ``number``."""
    return near + ((number - near + 0x8000) & 0xFFFF) - 0x8000


class SequenceMap:
    """Maps the extended sequence numbers of one source to outgoing ones, closing the gaps of packets left out.

    A late packet is mapped as it would have been in time, as long as at most 16 packets were left out since.
    """

    __slots__ = ("_offsets", "highest")

    def __init__(self, first: int, outgoing: int) -> None:
        """The packet ``first`` will go out as ``outgoing``."""
        self.highest = first - 1
        """Highest number seen, mapped or left out."""
        self._offsets = [(first, outgoing - first)]

    def map(self, number: int) -> int | None:
        """The outgoing number, or ``None`` for a packet from before what is remembered."""
        if number > self.highest:
            self.highest = number
        offsets = self._offsets
        first, offset = offsets[-1]
        if number >= first:
            return number + offset
        for first, offset in reversed(offsets):
            if number >= first:
                return number + offset
        return None

    def next(self, number: int) -> int:
        """What :meth:`map` would say of the number after the highest, which is not mapped yet; -1: it would not."""
        first, offset = self._offsets[-1]
        return number + offset if number >= first else -1

    def leave_out(self, number: int) -> bool:
        """Close the gap that dropping ``number`` would leave; impossible, so false, once later packets went out."""
        if number <= self.highest:
            return False
        self.highest = number
        self._offsets.append((number + 1, self._offsets[-1][1] - 1))
        del self._offsets[:-_MAX_OFFSETS]
        return True
