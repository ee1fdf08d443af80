"""What codecs say about their packets; the bytes are from the RFCs' figures and from Chromium."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.descriptors import av1, packet_ids, picture_ids, shift_ids, vp8, vp9
from media_relay.core.keyframes import starts_keyframe
from media_relay.core.layering import BEGINS, ENDS, SWITCH, Layering, has_layers
from media_relay.core.packet import Codec
from tests.media_relay.core.packets import packet

# Chromium's L3T3_KEY at its start: two spatial layers with three temporal ones each.
LAYERS = bytes.fromhex(
    "800001800514853aaaa8018004004002a02a0060010015d34514174d144c700874321651118543276809f8059813f80b38"
)
VIDEO = [Codec.VP8, Codec.VP9, Codec.AV1, Codec.H264]


def whole(data: str) -> tuple[memoryview, int, int]:
    view = memoryview(bytearray.fromhex(data))
    return view, 0, len(view)


@pytest.mark.parametrize(
    ("payload", "picture", "tl0", "temporal", "sync"),
    [
        ("90e0a7c5d02090", 0x27C5, 0xD0, 0, True),  # Chromium: all fields
        ("90e027d06090", 0x27, 0xD0, 1, True),  # a picture id of 7 bits
        ("9080a7c590", 0x27C5, -1, 0, False),
        ("90 20 80 00", -1, -1, 2, False),
        ("1000", -1, -1, 0, False),
        ("90e0a7c5d0", -1, -1, 0, False),  # cut short
    ],
)
def test_vp8(payload: str, picture: int, tl0: int, temporal: int, sync: bool) -> None:
    view = whole(payload)
    assert vp8.picture_ids(*view) == (picture, tl0)
    assert vp8.temporal_layer(*view) == (temporal, sync)
    assert vp8.begins_frame(*view)


@pytest.mark.parametrize(
    ("payload", "picture", "tl0", "layer"),
    [
        ("a8 85d2 00 07 00", 0x5D2, 7, vp9.Layer(0, 0, False, True, False, False, False)),
        ("fc 85d2 33 00", 0x5D2, -1, vp9.Layer(1, 1, True, True, True, True, True)),  # flexible
        ("e4 12 42 09 00", 0x12, 9, vp9.Layer(1, 2, False, False, True, True, False)),
        ("8c 85d2 00", 0x5D2, -1, vp9.Layer(0, 0, False, True, True, False, False)),
    ],
)
def test_vp9(payload: str, picture: int, tl0: int, layer: vp9.Layer) -> None:
    view = whole(payload)
    assert vp9.picture_ids(*view) == (picture, tl0)
    assert vp9.layer(*view) == layer


def test_a_vp9_keyframe_begins_with_its_lowest_layer() -> None:
    assert starts_keyframe(Codec.VP9, *whole("a8 85d2 00 07 00"))
    assert not starts_keyframe(Codec.VP9, *whole("a8 85d2 03 07 00")), "a spatial layer above"
    assert not starts_keyframe(Codec.VP9, *whole("e8 85d2 00 07 00")), "predicted from earlier pictures"
    assert not starts_keyframe(Codec.VP9, *whole("a0 85d2 00 07 00")), "not the first packet"


def test_av1s_templates_tell_the_layers() -> None:
    first = av1.read(LAYERS, None)
    assert first is not None
    assert (first.begins, first.ends, first.spatial, first.temporal) == (True, False, 0, 0)
    layers = first.structure.layers
    assert set(layers) == {(s, t) for s in range(2) for t in range(3)}
    later = av1.read(bytes.fromhex("450002"), first.structure)
    assert later is not None and (later.begins, later.ends) == (False, True)
    assert (later.spatial, later.temporal) == layers[5]
    assert av1.frame_number(bytes.fromhex("450002")) == 2


@pytest.mark.parametrize("size", range(3, 20))
def test_av1_descriptors_that_are_cut_short_say_nothing(size: int) -> None:
    assert size == 3 or av1.read(LAYERS[:size], None) is None or size > 13


def test_av1_without_a_structure_or_with_an_unknown_template_says_nothing() -> None:
    first = av1.read(LAYERS, None)
    assert first is not None
    assert av1.read(bytes.fromhex("450002"), None) is None
    assert av1.read(bytes.fromhex("3f0002"), first.structure) is None
    assert av1.read(b"\x80", first.structure) is None


@given(
    st.sampled_from([Codec.VP8, Codec.VP9]),
    st.binary(max_size=12),
    st.integers(0, 1 << 17),
    st.integers(0, 300),
)
def test_ids_are_shifted_in_their_own_width_and_nothing_else_changes(
    codec: Codec, payload: bytes, picture: int, tl0: int
) -> None:
    view = memoryview(bytearray(payload))
    before = picture_ids(codec, view, 0, len(view))
    shift_ids(codec, view, 0, len(view), picture, tl0)
    after = picture_ids(codec, view, 0, len(view))
    assert (after[0] - before[0] - picture) % 128 == 0 if before[0] >= 0 else after[0] == -1
    assert (after[1] - before[1] - tl0) % 256 == 0 if before[1] >= 0 else after[1] == -1
    shift_ids(codec, view, 0, len(view), -picture, -tl0)
    assert bytes(view) == payload


@given(st.sampled_from(VIDEO), st.binary(max_size=40), st.binary(max_size=80), st.integers(0, 5))
def test_nothing_that_a_packet_says_is_an_error(
    codec: Codec, payload: bytes, extra: bytes, start: int
) -> None:
    view = memoryview(bytearray(start) + bytearray(payload))
    end = len(view)
    starts_keyframe(codec, view, start, end)
    has_layers(codec, view, start, end)
    layering = Layering(16)
    layering.note(3, codec, view, start, end, LAYERS if len(extra) % 2 else extra, 1.0)
    layering.note(4, codec, view, start, end, extra, 1.0)
    spatial, temporal = layering.layers()
    assert 1 <= spatial <= 4 and 1 <= temporal <= 4
    assert layering.flags[4] <= BEGINS | ENDS | SWITCH


def test_a_canonical_packet_without_a_descriptor_has_no_frame_number() -> None:
    data = packet(1, 2, b"x", block=bytes.fromhex("bede000100000000"))
    assert packet_ids(Codec.AV1, memoryview(data), 0, len(data)) == (-1, -1)
    assert packet_ids(Codec.H264, memoryview(data), 0, len(data)) == (-1, -1)
