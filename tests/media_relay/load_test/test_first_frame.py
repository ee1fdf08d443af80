"""A player shows its first picture when a keyframe is whole, in whatever order its packets come."""

import itertools

from media_relay.load_test.description import MID
from media_relay.load_test.first_frame import FirstFrame
from media_relay.load_test.media import Frames, MediaPlan, Packetizer


def packets(*, keyframe: bool) -> list[memoryview]:
    payloads = Frames(MediaPlan()).video(keyframe=keyframe)
    packetizer = Packetizer("video", 7, frozenset({MID}), itertools.count())
    last = len(payloads) - 1
    return [
        memoryview(packetizer.packet(0, payload, marker=index == last, sent_at=0))
        for index, payload in enumerate(payloads)
    ]


def test_the_last_packet_of_the_keyframe_completes_it() -> None:
    frame, keyframe = FirstFrame(), packets(keyframe=True)
    assert len(keyframe) > 10
    assert [frame.receive(100 + n, packet) for n, packet in enumerate(keyframe)].index(True) == len(
        keyframe
    ) - 1


def test_a_packet_that_comes_late_completes_it() -> None:
    frame, keyframe = FirstFrame(), packets(keyframe=True)
    order = [*range(1, len(keyframe)), 0]
    assert [frame.receive(100 + n, keyframe[n]) for n in order] == [False] * (len(keyframe) - 1) + [True]


def test_other_frames_are_no_beginning() -> None:
    frame, delta, keyframe = FirstFrame(), packets(keyframe=False), packets(keyframe=True)
    assert not any(frame.receive(n, packet) for n, packet in enumerate(delta))
    assert [frame.receive(100 + n, packet) for n, packet in enumerate(keyframe)][-1]
