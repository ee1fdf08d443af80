"""One batch of stored packets laid out for the wire, once for all subscribers that negotiated the same.

The layout leaves room for each packet's SRTP tag, so that a subscriber's copy is one ``memmove``, one ``protect`` a
packet and, where equal sizes follow each other, one message with segmentation offload (udp(7), ``UDP_SEGMENT``).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from media_relay.core.history import SLOT, History
from media_relay.core.packet import (
    HEADER,
    HEADER_SIZE,
    MARKER,
    TRANSPORT_ELEMENT,
    Codec,
    ExtensionTable,
    block_size,
    canonical_block,
    payload_of,
    translate_extensions,
)
from media_relay.core.red import primary_of, rename

_WORDS: Final = HEADER_SIZE + 3
"""Where a canonical packet tells how long its extension block is, the low byte."""
_RED: Final = int(Codec.RED)
_MAX_SEGMENT: Final = 1_452
"""What an Ethernet frame carries over UDP and IPv6: the kernel fragments a larger datagram, but refuses the segment."""


_PADDED: Final = 0xB0
"""First byte of a packet with padding and an extension block."""
_PADDING: Final = bytes(254) + b"\xff"
_PLAIN_BLOCK: Final = canonical_block(b"")
_PADDING_AT: Final = HEADER_SIZE + len(_PLAIN_BLOCK)
PADDING_SIZE: Final = _PADDING_AT + len(_PADDING)


@dataclass(frozen=True, slots=True)
class WireFormat:
    """What one group of subscribers negotiated: their payload types, extension ids and SRTP tag."""

    payload_types: bytes
    """128 entries: the negotiated payload type for each canonical one, 0 where the codec was not negotiated."""
    repair_types: bytes
    """The same for retransmissions (RFC 4588): 0 where lost packets are sent again as they were."""
    extensions: ExtensionTable
    """Negotiated extension ids by canonical id."""
    tag: int
    """Bytes that SRTP adds to a packet."""
    transport: int = 0
    """The id of the transport-wide sequence number, 0 where it was not negotiated."""


class Batch(NamedTuple):
    """What is remembered of a batch that was sent: small, and shared by all who got it."""

    ssrc: int
    """Of all packets; 0 when there are none."""
    numbers: array[int]
    """Their 16-bit sequence numbers on the wire."""
    size: int
    """Bytes of all, tags included."""


class Layout(NamedTuple):
    """Where the packets and messages of a batch lie, relative to its start.

    Tuples, because there is one of each a batch: they are made in a third of the time that frozen dataclasses take.
    """

    packets: list[tuple[int, int]]
    """(offset, plain length) of each packet."""
    messages: list[tuple[int, int, int]]
    """(offset, size, segment size or 0) of each message."""
    size: int
    batch: Batch


def render(
    history: History,
    slots: Sequence[int],
    wire: WireFormat,
    out: memoryview,
    *,
    max_segments: int,
    max_message: int,
) -> Layout:
    """Write the packets of ``slots`` in wire form to ``out``; those of a codec that was not negotiated are left out."""
    stored, lengths = history.view, history.lengths
    payload_types, extensions, tag, transport = wire.payload_types, wire.extensions, wire.tag, wire.transport
    packets: list[tuple[int, int]] = []
    numbers = array("H")
    position = 0
    for slot in slots:
        at = slot * SLOT
        length = lengths[slot]
        second = stored[at + 1]
        payload_type = payload_types[second & 0x7F]
        if second & 0x7F == _RED:
            length, payload_type = _render_red(stored, at, length, payload_types, out, position)
        else:
            out[position : position + length] = stored[at : at + length]
        if not payload_type:
            continue
        out[position + 1] = second & MARKER | payload_type
        if stored[at + _WORDS] == 1 and not stored[at + _WORDS - 1]:
            # Nothing but the transport-wide number, as in nearly all packets of pictures.
            out[position + TRANSPORT_ELEMENT] = transport << 4 | 1 if transport else 0
        else:
            translate_extensions(out, position, extensions, transport)
        packets.append((position, length))
        numbers.append(stored[at + 2] << 8 | stored[at + 3])
        position += length + tag
    if not packets:
        return Layout(packets, [], 0, Batch(0, numbers, 0))
    batch = Batch(int.from_bytes(out[8:12], "big"), numbers, position)
    return Layout(packets, _messages(packets, tag, max_segments, max_message), position, batch)


def _render_red(
    stored: memoryview, at: int, length: int, payload_types: bytes, out: memoryview, position: int
) -> tuple[int, int]:
    """Write a packet of redundant sound as it is, or its primary block alone; returns its length and payload type."""
    sound, redundant = payload_types[Codec.OPUS], payload_types[_RED]
    payload = payload_of(stored, at)
    if redundant:
        out[position : position + length] = stored[at : at + length]
        rename(out, position + payload - at, sound)
        return length, redundant
    primary = primary_of(stored, payload)
    header, rest = payload - at, at + length - primary
    out[position : position + header] = stored[at:payload]
    out[position + header : position + header + rest] = stored[primary : at + length]
    return header + rest, sound


def render_repairs(
    history: History, slots: Sequence[int], wire: WireFormat, out: memoryview, *, ssrc: int, first: int
) -> Layout:
    """Write the packets of ``slots`` as retransmissions (RFC 4588 section 4), numbered from ``first`` on.

    Only for codecs with a repair type; each becomes a message of its own.
    """
    stored, lengths, tag = history.view, history.lengths, wire.tag
    packets: list[tuple[int, int]] = []
    numbers = array("H")
    position = 0
    for number, slot in enumerate(slots, first):
        at = slot * SLOT
        length = lengths[slot]
        header = HEADER_SIZE + block_size(stored, at)
        top, second, original, timestamp, _ = HEADER.unpack_from(stored, at)
        out[position : position + header] = stored[at : at + header]
        repair_type = second & MARKER | wire.repair_types[second & 0x7F]
        HEADER.pack_into(out, position, top, repair_type, number & 0xFFFF, timestamp, ssrc)
        translate_extensions(out, position, wire.extensions, wire.transport)
        after = position + header
        out[after : after + 2] = original.to_bytes(2, "big")
        out[after + 2 : position + length + 2] = stored[at + header : at + length]
        packets.append((position, length + 2))
        numbers.append(number & 0xFFFF)
        position += length + 2 + tag
    messages = [(offset, size + tag, 0) for offset, size in packets]
    return Layout(packets, messages, position, Batch(ssrc, numbers, position))


def render_padding(
    wire: WireFormat, out: memoryview, count: int, *, ssrc: int, first: int, timestamp: int
) -> Layout:
    """Write ``count`` packets of nothing but padding (RFC 3550 section 5.1) to ``out``, as retransmissions of nothing.

    Only for wire formats with a repair type.
    """
    repair_type = next(number for number in wire.repair_types if number)
    packets: list[tuple[int, int]] = []
    numbers = array("H")
    position = 0
    for number in range(first, first + count):
        HEADER.pack_into(out, position, _PADDED, repair_type, number & 0xFFFF, timestamp, ssrc)
        out[position + HEADER_SIZE : position + _PADDING_AT] = _PLAIN_BLOCK
        translate_extensions(out, position, wire.extensions, wire.transport)
        out[position + _PADDING_AT : position + PADDING_SIZE] = _PADDING
        packets.append((position, PADDING_SIZE))
        numbers.append(number & 0xFFFF)
        position += PADDING_SIZE + wire.tag
    messages = [(offset, PADDING_SIZE + wire.tag, 0) for offset, _ in packets]
    return Layout(packets, messages, position, Batch(ssrc, numbers, position))


def _messages(
    packets: list[tuple[int, int]], tag: int, max_segments: int, max_message: int
) -> list[tuple[int, int, int]]:
    """Join neighbours of equal size, the last of which may be shorter, into segmented messages."""
    if len(packets) == 1:
        return [(packets[0][0], packets[0][1] + tag, 0)]
    messages: list[tuple[int, int, int]] = []
    start = total = segment = joined = limit = 0
    for offset, length in packets:
        size = length + tag
        if joined < limit and size <= segment and total + size <= max_message:
            total += size
            joined += 1
            if size < segment:
                limit = 0  # a shorter one is the last
            continue
        if joined:
            messages.append((start, total, segment if joined > 1 else 0))
        start, total, segment, joined = offset, size, size, 1
        limit = max_segments if size <= _MAX_SEGMENT else 1
    messages.append((start, total, segment if joined > 1 else 0))
    return messages
