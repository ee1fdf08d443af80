"""AV1 with several layers on one source, by the dependency descriptors that Chromium 156 writes with libaom."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.core.descriptors import av1
from media_relay.core.packet import Codec, Extensions
from media_relay.core.subscription import Subscription
from media_relay.subscriber import Subscriber
from tests.media_relay.core.packets import packet
from tests.media_relay.dependencies import frames_of, structure_of
from tests.media_relay.layered import Viewer
from tests.media_relay.test_svc import (
    STEPS,
    Camera,
    Said,
    Step,
    assert_seamless,
    play,
    shown,
    since_the_start,
)


@dataclass(frozen=True)
class Recorded:
    """What a browser sent in one scalability mode."""

    structure: bytes
    """The keyframe's descriptor behind its first three bytes."""
    key: tuple[int, ...]
    """The templates of the first picture, one a spatial layer."""
    following: tuple[tuple[int, ...], ...]
    """Of those that follow, again and again."""


L1T3 = Recorded(
    bytes.fromhex("800214eaa860414d141020842704ff02cf"),
    (0,),
    ((3,), (2,), (4,), (1,)),
)
# Written by hand, with the templates that libwebrtc has for this mode.
L1T2 = Recorded(
    bytes.fromhex("80011ea8514000"),
    (0,),
    ((2,), (1,)),
)
L2T2 = Recorded(
    bytes.fromhex("8003187aaaf130a0a014d1413823046008642222265027f016704ff02cf0"),
    (0, 3),
    ((2, 5), (1, 4)),
)
L3T3 = Recorded(
    bytes.fromhex(
        "80081485214eafffaaaa863cf0430c10c302afc0aaa0063c00430010c002a000a80006000040001d954926e082b04a09"
        "41b820ac1282503157f974000ca864330e222222eca8655304224230eca87753013f00b3027f016704ff02cf"
    ),
    (1, 6, 11),
    ((3, 8, 13), (2, 7, 12), (4, 9, 14), (0, 5, 10)),
)
L3T3_KEY = Recorded(
    bytes.fromhex(
        "80081485214eaaaaa8000600004000100002aa80a8000600004000100002a000a800060000400016d549241b5524906d"
        "54923157e001974ca864330e222396eca8655304224390eca87753013f00b3027f016704ff02cf"
    ),
    (0, 5, 10),
    ((3, 8, 13), (2, 7, 12), (4, 9, 14), (1, 6, 11)),
)
MODES = {"L1T2": L1T2, "L1T3": L1T3, "L2T2": L2T2, "L3T3": L3T3, "L3T3_KEY": L3T3_KEY}


class Av1Camera(Camera):
    """Sends what was recorded, with numbers of its own."""

    def __init__(self, mode: Recorded) -> None:
        self.since_key = 0
        self.lost: set[tuple[int, int]] = set()
        """Picture and spatial layer of the frames of which something came late."""
        super().__init__(Codec.AV1, len(mode.key), picture_id=65_500)
        self.change(mode)

    def change(self, mode: Recorded) -> None:
        """Send in this mode, which has as many spatial layers, from the next keyframe on."""
        self.mode = mode
        known = structure_of(bytes((mode.key[0], 0, 0)) + mode.structure)
        assert known is not None
        self.known = known

    def shoot(self, *, key: bool = False, parts: int = 1, hold: tuple[int, int] | None = None) -> None:
        self.now += 1 / 30
        following = self.mode.following
        templates = self.mode.key if key else following[(self.since_key - 1) % len(following)]
        self.since_key = 1 if key else self.since_key + 1
        for spatial, index in enumerate(templates):
            template = self.known.template(bytes((index,)))
            for part in range(parts):
                flags = 0x80 * (part == 0) | 0x40 * (part == parts - 1)
                found = Extensions()
                found.dependency = struct.pack("!BH", flags | index, self.picture_id & 0xFFFF)
                if key and not spatial and not part:
                    found.dependency += self.mode.structure
                said = struct.pack("!IBBBB?", self.pictures, spatial, template.temporal, part, parts, key)
                begins = key and not spatial and not part
                last = spatial == len(templates) - 1 and part == parts - 1
                data = packet(
                    self.number,
                    self.pictures * 3_000,
                    bytes((0x18 if begins else 0x10,)) + said,
                    payload_type=Codec.AV1,
                    marker=last,
                )
                self.number += 1
                if hold == (spatial, part):
                    self.held.append((data, found))
                    self.lost.add((self.pictures, spatial))
                else:
                    self.arrive((data, found))
            self.picture_id += 1
        self.pictures += 1
        self.stream.flush()

    def arrive(self, data: tuple[bytes, Extensions]) -> None:
        bare, found = data
        self.track.ingest(self.source, memoryview(bare), 0, len(bare), 12, found, self.now)


