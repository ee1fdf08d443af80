"""One batch of stored packets laid out for the wire, once for all subscribers that negotiated the same.

The layout leaves room for each packet's SRTP tag, so that a subscriber's copy is one ``memmove``, one ``protect`` a
packet and, where equal sizes follow each other, one message with segmentation offload (udp(7), ``UDP_SEGMENT``).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from media_relay.core.history import SLOT, History
from media_relay.core.packet import (
    HEADER,
    HEADER_SIZE,
    MARKER,
    ExtensionTable,
    block_size,
    translate_extensions,
)

_MAX_SEGMENT: Final = 1_452
"""What an Ethernet frame carries over UDP and IPv6: the kernel fragments a larger datagram, but refuses the segment."""


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


@dataclass(frozen=True, slots=True)
class Batch:
    """What is remembered of a batch that was sent: small, and shared by all who got it."""

    ssrc: int
    """Of all packets; 0 when there are none."""
    numbers: array[int]
    """Their 16-bit sequence numbers on the wire."""
    size: int
    """Bytes of all, tags included."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the packets and messages of a batch lie, relative to its start."""

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
        if not payload_type:
            continue
        out[position : position + length] = stored[at : at + length]
        out[position + 1] = second & MARKER | payload_type
        translate_extensions(out, position, extensions, transport)
        packets.append((position, length))
        numbers.append(stored[at + 2] << 8 | stored[at + 3])
        position += length + tag
    batch = Batch(int.from_bytes(out[8:12], "big") if packets else 0, numbers, position)
    return Layout(packets, _messages(packets, tag, max_segments, max_message), position, batch)


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


def _messages(
    packets: list[tuple[int, int]], tag: int, max_segments: int, max_message: int
) -> list[tuple[int, int, int]]:
    """Join neighbours of equal size, the last of which may be shorter, into segmented messages."""
    messages: list[tuple[int, int, int]] = []
    index, count = 0, len(packets)
    while index < count:
        offset, length = packets[index]
        segment = total = length + tag
        joined = 1
        limit = max_segments if segment <= _MAX_SEGMENT else 1
        while index + joined < count and joined < limit:
            size = packets[index + joined][1] + tag
            if size > segment or total + size > max_message:
                break
            total += size
            joined += 1
            if size < segment:
                break
        messages.append((offset, total, segment if joined > 1 else 0))
        index += joined
    return messages
