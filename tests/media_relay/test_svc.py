"""A publisher that sends several layers on one source: what viewers of fewer layers see has no seams either."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.core.packet import Codec, Extensions
from media_relay.core.track import Source
from media_relay.fanout import Fanout
from media_relay.stream import Stream
from media_relay.subscriber import Subscriber
from tests.media_relay.core.packets import packet
from tests.media_relay.layered import Screens, Seen, Viewer, extended, missing, numbers_of

PATTERN = (0, 2, 1, 2)
"""Temporal layers of four pictures; the second and the third picture may be begun with."""


def vp9(picture: int, spatial: int, temporal: int, part: int, parts: int, *, key: bool) -> bytes:
    """A descriptor in flexible mode (RFC 9628 section 4.2): 15-bit picture id, layer indices."""
    first = 0x80 | 0x20 | 0x10 | (0 if key else 0x40)
    first |= (0x08 if part == 0 else 0) | (0x04 if part == parts - 1 else 0)
    indices = temporal << 5 | (temporal > 0) << 4 | spatial << 1 | (spatial > 0)
    return bytes((first, 0x80 | picture >> 8 & 0x7F, picture & 0xFF, indices))


def vp8(picture: int, spatial: int, temporal: int, part: int, parts: int, *, key: bool) -> bytes:
    """A descriptor with picture id, TL0PICIDX and temporal id (RFC 7741 section 4.2), and the frame's first byte."""
    layer = temporal << 6 | (temporal > 0) << 5
    head = bytes((0x90 if part == 0 else 0x80, 0xE0, 0x80 | picture >> 8 & 0x7F, picture & 0xFF, 7, layer))
    return head + (b"\x00" if key else b"\x01")


WRITERS = {Codec.VP8: vp8, Codec.VP9: vp9}
PAYLOAD_TYPES = {Codec.VP8: 96, Codec.VP9: 98, Codec.AV1: 45}


@dataclass(frozen=True)
class Said:
    """What a packet was when it was sent, from its last bytes."""

    picture: int
    spatial: int
    temporal: int
    part: int
    parts: int
    key: bool

    @classmethod
    def of(cls, seen: Seen) -> Said:
        return cls(*struct.unpack("!IBBBB?", seen.payload[-9:]))


