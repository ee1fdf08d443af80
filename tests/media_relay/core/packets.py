"""RTP packets for the tests of the core, written independently of the code under test."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hypothesis import strategies as st

Element = tuple[int, bytes]


def one_byte_block(elements: Sequence[Element], gaps: Sequence[int] = ()) -> bytes:
    """An extension block in the one-byte form of RFC 8285, with padding bytes before some elements."""
    body = b""
    for index, (number, data) in enumerate(elements):
        body += bytes(gaps[index] if index < len(gaps) else 0)
        body += bytes([number << 4 | len(data) - 1]) + data
    body += bytes(-len(body) % 4)
    return struct.pack("!HH", 0xBEDE, len(body) // 4) + body


def canonical_block(elements: Sequence[Element], transport: int = 0, transport_number: int = 0) -> bytes:
    """A block that begins with a transport-wide number after a byte, or with the room for it (``transport`` 0)."""
    if transport:
        return one_byte_block([(transport, transport_number.to_bytes(2, "big")), *elements], gaps=[1])
    return one_byte_block(elements, gaps=[4]) if elements else struct.pack("!HHI", 0xBEDE, 1, 0)


def two_byte_block(elements: Sequence[Element], appbits: int = 0) -> bytes:
    """An extension block in the two-byte form."""
    body = b"".join(bytes([number, len(data)]) + data for number, data in elements)
    body += bytes(-len(body) % 4)
    return struct.pack("!HH", 0x1000 | appbits, len(body) // 4) + body


def packet(
    number: int,
    timestamp: int,
    payload: bytes,
    *,
    payload_type: int = 96,
    ssrc: int = 1,
    marker: bool = False,
    block: bytes = b"",
    csrcs: int = 0,
    padding: int = 0,
) -> bytes:
    """A whole packet."""
    first = 0x80 | (0x20 if padding else 0) | (0x10 if block else 0) | csrcs
    second = (0x80 if marker else 0) | payload_type
    head = struct.pack("!BBHII", first, second, number & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    tail = bytes(padding - 1) + bytes([padding]) if padding else b""
    return head + bytes(4 * csrcs) + block + payload + tail


one_byte_elements = st.lists(
    st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16)), max_size=6, unique_by=lambda e: e[0]
)
two_byte_elements = st.lists(
    st.tuples(st.integers(1, 255), st.binary(max_size=40)), max_size=6, unique_by=lambda e: e[0]
)