def going(mode: Recorded) -> tuple[Av1Camera, Viewer]:
    """A lesson of some pictures and one who has seen all of them."""
    camera = Av1Camera(mode)
    viewer = camera.watch()
    for i in range(8):
        camera.shoot(key=i == 0)
    camera.steer()
    return camera, viewer


def assert_decodable(camera: Av1Camera, viewer: Viewer) -> None:
    """Of whatever the viewer was given its decoder has all that it refers to.

    Nobody can know which layer a packet was of that did not come: when it does, it may be alone of its frame.
    """
    seen = since_the_start(viewer)
    assert_seamless(seen)
    frames = frames_of([each.dependency for each in seen])
    decodable: set[int] = set()
    at = 0
    for frame in frames:
        said = Said.of(seen[at])
        at += frame.packets
        if frame.packets < said.parts:
            assert (said.picture, said.spatial) in camera.lost
            continue
        assert decodable.issuperset(frame.references), f"{said} refers to what is not there"
        decodable.add(frame.number)
    for each, following in pairwise(seen):
        if following.timestamp != each.timestamp and Said.of(each).picture not in {p for p, _ in camera.lost}:
            assert each.marker, "the decoder would wait for another layer"


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_what_is_read_of_a_structure_is_what_it_says(mode: Recorded) -> None:
    """Against a slow reader of the whole of it."""
    first = bytes((0x80 | mode.key[0], 0, 1)) + mode.structure
    slow, quick = structure_of(first), av1.read(first, None)
    assert slow is not None and quick is not None
    assert quick.structure.layers == tuple((t.spatial, t.temporal) for t in slow.templates)
    for target in range(slow.targets):
        inside = [t.temporal for t in slow.templates if t.indications[target]]
        assert quick.structure.tops[target] == max(inside)
    for index, template in enumerate(slow.templates):
        said = av1.read(bytes((0x80 | (slow.first + index) % 64, 0, 2)), quick.structure)
        switches = [quick.structure.tops[t] for t, i in enumerate(template.indications) if i == 2]
        assert said is not None
        assert (said.spatial, said.temporal) == (template.spatial, template.temporal)
        assert said.reach == max(switches, default=0)


def test_a_frame_may_have_indications_of_its_own() -> None:
    """As where layers are turned on and off while it lasts; with the structure in front of them, and without."""
    first = av1.read(bytes((0x80, 0, 1)) + L1T3.structure, None)
    assert first is not None and first.reach == 2
    # Five flags of which the third says it, then two bits for each of three decode targets: required in all.
    own = int("00100" + "111111" + "00000", 2).to_bytes(2, "big")
    required = av1.read(bytes((0x81, 0, 2)) + own, first.structure)
    assert required is not None and required.reach == 0
    active = int("01100" + "011" + "101111" + "00", 2).to_bytes(2, "big")
    switch = av1.read(bytes((0x81, 0, 3)) + active, first.structure)
    assert switch is not None and switch.reach == 0, "to the lowest layer only"
    whole = "".join(f"{byte:08b}" for byte in L1T3.structure)
    # Its last bits are zeros that fill the byte; what follows the resolution begins before them.
    end = whole.index("0100111111110000001011001111") + 28
    both = f"{'10100' + whole[5:end] + '111111':0<160}"
    assert len(whole) - end < 8 and whole[end:] == "0" * (len(whole) - end)
    again = av1.read(bytes((0x80, 0, 4)) + int(both, 2).to_bytes(20, "big"), None)
    assert again is not None and again.reach == 0 and again.structure == first.structure


