"""Keyframe starts: by the letter of the RFCs, and in what real encoders send."""

import fractions

import av
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.keyframes import KeyframePatience, KeyframeRequests, starts_keyframe
from media_relay.core.packet import Codec


def starts(codec: Codec, payload: bytes) -> bool:
    padded = b"\xff\xff" + payload + b"\x10\x00"  # bytes around must not matter
    return starts_keyframe(codec, memoryview(padded), 2, 2 + len(payload))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("1000", True),  # S, partition 0; P bit 0
        ("1001", False),  # an interframe
        ("0000", False),  # not the start of a partition
        ("1100", False),  # the start of partition 1
        ("3000", True),  # N (not a reference) does not matter
        ("90800500", True),  # X, I: picture id of 7 bits
        ("9080800500", True),  # X, I: picture id of 15 bits
        ("90e08005074000", True),  # X, I, L, T: picture id, TL0PICIDX and TID
        ("90f08005070000", True),  # with KEYIDX
        ("90e08005074001", False),
        ("902000" + "00", True),  # X, T
        ("9040" + "11" + "00", True),  # X, L
        ("", False),
        ("10", False),
        ("90", False),
        ("9080", False),
        ("908080", False),
        ("90f080050700", False),
    ],
)
def test_vp8_payload_descriptors(payload: str, expected: bool) -> None:
    assert starts(Codec.VP8, bytes.fromhex(payload)) is expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("67420010", True),  # SPS
        ("6588", True),  # IDR
        ("4188", False),  # a non-IDR slice
        ("68ce", False),  # PPS
        ("0600", False),  # SEI
        ("78000467420010", True),  # STAP-A with an SPS first
        ("7800026588", True),  # STAP-A with an IDR first
        ("7800024188", False),
        ("7c85", True),  # FU-A: start of an IDR
        ("7c05", False),  # FU-A: middle of an IDR
        ("7c81", False),  # FU-A: start of another slice
        ("7c", False),
        ("780004", False),
        ("", False),
    ],
)
def test_h264_nal_units(payload: str, expected: bool) -> None:
    assert starts(Codec.H264, bytes.fromhex(payload)) is expected


@given(st.sampled_from(list(Codec)), st.binary(max_size=12))
def test_any_payload_is_or_is_not(codec: Codec, payload: bytes) -> None:
    assert starts(codec, payload) in (True, False)


def test_sound_needs_no_keyframe() -> None:
    assert starts(Codec.OPUS, b"\x00")


@pytest.mark.parametrize(("codec", "encoder"), [(Codec.VP8, Vp8Encoder), (Codec.H264, H264Encoder)])
def test_real_encoders(codec: Codec, encoder: type[Vp8Encoder] | type[H264Encoder]) -> None:
    made = encoder()
    for index in range(6):
        frame = av.VideoFrame(640, 480, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes((index * 40 + i) % 256 for i in range(plane.buffer_size)))
        frame.pts, frame.time_base = index * 3_000, fractions.Fraction(1, 90_000)
        payloads, _ = made.encode(frame, force_keyframe=index == 3)
        found = [starts(codec, payload) for payload in payloads]
        if index in (0, 3):
            assert found[0], "the first packet of a keyframe"
        else:
            assert not any(found), "an interframe"


def test_requests_of_many_become_one_every_half_second() -> None:
    requests = KeyframeRequests()
    assert not requests.due(0.0)
    for _ in range(100):
        requests.ask()
    assert requests.due(10.0)
    assert not requests.due(10.4)
    assert requests.due(10.5), "repeated until served"
    requests.served()
    assert not requests.due(20.0)


def test_a_request_soon_after_another_waits_but_is_not_lost() -> None:
    requests = KeyframeRequests()
    requests.ask()
    assert requests.due(1.0)
    requests.served()
    requests.ask()
    assert not requests.due(1.1)
    assert requests.due(1.6)


def test_time_going_backwards_makes_no_flood() -> None:
    requests = KeyframeRequests()
    requests.ask()
    assert requests.due(100.0)
    assert not any(requests.due(now) for now in (99.0, 50.0, 0.0))


def test_who_can_wait_does_not_hold_up_who_cannot() -> None:
    requests = KeyframeRequests()
    requests.ask(15.0)
    assert not requests.due(14.0)
    requests.ask()
    assert requests.due(14.0)
    requests.served()
    requests.ask(16.0)
    assert not requests.due(15.5)
    assert requests.due(16.0)


def test_who_needs_keyframes_again_and_again_waits_for_those_that_others_get() -> None:
    patience = KeyframePatience()
    assert patience.ask(90.0, 100.0) < 100.0, "at once"
    assert patience.ask(90.0, 101.0) < 100.0, "the same need, as none came"
    assert patience.ask(101.5, 102.0) == 103.5
    assert patience.ask(101.5, 103.0) == 103.5
    assert patience.ask(103.6, 104.0) == 108.6
    assert patience.ask(108.7, 109.0) == 113.7
    assert patience.ask(113.8, 139.1) == 113.8, "trouble of half a minute ago is forgotten"