@dataclass
class Camera:
    """One source with three temporal layers and ``spatial`` spatial ones."""

    codec: Codec = Codec.VP9
    spatial: int = 3
    now: float = 100.0
    pictures: int = 0
    number: int = 40_000
    picture_id: int = 32_760
    pattern: tuple[int, ...] = PATTERN
    held: list[Any] = field(default_factory=list)
    viewers: list[Viewer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stream = Stream("lesson", "main", cast(Fanout, Screens()))
        self.stream.publisher = cast(Any, self)
        self.stream.lay_out(1)
        self.track = self.stream.layers["video"].full
        self.source = Source(5, {PAYLOAD_TYPES[self.codec]: self.codec}, 90_000)

    def expect(self) -> None:
        """As a publisher is told: here no kernel takes packets that would have to know."""

    def shoot(self, *, key: bool = False, parts: int = 1, hold: tuple[int, int] | None = None) -> None:
        """One picture in all its layers; ``hold`` (spatial layer, part) does not arrive yet."""
        self.now += 1 / 30
        temporal = 0 if key else self.pattern[self.pictures % len(self.pattern)]
        for spatial in range(self.spatial):
            for part in range(parts):
                head = WRITERS[self.codec](
                    self.picture_id, spatial, temporal, part, parts, key=key and not spatial
                )
                said = struct.pack("!IBBBB?", self.pictures, spatial, temporal, part, parts, key)
                last = spatial == self.spatial - 1 and part == parts - 1
                data = packet(
                    self.number,
                    self.pictures * 3_000,
                    head + said,
                    payload_type=PAYLOAD_TYPES[self.codec],
                    marker=last,
                )
                self.number += 1
                if hold == (spatial, part):
                    self.held.append(data)
                else:
                    self.arrive(data)
        self.pictures += 1
        self.picture_id += 1
        self.stream.flush()

    def arrive(self, data: Any) -> None:
        self.track.ingest(self.source, memoryview(data), 0, len(data), 12, Extensions(), self.now)

    def release(self) -> None:
        """What was held back arrives after all."""
        held, self.held = self.held, []
        for data in held:
            self.arrive(data)
        self.stream.flush()

    def watch(self) -> Viewer:
        viewer = Viewer(self.stream)
        self.stream.subscribers[str(len(self.viewers))] = cast(Subscriber, viewer)
        self.viewers.append(viewer)
        self.stream.welcome(cast(Subscriber, viewer), self.now)
        return viewer

    def steer(self) -> bool:
        """As the relay does; whether a keyframe is asked for."""
        self.stream.steer(self.now)
        return self.track.keyframes.pending

    def want(self, viewer: Viewer, rung: str) -> None:
        viewer.video.want(next(r for r in viewer.video.renditions(self.now) if r.rung == rung))
        self.steer()


def going(codec: Codec = Codec.VP9, spatial: int = 3) -> tuple[Camera, Viewer]:
    """A lesson of eight pictures and one who has seen the last four."""
    camera = Camera(codec, spatial)
    for i in range(4):
        camera.shoot(key=i == 0)
    viewer = camera.watch()
    viewer.seen.clear()
    for _ in range(4):
        camera.shoot()
    camera.steer()
    return camera, viewer


def shown(viewer: Viewer, since: int = 0) -> list[tuple[int, int]]:
    """Spatial and temporal layer of each packet."""
    return [(said.spatial, said.temporal) for said in map(Said.of, viewer.seen[since:])]


def assert_seamless(seen: list[Seen]) -> None:
    numbers = numbers_of(seen)
    assert sorted(numbers) == list(range(min(numbers), max(numbers) + 1)), "each number once"
    ordered = [s for _, s in sorted(zip(numbers, seen, strict=True), key=lambda pair: pair[0])]
    times = extended([s.timestamp for s in ordered], 1 << 32)
    assert all(a <= b for a, b in pairwise(times)), "time does not go back"


def test_the_layers_of_one_source_are_renditions() -> None:
    camera, viewer = going()
    assert [r.rung for r in viewer.video.renditions(camera.now)] == ["low", "middle", "full"]
    camera, viewer = going(spatial=2)
    assert [r.rung for r in viewer.video.renditions(camera.now)] == ["low", "full"]
    camera, viewer = going(Codec.VP8, 1)
    assert [r.rung for r in viewer.video.renditions(camera.now)] == ["low", "middle", "full"]


def test_lower_renditions_take_less() -> None:
    camera, viewer = going()
    for _ in range(120):
        camera.shoot(parts=2)
        camera.steer()
    low, middle, full = (r.bitrate for r in viewer.video.renditions(camera.now))
    assert 0 < low < middle < full
    assert abs(middle - 2 * low) < low / 10 and abs(full - 3 * low) < low / 10


def test_spatial_layers_are_left_with_any_picture_and_taken_up_with_a_keyframe() -> None:
    camera, viewer = going()
    camera.want(viewer, "middle")
    assert not camera.steer(), "no keyframe is needed for less"
    mark = len(viewer.seen)
    for _ in range(3):
        camera.shoot(parts=2)
    assert {spatial for spatial, _ in shown(viewer, mark)} == {0, 1}
    camera.want(viewer, "full")
    assert camera.steer()
    mark = len(viewer.seen)
    camera.shoot()
    assert {spatial for spatial, _ in shown(viewer, mark)} == {0, 1}
    camera.shoot(key=True)
    assert shown(viewer)[-3:] == [(0, 0), (1, 0), (2, 0)]
    assert_seamless(viewer.seen)


def test_the_marker_is_on_the_last_packet_that_is_seen_of_a_picture() -> None:
    camera, viewer = going()
    camera.want(viewer, "low")
    mark = len(viewer.seen)
    for _ in range(4):
        camera.shoot(parts=3)
    assert [s.marker for s in viewer.seen[mark:]] == [False, False, True] * 4


@pytest.mark.parametrize("codec", [Codec.VP8, Codec.VP9])
def test_temporal_layers_are_taken_up_where_one_may_begin_them(codec: Codec) -> None:
    camera, viewer = going(codec, 1)
    camera.want(viewer, "low")
    mark = len(viewer.seen)
    for _ in range(8):
        camera.shoot()
    assert shown(viewer, mark) == [(0, 0)] * 2
    camera.want(viewer, "full")
    assert not camera.steer(), "no keyframe is needed for more pictures of the same size"
    mark = len(viewer.seen)
    for _ in range(4):
        camera.shoot()
    assert shown(viewer, mark) == [(0, 0), (0, 2), (0, 1), (0, 2)]
    assert_seamless(viewer.seen)
    assert_references_hold(viewer.seen, codec)


@pytest.mark.parametrize("codec", [Codec.VP8, Codec.VP9])
def test_who_has_fewer_pictures_has_all_once_the_publisher_sends_no_more(codec: Codec) -> None:
    camera, viewer = going(codec, 1)
    camera.want(viewer, "low")
    camera.shoot()
    camera.pattern = (0,)
    for i in range(75):  # two and a half seconds
        camera.shoot(key=not i)
    camera.want(viewer, "full")
    assert not camera.steer()
    camera.shoot()
    assert viewer.video.current is not None and viewer.video.current.rung == "full"
    camera.pattern = PATTERN
    mark = len(viewer.seen)
    for i in range(8):
        camera.shoot(key=not i)
    assert len(viewer.seen) == mark + 8
    assert_seamless(viewer.seen)
    assert_references_hold(viewer.seen, codec)


def test_vp8s_picture_ids_have_no_gaps_whatever_is_left_out() -> None:
    camera, viewer = going(Codec.VP8, 1)
    for rung in ("low", "middle", "full", "low", "full", "middle"):
        camera.want(viewer, rung)
        for i in range(9):
            camera.shoot(parts=2, key=rung == "middle" and i == 5)
    pictures = extended([s.picture for s in viewer.seen if Said.of(s).part == 0], 1 << 15)
    assert [b - a for a, b in pairwise(pictures)] == [1] * (len(pictures) - 1)
    assert_seamless(viewer.seen)


def test_vp9s_picture_ids_tell_what_was_left_out() -> None:
    camera, viewer = going(Codec.VP9, 1)
    camera.want(viewer, "low")
    mark = len(viewer.seen)
    for _ in range(12):
        camera.shoot()
    pictures = [(s.payload[1] & 0x7F) << 8 | s.payload[2] for s in viewer.seen[mark:]]
    assert [(b - a) & 0x7FFF for a, b in pairwise(pictures)] == [4, 4]


def test_a_picture_that_was_lost_as_a_whole_keeps_its_place() -> None:
    camera, viewer = going(Codec.VP8, 1)
    camera.want(viewer, "low")
    camera.shoot()
    mark = len(viewer.seen)
    camera.shoot(hold=(0, 0))  # of the layer above; nobody can know that yet
    for _ in range(3):
        camera.shoot()
    assert missing(viewer.seen)
    camera.release()
    assert not missing(viewer.seen)
    pictures = sorted(extended([s.picture for s in viewer.seen[mark:]], 1 << 15))
    assert [b - a for a, b in pairwise(pictures)] == [1] * (len(pictures) - 1)


def test_one_who_comes_later_can_have_the_lower_layers_from_the_start() -> None:
    camera, _ = going()
    camera.now += 10  # the last keyframe is too old to begin with
    late = camera.watch()
    camera.want(late, "low")
    assert camera.steer()
    camera.shoot()
    camera.shoot(key=True)
    camera.shoot()
    assert {spatial for spatial, _ in shown(late)} == {0}
    assert_seamless(late.seen)


def test_who_follows_at_a_pace_of_their_own_does_not_pay_for_what_they_are_not_given() -> None:
    camera, viewer = going()
    camera.want(viewer, "low")
    camera.shoot()
    viewer.paced = True
    camera.stream.pace()
    packets = len(viewer.seen)
    for _ in range(8):
        camera.shoot(parts=50)
    for _ in range(3):
        camera.stream.catch_up(camera.now)  # 3,000 bytes each time, about 80 packets
    assert len(viewer.seen) - packets > 150, "a third of 240 if it had to pay for all three layers"
    assert {spatial for spatial, _ in shown(viewer, packets)} == {0}


def test_those_with_the_same_layers_are_one_group() -> None:
    camera, viewer = going()
    other = camera.watch()
    for each in (viewer, other):
        camera.want(each, "middle")
    camera.shoot()
    assert viewer.video.path == other.video.path


Step = tuple[str, int, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("shoot"), st.just(0), st.integers(1, 3)),
        st.tuples(st.just("shoot"), st.just(0), st.integers(1, 3)),
        st.tuples(st.just("key"), st.just(0), st.integers(1, 3)),
        st.tuples(st.just("lose"), st.integers(0, 2), st.integers(0, 2)),
        st.tuples(st.just("want"), st.integers(0, 2), st.integers(0, 3)),
        st.tuples(st.just("late"), st.just(0), st.just(0)),
        st.tuples(st.just("pace"), st.integers(0, 2), st.integers(0, 2)),
        st.tuples(st.just("tick"), st.just(0), st.just(0)),
        st.tuples(st.just("join"), st.just(0), st.just(0)),
    ),
    max_size=80,
)


