"""A rendered batch moved to the numbers that those on a path see: once a group, before the copies are made."""

from __future__ import annotations

import struct
from typing import Final

from media_relay.core.descriptors import shift_ids
from media_relay.core.forwarding import Layout, WireFormat
from media_relay.core.packet import MARKER, Codec, Extension, find_element, payload_of
from media_relay.core.rendition import Path

_NUMBERS: Final = struct.Struct("!HI")
"""Sequence number and timestamp, two bytes into the header."""
_SHORT: Final = struct.Struct("!H")


def shift_packets(view: memoryview, layout: Layout, wire: WireFormat, path: Path) -> None:
    """Shift rendered packets in place, and the numbers in their layout."""
    numbers = layout.batch.numbers
    mover = _Mover(view, path, wire.payload_types, wire)
    for index, (offset, length) in enumerate(layout.packets):
        number, timestamp = _NUMBERS.unpack_from(view, offset + 2)
        moved = numbers[index] = mover.number(number)
        _NUMBERS.pack_into(view, offset + 2, moved, mover.timestamp(timestamp))
        mover.move(number, offset, payload_of(view, offset), offset + length)


def shift_repairs(view: memoryview, layout: Layout, wire: WireFormat, path: Path) -> None:
    """Shift rendered retransmissions in place: the original number that they carry, not their own (RFC 4588)."""
    mover = _Mover(view, path, wire.repair_types, wire)
    for offset, length in layout.packets:
        own, timestamp = _NUMBERS.unpack_from(view, offset + 2)
        _NUMBERS.pack_into(view, offset + 2, own, mover.timestamp(timestamp))
        payload = payload_of(view, offset)
        (number,) = _SHORT.unpack_from(view, payload)
        _SHORT.pack_into(view, payload, mover.number(number))
        mover.move(number, offset, payload + 2, offset + length)


class _Mover:
    """What one path changes in one batch."""

    __slots__ = ("_codec", "_dependency", "_mask", "_payload_type", "_shift", "_thinning", "_types", "_view")

    def __init__(self, view: memoryview, path: Path, types: bytes, wire: WireFormat) -> None:
        self._view = view
        self._shift = path.shift
        self._thinning = path.rendition.thinning
        # Rings have a power of two of slots, so 16 bits of a number are enough to find one.
        self._mask = path.rendition.track.history.slots - 1
        self._types = types
        self._dependency = wire.extensions[Extension.DEPENDENCY_DESCRIPTOR]
        self._payload_type = self._codec = -1

    def number(self, number: int) -> int:
        """What the track's number becomes."""
        if self._thinning is not None:
            number = self._thinning.numbers[number & self._mask]
        return number + self._shift.sequence & 0xFFFF

    def timestamp(self, timestamp: int) -> int:
        """What the track's timestamp becomes."""
        return timestamp + self._shift.timestamp & 0xFFFFFFFF

    def move(self, number: int, offset: int, payload: int, end: int) -> None:
        """Change what else counts in the packet at ``offset``, which has this number on the track."""
        view, picture, tl0 = self._view, self._shift.picture, self._shift.tl0
        thinning = self._thinning
        if thinning is not None:
            slot = number & self._mask
            picture -= thinning.pictures[slot]
            if thinning.ends_picture(slot):
                view[offset + 1] |= MARKER
        if picture or tl0:
            codec = self._codec_of(view[offset + 1] & 0x7F)
            if codec == Codec.AV1:
                self._shift_frame(offset, picture)
            else:
                shift_ids(codec, view, payload, end, picture, tl0)

    def _codec_of(self, payload_type: int) -> int:
        """Negotiated payload types back to codecs; those of a batch are nearly always all the same."""
        if payload_type != self._payload_type:
            self._payload_type, self._codec = payload_type, self._types.index(payload_type)
        return self._codec

    def _shift_frame(self, offset: int, by: int) -> None:
        """AV1's frame number, in the dependency descriptor, if the client takes that."""
        if self._dependency:
            start, end = find_element(self._view, offset, self._dependency)
            if end - start >= 3:
                (number,) = _SHORT.unpack_from(self._view, start + 1)
                _SHORT.pack_into(self._view, start + 1, number + by & 0xFFFF)
