"""A rendered batch moved to the numbers that those on a path see: once a group, before the copies are made."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from media_relay.core.descriptors import shift_ids
from media_relay.core.forwarding import Layout, WireFormat
from media_relay.core.history import History
from media_relay.core.packet import payload_of
from media_relay.core.rendition import Path, Shift

_NUMBERS: Final = struct.Struct("!HI")
"""Sequence number and timestamp, two bytes into the header."""
_ORIGINAL: Final = struct.Struct("!H")


def on_path(path: Path, history: History, slots: Sequence[int]) -> Sequence[int]:
    """Those of the packets that go this way: not the late ones from before it began."""
    if path.first < 0:
        return slots
    return [slot for slot in slots if history.sequence(slot) >= path.first]


def shift_packets(view: memoryview, layout: Layout, wire: WireFormat, shift: Shift) -> None:
    """Shift rendered packets in place, and the numbers in their layout."""
    codecs, numbers = _Codecs(wire.payload_types), layout.batch.numbers
    for index, (offset, length) in enumerate(layout.packets):
        number, timestamp = _NUMBERS.unpack_from(view, offset + 2)
        number = numbers[index] = number + shift.sequence & 0xFFFF
        _NUMBERS.pack_into(view, offset + 2, number, timestamp + shift.timestamp & 0xFFFFFFFF)
        if shift.picture or shift.tl0:
            codec = codecs.of(view[offset + 1])
            shift_ids(codec, view, payload_of(view, offset), offset + length, shift.picture, shift.tl0)


def shift_repairs(view: memoryview, layout: Layout, wire: WireFormat, shift: Shift) -> None:
    """Shift rendered retransmissions in place: the original number that they carry, not their own (RFC 4588)."""
    codecs = _Codecs(wire.repair_types)
    for offset, length in layout.packets:
        number, timestamp = _NUMBERS.unpack_from(view, offset + 2)
        _NUMBERS.pack_into(view, offset + 2, number, timestamp + shift.timestamp & 0xFFFFFFFF)
        payload = payload_of(view, offset)
        (original,) = _ORIGINAL.unpack_from(view, payload)
        _ORIGINAL.pack_into(view, payload, original + shift.sequence & 0xFFFF)
        if shift.picture or shift.tl0:
            codec = codecs.of(view[offset + 1])
            shift_ids(codec, view, payload + 2, offset + length, shift.picture, shift.tl0)


class _Codecs:
    """Negotiated payload types back to codecs; those of a batch are nearly always all the same."""

    __slots__ = ("_codec", "_payload_type", "_types")

    def __init__(self, types: bytes) -> None:
        self._types = types
        self._payload_type = self._codec = -1

    def of(self, second: int) -> int:
        """The canonical payload type of a rendered packet by the second byte of its header."""
        payload_type = second & 0x7F
        if payload_type != self._payload_type:
            self._payload_type, self._codec = payload_type, self._types.index(payload_type)
        return self._codec