def play(camera: Camera, script: list[Step]) -> None:
    """Do all that, then let everybody catch up and ask for what they lack."""
    for step in script:
        act(camera, step)
    camera.release()
    for viewer in camera.viewers:
        viewer.paced = viewer.held = False
    for _ in range(20):
        camera.stream.catch_up(camera.now)
    for viewer in camera.viewers:
        for number in missing(viewer.seen):
            camera.now += 0.05
            viewer.nack(number, camera.now)


def since_the_start(viewer: Viewer) -> list[Seen]:
    """What it saw, in the order of its numbers."""
    numbered = sorted(zip(numbers_of(viewer.seen), viewer.seen, strict=True), key=lambda pair: pair[0])
    return [seen for number, seen in numbered if number >= viewer.seen[0].number]


def assert_references_hold(seen: list[Seen], codec: Codec) -> None:
    """Pictures name by ids what they are predicted from: these move at keyframes only, however layers change."""
    moved = None
    for each in seen:
        said = Said.of(each)
        if codec is Codec.VP8:
            moves = each.tl0 - 7 & 0xFF  # what the camera writes
        else:
            moves = ((each.payload[1] & 0x7F) << 8 | each.payload[2]) - 32_760 - said.picture & 0x7FFF
        assert moved in (None, moves) or said.key, said
        moved = moves


