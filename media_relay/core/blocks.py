"""Extension blocks read by what the last one of the same source looked like.

A source writes the same elements into every packet: only the transport-wide number and the audio level change. So a
block is compared with the last one at once, as one large number under a mask, and read element by element only where it
differs. What comes out is what :func:`~media_relay.core.packet.read_extensions` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from media_relay.core.packet import (
    HEADER_SIZE,
    Extension,
    Extensions,
    ExtensionTable,
    canonical_block,
    payload_start,
    read_extensions,
)

_EXTENDED_ONLY: Final = 0x10
_FIRST_BITS: Final = 0x1F
"""Of the first byte: extension bit and number of CSRCs."""
_KEY: Final = slice(8, HEADER_SIZE + 4)
_BLOCK: Final = HEADER_SIZE + 4
_ONE_BYTE: Final = b"\xbe\xde"
_MAX_REMEMBERED: Final = 64
_CARRIED: Final = 8
"""Where in a canonical block the elements begin that are carried on."""
_BYTES: Final = [bytes((value,)) for value in range(256)]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the next packet of a source is to look like to need no reading, and what it becomes."""

    mask: bytes
    """Of the whole block, its header included; empty for packets without one."""
    fixed: bytes
    """The block under the mask."""
    number_at: int
    """Where in the packet the transport-wide number and the audio level lie; -1 where there is none."""
    level_at: int
    canonical: bytes
    """The canonical block."""
    canonical_level: int
    """Where in that the audio level lies, or -1."""


_BARE: Final = Pattern(b"", b"", -1, -1, canonical_block(b""), -1)


class BlockReader:
    """Reads the blocks of one publisher. What it returns is good until the next call."""

    __slots__ = ("_found", "_last", "_table")

    def __init__(self, table: ExtensionTable) -> None:
        self._table = table
        self._found = Extensions()
        self._last: dict[bytes, _Shape] = {}
        """By SSRC, profile and length."""

    def read(self, view: memoryview, start: int, end: int) -> tuple[int, Extensions]:
        """Where the payload of the RTP packet begins, and what its block says.

        Raises :class:`~media_relay.core.packet.PacketError`.
        """
        if view[start] & _FIRST_BITS == _EXTENDED_ONLY:
            key = bytes(view[start + 8 : start + _BLOCK])
            shape = self._last.get(key)
            if shape is None:
                shape = self._last[key] = _Shape()
                while len(self._last) > _MAX_REMEMBERED:
                    del self._last[next(iter(self._last))]
            payload = start + shape.payload
            if payload <= end:
                block = int.from_bytes(view[start + _BLOCK : payload], "big")
                if block & shape.mask == shape.fixed:
                    found = shape.found
                    if shape.number_shift >= 0:
                        found.transport_sequence = block >> shape.number_shift & 0xFFFF
                    if shape.level_shift >= 0:
                        level = block >> shape.level_shift & 0xFF
                        if level != found.audio_level:
                            found.audio_level = level
                            found.carried = shape.before_level + _BYTES[level] + shape.after_level
                    return payload, found
            shape.fixed = -1
            payload = read_extensions(view, start + HEADER_SIZE, end, self._table, shape.found)
            shape.learn(view, start, payload, self._table)
            return payload, shape.found
        payload = payload_start(view, start, end)
        if view[start] & _EXTENDED_ONLY:
            payload = read_extensions(view, payload, end, self._table, self._found)
        else:
            self._found.clear()
        return payload, self._found

    def pattern(self, view: memoryview, start: int) -> Pattern | None:
        """What the packet that was read last looks like: the same object as long as that is the same."""
        if view[start] & _FIRST_BITS != _EXTENDED_ONLY:
            return None if view[start] & _FIRST_BITS else _BARE
        shape = self._last.get(bytes(view[start + 8 : start + _BLOCK]))
        return None if shape is None else shape.pattern(bytes(view[start + HEADER_SIZE : start + _BLOCK]))


class _Shape:
    """One block as it was read, and where in it the values lie that change."""

    __slots__ = (
        "after_level",
        "before_level",
        "fixed",
        "found",
        "level_shift",
        "known",
        "mask",
        "number_shift",
        "payload",
    )

    def __init__(self) -> None:
        self.found = Extensions()
        self.payload = _BLOCK
        self.mask = 0
        self.fixed = -1
        """What the block is under the mask; -1 matches none."""
        self.number_shift = -1
        self.level_shift = -1
        self.before_level = b""
        self.after_level = b""
        self.known: Pattern | None = None

    def pattern(self, header: bytes) -> Pattern | None:
        """The block with this header as it was learned, if that can be recognised: not AV1's, which change."""
        if self.known is None and self.fixed >= 0 and not self.found.dependency:
            size = self.payload - _BLOCK
            self.known = Pattern(
                b"\xff" * 4 + self.mask.to_bytes(size, "big"),
                header + self.fixed.to_bytes(size, "big"),
                self.payload - 2 - self.number_shift // 8 if self.number_shift >= 0 else -1,
                self.payload - 1 - self.level_shift // 8 if self.level_shift >= 0 else -1,
                canonical_block(self.found.carried),
                _CARRIED + len(self.before_level) if self.level_shift >= 0 else -1,
            )
        return self.known

    def learn(self, view: memoryview, start: int, payload: int, table: ExtensionTable) -> None:
        """Remember the well-formed block that ends at ``payload``, unless it has two-byte elements or two levels."""
        self.known = None
        if bytes(view[start + HEADER_SIZE : start + HEADER_SIZE + 2]) != _ONE_BYTE:
            return
        self.payload = payload - start
        self.number_shift = self.level_shift = -1
        block = bytes(view[start + _BLOCK : payload])
        size = len(block)
        mask = bytearray(b"\xff" * size)
        levels = 0
        for target, value, after in _elements(block, table):
            if target == Extension.TRANSPORT_SEQUENCE and after - value == 2:
                self.number_shift = 8 * (size - after)
            elif target == Extension.AUDIO_LEVEL:
                self.level_shift = 8 * (size - value - 1)
                levels += 1
                mask[value] = 0
                continue
            elif target:
                continue
            mask[value:after] = bytes(after - value)
        if levels > 1:
            return
        if levels:
            self._split_carried()
        self.mask = int.from_bytes(mask, "big")
        self.fixed = int.from_bytes(block, "big") & self.mask

    def _split_carried(self) -> None:
        """Cut what is carried on around the audio level, so that another level can be put in its place."""
        carried, position = self.found.carried, 0
        while carried[position] >> 4 != Extension.AUDIO_LEVEL:
            position += (carried[position] & 0x0F) + 2
        self.before_level, self.after_level = carried[: position + 1], carried[position + 2 :]


def _elements(block: bytes, table: ExtensionTable) -> Iterator[tuple[int, int, int]]:
    """Each one-byte element: its translated id, where its value begins and ends."""
    position = 0
    while position < len(block):
        first = block[position]
        position += 1
        if first == 0:
            continue
        if first >> 4 == 15:
            return
        after = position + (first & 0x0F) + 1
        yield table[first >> 4], position, after
        position = after
