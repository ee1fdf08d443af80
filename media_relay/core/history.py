"""The last packets of a track in one ring, for every NACK of every subscriber.

Fixed slots over one ``bytearray``: nothing is allocated per packet, memory is bounded, and a lookup is one index.
"""

from __future__ import annotations

from array import array
from typing import Final

SLOT: Final = 1_472
"""Largest packet stored, bytes: what an Ethernet frame carries over UDP and IPv4. WebRTC stays below 1,300."""


class History:
    """A ring of ``slots`` canonical packets by extended outgoing sequence number."""

    __slots__ = ("handle", "lengths", "sequences", "slots", "view")

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.view = memoryview(bytearray(slots * SLOT))
        """All slots; slot ``i`` starts at ``i * SLOT``."""
        self.lengths = array("H", bytes(2 * slots))
        self.sequences = array("q", [-1]) * slots
        """The extended number of the packet in each slot, or -1."""
        self.handle: object | None = None
        """What whoever reads the ring without Python keeps of it."""

    def store(self, sequence: int, length: int) -> int:
        """Claim the slot of ``sequence`` for a packet of ``length`` bytes and return the slot's number."""
        slot = sequence % self.slots
        self.sequences[slot] = sequence
        self.lengths[slot] = length
        return slot

    def find(self, sequence: int) -> int:
        """The slot that holds ``sequence``, or -1."""
        slot = sequence % self.slots
        return slot if self.sequences[slot] == sequence else -1

    def sequence(self, slot: int) -> int:
        """The extended number of the packet in a slot, or -1."""
        return self.sequences[slot]