def act(camera: Camera, step: Step) -> None:
    what, first, second = step
    if what in ("shoot", "key"):
        camera.shoot(key=what == "key", parts=second)
    elif what == "lose":
        camera.shoot(parts=3, hold=(first, second))
    elif what == "want" and first < len(camera.viewers):
        video = camera.viewers[first].video
        renditions = video.renditions(camera.now)
        video.want(renditions[second] if second < len(renditions) else None)
        camera.steer()
    elif what == "late":
        camera.release()
    elif what == "pace" and first < len(camera.viewers):
        camera.viewers[first].paced, camera.viewers[first].held = bool(second), second == 2
        camera.stream.pace()
    elif what == "tick":
        camera.stream.catch_up(camera.now)
    elif what == "join" and len(camera.viewers) < 3:
        camera.watch()


@settings(max_examples=150)
@given(STEPS, st.sampled_from([(Codec.VP9, 3), (Codec.VP8, 1)]))
def test_no_sequence_of_changes_and_losses_leaves_a_seam(script: list[Step], kind: tuple[Codec, int]) -> None:
    camera, _ = going(*kind)
    play(camera, script)
    for viewer in camera.viewers:
        if viewer.seen and (since := since_the_start(viewer)):
            assert_seamless(since)
            assert_references_hold(since, kind[0])
