"""Layouts against a naive oracle, and messages against the rules of UDP_SEGMENT."""

from __future__ import annotations

from dataclasses import dataclass

from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, unwrap_rtx
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.core.forwarding import WireFormat, render, render_repairs
from media_relay.core.history import SLOT, History
from media_relay.core.packet import extension_table
from tests.media_relay.core.packets import canonical_block, packet


@dataclass(frozen=True)
class Given:
    payload_type: int
    size: int
    level: int | None
    """A header extension under canonical id 1."""


packets = st.lists(
    st.builds(
        Given,
        payload_type=st.sampled_from([96, 96, 96, 102, 111]),
        size=st.one_of(st.integers(0, 1_400), st.sampled_from([1_000, 1_000, 999])),
        level=st.one_of(st.none(), st.integers(0, 255)),
    ),
    max_size=100,
)


def stored(given_packets: list[Given]) -> tuple[History, list[int]]:
    history = History(128)
    slots = []
    for index, one in enumerate(given_packets):
        block = canonical_block([(1, bytes([one.level]))] if one.level is not None else [])
        data = packet(
            index, index * 10, bytes(one.size), payload_type=one.payload_type, block=block, marker=True
        )
        slot = history.store(index, len(data))
        history.view[slot * SLOT : slot * SLOT + len(data)] = data
        slots.append(slot)
    return history, slots


@settings(max_examples=60)
@given(
    packets,
    st.dictionaries(st.sampled_from([96, 102, 111]), st.integers(1, 127)),
    st.sampled_from([10, 16]),
    st.sampled_from([0, 3]),
)
def test_every_packet_lies_where_the_layout_says(
    given_packets: list[Given], types: dict[int, int], tag: int, transport: int
) -> None:
    history, slots = stored(given_packets)
    payload_types = bytes(types.get(n, 0) for n in range(128))
    wire = WireFormat(payload_types, bytes(128), extension_table({1: 9}), tag, transport)
    out = memoryview(bytearray(128 * (SLOT + 16)))
    layout = render(history, slots, wire, out, max_segments=64, max_message=65_000)

    wanted = []
    for index, one in enumerate(given_packets):
        if one.payload_type in types:
            block = canonical_block([(9, bytes([one.level]))] if one.level is not None else [], transport)
            number = types[one.payload_type]
            wanted.append(
                packet(index, index * 10, bytes(one.size), payload_type=number, block=block, marker=True)
            )
    assert [bytes(out[at : at + length]) for at, length in layout.packets] == wanted

    assert list(layout.batch.numbers) == [
        i for i, one in enumerate(given_packets) if one.payload_type in types
    ]
    assert layout.batch.ssrc == (1 if wanted else 0)

    # With its tag each packet ends where the next one begins.
    position = 0
    for at, length in layout.packets:
        assert at == position
        position += length + tag
    assert layout.size == position

    # Cutting the messages as the kernel does gives back exactly the protected packets.
    datagrams = []
    for at, size, segment in layout.messages:
        step = segment or size
        cut = [(at + i, min(step, size - i)) for i in range(0, size, step)]
        assert (len(cut) > 1) == bool(segment)
        assert len(cut) <= 64 and size <= 65_000
        assert all(length == step for _, length in cut[:-1])
        datagrams += cut
    assert datagrams == [(at, length + tag) for at, length in layout.packets]


@settings(max_examples=60)
@given(packets, st.integers(0, 100_000))
def test_a_retransmission_unwraps_to_the_packet_it_repeats(given_packets: list[Given], first: int) -> None:
    history, slots = stored(given_packets)
    types = {96: 120, 102: 121, 111: 122}
    repairs = bytes(types.get(n, 0) for n in range(128))
    wire = WireFormat(bytes(range(128)), repairs, extension_table({1: 9}), 16)
    out = memoryview(bytearray(128 * (SLOT + 18)))
    layout = render_repairs(history, slots, wire, out, ssrc=77, first=first)
    extensions = HeaderExtensionsMap()
    level = RTCRtpHeaderExtensionParameters(id=9, uri="urn:ietf:params:rtp-hdrext:ssrc-audio-level")
    extensions.configure(RTCRtpParameters(headerExtensions=[level]))
    for index, (one, (at, length)) in enumerate(zip(given_packets, layout.packets, strict=True)):
        repair = RtpPacket.parse(bytes(out[at : at + length]), extensions)
        assert (repair.ssrc, repair.sequence_number) == (77, (first + index) & 0xFFFF)
        assert repair.payload_type == types[one.payload_type]
        original = unwrap_rtx(repair, payload_type=one.payload_type, ssrc=1)
        assert (original.sequence_number, original.timestamp, original.marker) == (index, index * 10, 1)
        assert original.payload == bytes(one.size)
        if one.level is not None:
            assert original.extensions.audio_level == (bool(one.level & 0x80), one.level & 0x7F)
    assert [(at, size, 0) for at, size, _ in layout.messages] == [
        (at, length + 16, 0) for at, length in layout.packets
    ]


BARE = 12 + 8 + 16
"""Header, the block with room for a transport-wide number, and tag: the size of a packet without a payload."""


def messages(sizes: list[int], max_segments: int = 64) -> list[tuple[int, int, int]]:
    history, slots = stored([Given(96, size, None) for size in sizes])
    types = bytes(96 if n == 96 else 0 for n in range(128))
    wire = WireFormat(types, bytes(128), extension_table({}), 16)
    out = memoryview(bytearray(128 * (SLOT + 16)))
    return render(history, slots, wire, out, max_segments=max_segments, max_message=65_000).messages


def test_a_frame_of_equal_packets_is_one_message() -> None:
    assert messages([1_000] * 9 + [300]) == [(0, 9 * (1_000 + BARE) + 300 + BARE, 1_000 + BARE)]


def test_a_longer_packet_begins_a_new_message() -> None:
    assert messages([500, 501]) == [(0, 500 + BARE, 0), (500 + BARE, 501 + BARE, 0)]


def test_after_a_shorter_packet_a_new_message_begins() -> None:
    assert [m[2] for m in messages([500, 499, 499, 499])] == [500 + BARE, 499 + BARE]


def test_without_offload_every_packet_is_a_message() -> None:
    assert [m[2] for m in messages([500, 500, 500], max_segments=1)] == [0, 0, 0]


def test_no_message_has_more_segments_or_bytes_than_the_kernel_takes() -> None:
    assert [m[1] // (10 + BARE) for m in messages([10] * 100)] == [64, 36]
    assert all(size <= 65_000 for _, size, _ in messages([1_400] * 100))


def test_segments_larger_than_a_frame_are_not_joined() -> None:
    largest = 1_452 - BARE
    assert [m[2] for m in messages([largest] * 3)] == [1_452]
    assert [m[2] for m in messages([largest + 1] * 3)] == [0, 0, 0]
