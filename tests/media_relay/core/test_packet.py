"""RTP headers and header extensions: what is carried arrives, what is malformed is a PacketError."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.packet import (
    EXTENSION_URIS,
    NO_LEVEL,
    TRANSPORT_NUMBER,
    Codec,
    Extension,
    Extensions,
    PacketError,
    canonical_block,
    dependency_block,
    extension_table,
    find_element,
    payload_start,
    read_extensions,
    translate_extensions,
)
from tests.media_relay.core.packets import (
    Element,
    one_byte_block,
    one_byte_elements,
    packet,
    two_byte_block,
    two_byte_elements,
)

CARRIED = [int(e) for e in Extension if e is not Extension.DEPENDENCY_DESCRIPTOR]
"""The dependency descriptor is carried too, but apart, because it may be long."""
tables = st.dictionaries(st.integers(1, 14), st.sampled_from(CARRIED), max_size=8)


def read(block: bytes, ids: dict[int, int]) -> Extensions:
    found = Extensions()
    view = memoryview(block + b"payload")
    assert read_extensions(view, 0, len(view), extension_table(ids), found) == len(block)
    return found


def carried_elements(carried: bytes) -> list[Element]:
    """An obvious reader of the one-byte form."""
    elements = []
    while carried:
        number, size = carried[0] >> 4, (carried[0] & 0x0F) + 1
        elements.append((number, carried[1 : 1 + size]))
        carried = carried[1 + size :]
    return elements


def expected(elements: list[Element], ids: dict[int, int]) -> list[Element]:
    return [(ids[n], data) for n, data in elements if ids.get(n, 0) > 0 and 0 < len(data) <= 16]


@given(one_byte_elements, tables, st.lists(st.integers(0, 3), max_size=6))
def test_one_byte_elements_are_carried_under_canonical_ids(
    elements: list[Element], ids: dict[int, int], gaps: list[int]
) -> None:
    found = read(one_byte_block(elements, gaps), ids)
    assert carried_elements(found.carried) == expected(elements, ids)


@given(two_byte_elements, tables, st.integers(0, 15))
def test_two_byte_elements_are_carried_in_one_byte_form(
    elements: list[Element], ids: dict[int, int], appbits: int
) -> None:
    found = read(two_byte_block(elements, appbits), ids)
    assert carried_elements(found.carried) == expected(elements, ids)


@given(
    one_byte_elements,
    st.dictionaries(st.integers(1, 5), st.integers(7, 13), max_size=5),
    st.sampled_from([0, 14]),
)
def test_a_canonical_block_is_translated_for_a_subscriber(
    elements: list[Element], ids: dict[int, int], transport: int
) -> None:
    canonical = [(n, data) for n, data in elements if n <= 5]
    block = canonical_block(b"".join(bytes([n << 4 | len(d) - 1]) + d for n, d in canonical))
    out = bytearray(packet(1, 2, b"payload", block=block))
    translate_extensions(memoryview(out), 0, extension_table(ids), transport)
    identity = {n: n for n in range(1, 15)}
    found = Extensions()
    payload = read_extensions(memoryview(out), 12, len(out), extension_table(identity), found)
    assert out[payload:] == b"payload"
    assert out[:12] == packet(1, 2, b"payload", block=block)[:12]
    number = [(14, bytes(2))] if transport else []
    assert carried_elements(found.carried) == number + [(ids[n], data) for n, data in canonical if n in ids]
    assert not transport or out[TRANSPORT_NUMBER - 1] == 14 << 4 | 1


def test_mid_and_transport_number_are_read_and_not_carried() -> None:
    ids = {4: int(Extension.MID), 3: int(Extension.TRANSPORT_SEQUENCE), 1: int(Extension.AUDIO_LEVEL)}
    found = read(one_byte_block([(4, b"video"), (3, b"\x12\x34"), (1, b"\x80")]), ids)
    assert (found.mid, found.transport_sequence) == (b"video", 0x1234)
    assert carried_elements(found.carried) == [(int(Extension.AUDIO_LEVEL), b"\x80")]


def test_the_audio_level_is_read_and_carried() -> None:
    found = Extensions()
    ids = extension_table({1: int(Extension.AUDIO_LEVEL)})
    block = one_byte_block([(1, b"\x9e")])
    read_extensions(memoryview(block), 0, len(block), ids, found)
    assert found.audio_level == 0x9E
    assert carried_elements(found.carried) == [(int(Extension.AUDIO_LEVEL), b"\x9e")]
    found.clear()
    assert found.audio_level == NO_LEVEL


def test_what_was_found_in_one_packet_does_not_leak_into_the_next() -> None:
    found = Extensions()
    ids = extension_table({3: int(Extension.TRANSPORT_SEQUENCE), 1: int(Extension.AUDIO_LEVEL)})
    first = one_byte_block([(3, b"\0\7"), (1, b"\1")])
    read_extensions(memoryview(first), 0, len(first), ids, found)
    other = struct.pack("!HH", 0xABCD, 1) + b"\x31\0\x08\0"
    assert read_extensions(memoryview(other), 0, len(other), ids, found) == len(other)
    assert (found.carried, found.transport_sequence) == (b"", -1)


def test_a_transport_number_of_a_wrong_size_is_no_number() -> None:
    assert read(one_byte_block([(3, b"\1")]), {3: int(Extension.TRANSPORT_SEQUENCE)}).transport_sequence == -1


def test_id_15_ends_the_one_byte_form() -> None:
    block = struct.pack("!HH", 0xBEDE, 2) + b"\x10\x01" + b"\xf0\x00" + b"\x20\x02\x00\x00"
    assert carried_elements(read(block, {1: 1, 2: 2}).carried) == [(1, b"\x01")]


@given(
    st.binary(max_size=80), tables, st.sampled_from([0xBEDE, 0x1000, 0x100F, 0, 0xFFFF]), st.integers(0, 30)
)
def test_any_block_is_read_within_its_bounds_or_refused(
    body: bytes, ids: dict[int, int], profile: int, words: int
) -> None:
    view = memoryview(struct.pack("!HH", profile, words) + body)
    found = Extensions()
    try:
        stop = read_extensions(view, 0, len(view), extension_table(ids), found)
    except PacketError:
        return
    assert stop == 4 + 4 * words <= len(view)
    assert len(found.carried) <= 4 * words
    # What is carried is itself well-formed, so that it can be translated without a check.
    rewritten = bytearray(packet(1, 2, b"", block=canonical_block(found.carried)))
    translate_extensions(memoryview(rewritten), 0, extension_table({}), 0)
    assert not any(rewritten[16:])


@given(one_byte_elements, st.data())
def test_every_truncation_is_refused(elements: list[Element], data: st.DataObject) -> None:
    block = one_byte_block(elements)
    cut = data.draw(st.integers(0, len(block) - 1))
    with pytest.raises(PacketError):
        read_extensions(memoryview(block)[:cut], 0, cut, extension_table({}), Extensions())


@given(st.integers(0, 15), st.integers(0, 100))
def test_the_csrc_list_is_skipped_or_too_long(csrcs: int, size: int) -> None:
    whole = packet(1, 2, b"", csrcs=csrcs) + bytes(size)
    assert payload_start(memoryview(whole), 0, len(whole)) == 12 + 4 * csrcs
    for cut in {1, 11, 11 + 4 * csrcs}:
        with pytest.raises(PacketError):
            payload_start(memoryview(whole), 0, cut)


def test_tables_leave_out_ids_without_a_one_byte_form() -> None:
    table = extension_table({0: 1, 1: 2, 14: 3, 15: 4, 200: 5})
    assert len(table) == 16
    assert {i: v for i, v in enumerate(table) if v} == {1: 2, 14: 3}


def test_canonical_ids_are_distinct_and_fit_the_one_byte_form() -> None:
    carried = [e for e in Extension if e > 0]
    assert len(set(carried)) == len(carried)
    assert all(1 <= e <= 14 for e in carried)
    assert set(EXTENSION_URIS.values()) == set(Extension)


def test_codecs_know_their_clock() -> None:
    assert all(c.clock_rate == (90_000 if c.is_video else 48_000) for c in Codec)
    assert [c for c in Codec if not c.is_video] == [Codec.OPUS, Codec.RED]


@given(st.binary(min_size=1, max_size=200), one_byte_elements, st.sampled_from([0, 14]))
def test_a_dependency_descriptor_of_any_length_is_carried(
    descriptor: bytes, elements: list[Element], transport: int
) -> None:
    carried = b"".join(bytes([n << 4 | len(d) - 1]) + d for n, d in elements if n <= 5)
    out = bytearray(packet(1, 2, b"payload", block=dependency_block(carried, descriptor)))
    view = memoryview(out)
    start, end = find_element(view, 0, Extension.DEPENDENCY_DESCRIPTOR)
    assert bytes(view[start:end]) == descriptor
    translate_extensions(
        view, 0, extension_table({1: 9, int(Extension.DEPENDENCY_DESCRIPTOR): 12}), transport
    )
    start, end = find_element(view, 0, 12)
    assert bytes(view[start:end]) == descriptor
    found = Extensions()
    ids = {12: int(Extension.DEPENDENCY_DESCRIPTOR), 9: 9, 14: int(Extension.TRANSPORT_SEQUENCE)}
    assert out[read_extensions(view, 12, len(out), extension_table(ids), found) :] == b"payload"
    assert found.dependency == descriptor
    assert carried_elements(found.carried) == [(9, d) for n, d in elements if n == 1]
    assert found.transport_sequence == (0 if transport else -1)
    assert not transport or bytes(out[TRANSPORT_NUMBER - 2 : TRANSPORT_NUMBER]) in (b"\0\xe1", b"\x0e\x02")


def test_a_client_without_the_dependency_descriptor_gets_padding() -> None:
    for size in (3, 40):
        out = bytearray(packet(1, 2, b"", block=dependency_block(b"\x10\xff", bytes([255] * size))))
        translate_extensions(memoryview(out), 0, extension_table({1: 2}), 0)
        assert out.count(255) == 1
