"""Redundant sound (RFC 2198, ``red/48000/2`` around Opus as browsers send it): each packet repeats the one before.

Whoever loses a packet takes it from the next one, 20 ms later and without asking: browsers send no NACKs for sound.
The relay opens what publishers send, which repairs their way here, and packs anew, so that every subscriber that
negotiated it is protected on its own way, whatever the publisher does.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from media_relay.core.packet import PacketError

FOLLOWS: Final = 0x80
"""In the first byte of a block's header: it is not the last one."""
MAX_OFFSET: Final = (1 << 14) - 1
"""Timestamp units between a redundant block and its packet: 341 ms."""
MAX_BLOCK: Final = (1 << 10) - 1
"""Bytes of a redundant block."""
OVERHEAD: Final = 5
"""Bytes of the headers of one redundant and the primary block."""
_MAX_BLOCKS: Final = 8


class Block(NamedTuple):
    """A redundant block within its packet."""

    payload_type: int
    offset: int
    """Timestamp units by which it is older than its packet."""
    start: int
    end: int


class Opened(NamedTuple):
    """What a packet holds."""

    redundant: list[Block]
    """Oldest first."""
    payload_type: int
    """Of the primary block."""
    primary: int
    """Where the primary block begins; it reaches to the end."""


def unpack(view: memoryview, start: int, end: int) -> Opened:
    """The blocks of the payload ``view[start:end]``. Raises :class:`~media_relay.core.packet.PacketError`."""
    headers: list[tuple[int, int, int]] = []
    position = start
    while True:
        if position >= end:
            raise PacketError("a redundant packet is shorter than its headers")
        first = view[position]
        if not first & FOLLOWS:
            break
        if position + 4 > end or len(headers) == _MAX_BLOCKS:
            raise PacketError("a redundant packet has a header too many")
        word = int.from_bytes(view[position : position + 4], "big")
        headers.append((first & 0x7F, word >> 10 & MAX_OFFSET, word & MAX_BLOCK))
        position += 4
    at = position + 1
    blocks = []
    for payload_type, offset, size in headers:
        blocks.append(Block(payload_type, offset, at, at + size))
        at += size
    if at > end:
        raise PacketError("a redundant packet is shorter than its blocks")
    return Opened(blocks, first, at)


def single(view: memoryview, start: int, end: int) -> int:
    """Where the primary block begins if the payload ``view[start:end]`` has one redundant one before it, else -1.

    As in nearly all packets of browsers: the same as :func:`unpack` says, without objects.
    """
    if end - start < OVERHEAD or not view[start] & FOLLOWS or view[start + OVERHEAD - 1] & FOLLOWS:
        return -1
    at = start + OVERHEAD + ((view[start + 2] << 8 | view[start + 3]) & MAX_BLOCK)
    return at if at <= end else -1


def primary_of(view: memoryview, start: int) -> int:
    """Where the primary block begins in the payload at ``start`` that :func:`pack` made."""
    return start + OVERHEAD + (int.from_bytes(view[start : start + 4], "big") & MAX_BLOCK)


def pack(payload_type: int, offset: int, former: memoryview, present: memoryview) -> bytes | None:
    """A payload of ``present`` with ``former``, ``offset`` older, in front; ``None`` where that cannot be said."""
    if not 0 < offset <= MAX_OFFSET or not 0 < len(former) <= MAX_BLOCK:
        return None
    header = (FOLLOWS | payload_type) << 24 | offset << 10 | len(former)
    return b"".join((header.to_bytes(4, "big"), bytes((payload_type,)), former, present))


def rename(view: memoryview, start: int, payload_type: int) -> None:
    """Give both blocks of a payload that :func:`pack` made another payload type."""
    view[start] = FOLLOWS | payload_type
    view[start + OVERHEAD - 1] = payload_type
