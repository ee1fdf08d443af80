"""Extension blocks read by their likeness to the last one say what reading them anew says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.blocks import BlockReader
from media_relay.core.packet import (
    HEADER,
    HEADER_SIZE,
    Extension,
    Extensions,
    PacketError,
    extension_table,
    read_extensions,
)

TABLE = extension_table(
    {
        1: Extension.AUDIO_LEVEL,
        2: Extension.TRANSPORT_SEQUENCE,
        3: Extension.MID,
        4: Extension.VIDEO_ORIENTATION,
        5: Extension.PLAYOUT_DELAY,
    }
)


def packet(ssrc: int, elements: bytes, *, profile: bytes = b"\xbe\xde", words: int | None = None) -> bytes:
    padded = elements + bytes(-len(elements) % 4)
    count = len(padded) // 4 if words is None else words
    head = HEADER.pack(0x90, 96, 1, 1, ssrc)
    return head + profile + count.to_bytes(2, "big") + padded + b"payload"


def outcome(found: Extensions) -> dict[str, object]:
    return {name: getattr(found, name) for name in Extensions.__slots__}


def read_anew(data: bytes) -> tuple[int, dict[str, object]] | None:
    found = Extensions()
    try:
        return read_extensions(memoryview(data), HEADER_SIZE, len(data), TABLE, found), outcome(found)
    except PacketError:
        return None


element = st.builds(
    lambda number, value: bytes((number << 4 | len(value) - 1,)) + value,
    st.sampled_from([1, 2, 3, 4, 5, 9, 15]),
    st.sampled_from([b"\x00", b"\x85", b"\x91", b"\x01\x02", b"\xfe\x10", b"\x01\x02\x03"]),
)
blocks = st.one_of(
    st.lists(st.one_of(element, st.just(b"\0")), max_size=4).map(b"".join), st.binary(max_size=12)
)
packets = st.builds(
    packet,
    st.sampled_from([7, 8]),
    blocks,
    profile=st.sampled_from([b"\xbe\xde"] * 4 + [b"\x10\x00", b"\0\0"]),
    words=st.sampled_from([None] * 8 + [0, 1, 200]),
)


@given(st.lists(packets, max_size=12))
def test_a_block_says_the_same_whatever_came_before(stream: list[bytes]) -> None:
    reader = BlockReader(TABLE)
    for data in stream:
        # Each is read twice in a row, so that the second time it is recognised.
        for _ in range(2):
            anew = read_anew(data)
            try:
                payload, found = reader.read(memoryview(data), 0, len(data))
            except PacketError:
                assert anew is None
            else:
                assert (payload, outcome(found)) == anew


def test_numbers_and_levels_change_from_packet_to_packet() -> None:
    reader = BlockReader(TABLE)
    for number in range(300):
        level = number & 0xFF
        elements = b"\x30m\x10" + bytes((level,)) + b"\x21" + number.to_bytes(2, "big")
        data = packet(7, elements)
        payload, found = reader.read(memoryview(data), 0, len(data))
        assert data[payload:] == b"payload"
        assert (found.transport_sequence, found.audio_level, found.mid) == (number, level, b"m")
        assert found.carried == bytes((Extension.AUDIO_LEVEL << 4, level))


def test_a_packet_without_a_block_says_nothing() -> None:
    reader = BlockReader(TABLE)
    full, plain = packet(7, b"\x30m\x10\x85"), HEADER.pack(0x80, 96, 1, 1, 7) + b"payload"
    reader.read(memoryview(full), 0, len(full))
    payload, found = reader.read(memoryview(plain), 0, len(plain))
    assert (payload, outcome(found)) == (HEADER_SIZE, outcome(Extensions()))


def test_sources_are_named_before_the_block() -> None:
    """CSRCs come first (RFC 3550 section 5.1)."""
    data = packet(7, b"\x30m")
    named = bytes((data[0] | 1,)) + data[1:HEADER_SIZE] + b"CSRC" + data[HEADER_SIZE:]
    payload, found = BlockReader(TABLE).read(memoryview(named), 0, len(named))
    assert (named[payload:], found.mid) == (b"payload", b"m")
    with pytest.raises(PacketError):
        BlockReader(TABLE).read(memoryview(named), 0, HEADER_SIZE + 2)
