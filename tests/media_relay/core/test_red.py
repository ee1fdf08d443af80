"""Redundant sound (RFC 2198): what is packed comes out again, and what strangers write never does harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.packet import PacketError
from media_relay.core.red import MAX_BLOCK, MAX_OFFSET, pack, primary_of, rename, single, unpack

FROM_RFC_2198 = bytes.fromhex("8704002305") + b"o" * 35 + b"present"
"""Section 5: one redundant block of 35 bytes, 256 units old, type 7, in front of type 5."""


def blocks_of(payload: bytes) -> tuple[list[tuple[int, int, bytes]], int, bytes]:
    opened = unpack(memoryview(payload), 0, len(payload))
    redundant = [(b.payload_type, b.offset, payload[b.start : b.end]) for b in opened.redundant]
    return redundant, opened.payload_type, payload[opened.primary :]


def test_the_layout_is_that_of_the_standard() -> None:
    assert blocks_of(FROM_RFC_2198) == ([(7, 256, b"o" * 35)], 5, b"present")


@given(st.integers(1, MAX_OFFSET), st.binary(min_size=1, max_size=MAX_BLOCK), st.binary(max_size=1_200))
def test_what_is_packed_comes_out(offset: int, former: bytes, present: bytes) -> None:
    packed = pack(111, offset, memoryview(former), memoryview(present))
    assert packed is not None
    assert blocks_of(packed) == ([(111, offset, former)], 111, present)
    assert packed[primary_of(memoryview(packed), 0) :] == present
    renamed = bytearray(packed)
    rename(memoryview(renamed), 0, 96)
    assert blocks_of(bytes(renamed)) == ([(96, offset, former)], 96, present)


@pytest.mark.parametrize(
    ("offset", "former"), [(0, b"x"), (MAX_OFFSET + 1, b"x"), (960, b""), (960, bytes(MAX_BLOCK + 1))]
)
def test_what_cannot_be_said_is_not_packed(offset: int, former: bytes) -> None:
    assert pack(111, offset, memoryview(former), memoryview(b"present")) is None


@pytest.mark.parametrize(
    "wrong", [b"", b"\x87", b"\x87\x04\x00\x23", FROM_RFC_2198[:20], b"\x87\0\0\1" * 9 + b"\5"]
)
def test_what_is_too_short_is_refused(wrong: bytes) -> None:
    with pytest.raises(PacketError):
        blocks_of(wrong)


def slowly(payload: bytes) -> tuple[list[tuple[int, int, bytes]], int, bytes] | None:
    """RFC 2198 section 3, bit by bit; ``None`` for what is cut short or has more than eight repetitions."""
    bits = "".join(f"{byte:08b}" for byte in payload)
    headers: list[tuple[int, int, int]] = []
    while bits[:1] == "1":
        if len(bits) < 32 or len(headers) == 8:
            return None
        headers.append((int(bits[1:8], 2), int(bits[8:22], 2), int(bits[22:32], 2)))
        bits = bits[32:]
    if not bits:
        return None
    primary, rest = int(bits[1:8], 2), payload[4 * len(headers) + 1 :]
    blocks = []
    for payload_type, offset, size in headers:
        if size > len(rest):
            return None
        blocks.append((payload_type, offset, rest[:size]))
        rest = rest[size:]
    return blocks, primary, rest


header = st.builds(
    lambda kind, offset, size: (0x80000000 | kind << 24 | offset << 10 | size).to_bytes(4, "big"),
    st.integers(0, 127), st.integers(0, MAX_OFFSET), st.integers(0, 40),
)  # fmt: skip
likely = st.builds(
    lambda headers, kind, rest: b"".join(headers) + bytes((kind,)) + rest,
    st.lists(header, max_size=10), st.integers(0, 127), st.binary(max_size=120),
)  # fmt: skip


@given(st.one_of(st.binary(max_size=120), likely), st.integers(0, 3))
def test_whatever_comes_is_opened_as_the_standard_says_or_refused(payload: bytes, around: int) -> None:
    wanted = slowly(payload)
    view = memoryview(b"\xff" * around + payload + b"\xff" * around)
    at = single(view, around, around + len(payload))
    try:
        found = blocks_of(payload)
    except PacketError:
        assert wanted is None
        assert at == -1
        return
    assert found == wanted
    if len(found[0]) == 1:
        assert payload[at - around :] == found[2]
    else:
        assert at == -1


@given(st.binary(max_size=120))
def test_anything_is_opened_within_its_bounds_or_refused(noise: bytes) -> None:
    try:
        opened = unpack(memoryview(noise), 0, len(noise))
    except PacketError:
        return
    assert opened.primary <= len(noise)
    assert all(b.start <= b.end <= opened.primary for b in opened.redundant)
