"""What the load test sends looks to the relay like what a browser sends."""

import itertools
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.keyframes import starts_keyframe
from media_relay.core.packet import HEADER, Codec, Extensions, extension_table, payload_start, read_extensions
from media_relay.core.red import unpack
from media_relay.load_test.description import AUDIO_LEVEL, MID, OPUS, RED, TRANSPORT_SEQUENCE
from media_relay.load_test.media import Frames, MediaPlan, Packetizer, read_stamp, split


@given(st.integers(1, 200_000), st.integers(100, 1_400), st.booleans())
def test_a_split_frame_is_whole_again(size: int, limit: int, even: bool) -> None:
    parts = split(size, limit, even=even)
    assert sum(parts) == size
    assert 0 < min(parts) and max(parts) <= limit
    if even:
        assert max(parts) - min(parts) <= 1
        assert parts == sorted(parts)
    else:
        assert set(parts[:-1]) <= {limit}


@given(st.integers(0, 1 << 30), st.booleans())
def test_the_first_packet_alone_tells_a_keyframe(seed: int, keyframe: bool) -> None:
    payloads = [memoryview(p) for p in Frames(MediaPlan(seed=seed)).video(keyframe=keyframe)]
    starts = [starts_keyframe(Codec.VP8, p, 0, len(p)) for p in payloads]
    assert starts == [keyframe] + [False] * (len(payloads) - 1)


def test_the_rate_is_what_was_asked_for() -> None:
    plan = MediaPlan(video_bitrate=2_500_000, keyframe_seconds=4.0)
    frames = Frames(plan)
    every = int(plan.keyframe_seconds * plan.frames_per_second)
    seconds = 60
    sent = sum(
        len(payload)
        for number in range(seconds * plan.frames_per_second)
        for payload in frames.video(keyframe=number % every == 0)
    )
    assert abs(sent * 8 / seconds / plan.video_bitrate - 1) < 0.03


@pytest.mark.parametrize(("kind", "layer", "told"), [("audio", 0, None), ("video", 0, 0), ("video", 2, 2)])
def test_a_packet_carries_its_extensions_and_its_stamp(kind: str, layer: int, told: int | None) -> None:
    accepted = frozenset({MID, AUDIO_LEVEL, TRANSPORT_SEQUENCE})
    packetizer = Packetizer(kind, 7, accepted, itertools.count(65_535), layer)
    first, second = (
        memoryview(packetizer.packet(960 * n, bytes(100), marker=False, sent_at=123_456_789)) for n in (0, 1)
    )
    assert read_stamp(first) == (123_456_789, told)
    assert HEADER.unpack_from(second)[2] == (HEADER.unpack_from(first)[2] + 1) & 0xFFFF
    found = Extensions()
    numbers = []
    for packet in (first, second):
        start = payload_start(packet, 0, len(packet))
        assert (
            len(packet) - read_extensions(packet, start, len(packet), extension_table({4: -1, 3: -2}), found)
            == 100
        )
        assert found.mid == (b"0" if kind == "audio" else b"1")
        numbers.append(found.transport_sequence)
    assert numbers == [65_535, 0]


def test_redundant_sound_repeats_what_was_sent_before() -> None:
    packetizer = Packetizer("audio", 7, frozenset(), itertools.count(), redundant=True)
    packets = [
        memoryview(packetizer.packet(960 * n, bytes([n]) * 100, marker=False, sent_at=n)) for n in range(3)
    ]
    assert [HEADER.unpack_from(p)[1] for p in packets] == [OPUS, RED, RED], "nothing to repeat at first"
    assert [read_stamp(p) for p in packets] == [(n, None) for n in range(3)]
    for former, packet in pairwise(packets):
        opened = unpack(packet, HEADER.size, len(packet))
        (block,) = opened.redundant
        assert packet[block.start : block.end] == former[-100:]
        assert len(packet) - opened.primary == 100


def test_a_packet_of_somebody_else_has_no_stamp() -> None:
    assert read_stamp(memoryview(bytes(100))) is None
    assert read_stamp(memoryview(bytes(3))) is None