def test_temporal_layers_are_taken_up_where_the_descriptor_says_that_one_may() -> None:
    camera, viewer = going(L1T3)
    camera.want(viewer, "low")
    mark = len(viewer.seen)
    for _ in range(8):
        camera.shoot()
    assert shown(viewer, mark) == [(0, 0)] * 2
    camera.want(viewer, "middle")
    mark = len(viewer.seen)
    for _ in range(8):
        camera.shoot()
    assert shown(viewer, mark) == [(0, 0), (0, 1)] * 2
    camera.want(viewer, "full")
    assert not camera.steer(), "no keyframe is needed for more pictures of the same size"
    mark = len(viewer.seen)
    for _ in range(8):
        camera.shoot()
    assert shown(viewer, mark) == [(0, 0), (0, 2), (0, 1), (0, 2)] * 2
    assert_decodable(camera, viewer)


def test_who_fell_after_the_publisher_gave_up_a_layer_comes_back_without_a_keyframe() -> None:
    """A browser that is short of time sends fewer temporal layers; nobody waits for the one that is gone."""
    camera, viewer = going(L1T3)
    camera.change(L1T2)
    camera.shoot(key=True)
    for rung in ("low", "full"):
        camera.want(viewer, rung)
        assert not camera.steer()
        mark = len(viewer.seen)
        for _ in range(8):
            camera.shoot()
    assert shown(viewer, mark)[-6:] == [(0, 1), (0, 0)] * 3
    assert_decodable(camera, viewer)


@pytest.mark.parametrize("mode", [L2T2, L3T3, L3T3_KEY], ids=["L2T2", "L3T3", "L3T3_KEY"])
def test_spatial_layers_are_left_with_any_picture_and_taken_up_with_a_keyframe(mode: Recorded) -> None:
    camera, viewer = going(mode)
    for rung in ("low", "full", "low"):
        camera.want(viewer, rung)
        camera.shoot(parts=2)
        camera.shoot(parts=2)
        mark = len(viewer.seen)
        camera.shoot(key=rung == "full")
        assert {spatial for spatial, _ in shown(viewer, mark)} == set(
            range(len(mode.key) if rung == "full" else 1)
        )
    assert_decodable(camera, viewer)


def test_who_cannot_read_descriptors_is_given_the_lowest_spatial_layer() -> None:
    """A client without the extension cannot tell where a layer ends; with temporal layers alone it need not."""
    for mode, layers in ((L3T3, {0}), (L1T3, {0})):
        camera = Av1Camera(mode)
        viewer = camera.watch()
        viewer.subscriptions["video"] = Subscription(camera.stream.layers["video"], reads_entangled=False)
        camera.stream.welcome(cast(Subscriber, viewer), camera.now)
        for i in range(8):
            camera.shoot(key=i == 0)
        camera.steer()
        mark = len(viewer.seen)
        for i in range(8):
            camera.shoot(key=i == 4)
        assert {spatial for spatial, _ in shown(viewer, mark)} == layers
        assert len(viewer.seen) == mark + 8
        assert all(seen.marker for seen in viewer.seen[mark:])
        assert_seamless(viewer.seen)


@settings(max_examples=100)
@given(STEPS, st.sampled_from(list(MODES.values())))
def test_whatever_changes_what_is_seen_can_be_decoded(script: list[Step], mode: Recorded) -> None:
    camera, _ = going(mode)
    play(camera, script)
    for viewer in camera.viewers:
        if viewer.seen:
            assert_decodable(camera, viewer)
