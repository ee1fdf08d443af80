"""A viewer that goes from layer to layer sees one stream without a seam, whatever is lost or overtaken before."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media_relay.layered import Classroom, Seen, Viewer, extended, missing, numbers_of

START = [(100, 1_000_000, 20_000, 7), (30_000, 77, 32_766, 254), (9_000, 0xFFFFFF00, 5, 100)]


def lesson(layers: int = 3) -> Classroom:
    return Classroom(layers, START)


def going(layers: int = 3) -> tuple[Classroom, Viewer]:
    """A lesson that has begun in all layers, and a viewer that has seen two pictures."""
    room = lesson(layers)
    room.shoot(range(layers), keys=range(layers))
    room.report()
    viewer = room.watch()
    room.shoot(range(layers))
    return room, viewer


def layers_of(viewer: Viewer) -> list[int]:
    return [seen.said[0] for seen in viewer.seen]


def assert_seamless(seen: list[Seen]) -> None:
    """Numbers without gaps or repeats; each picture with a later timestamp and the next id."""
    numbers = extended([s.number for s in seen], 1 << 16)
    assert sorted(numbers) == list(range(min(numbers), max(numbers) + 1)), "each number once"
    ordered = [s for _, s in sorted(zip(numbers, seen, strict=True), key=lambda pair: pair[0])]
    pictures = [s for i, s in enumerate(ordered) if i == 0 or s.said[:2] != ordered[i - 1].said[:2]]
    assert all(step > 0 for step in steps([s.timestamp for s in pictures], 1 << 32)), "time goes on"
    assert set(steps([s.picture for s in pictures], 1 << 15)) <= {1}
    assert set(steps([s.tl0 for s in pictures], 1 << 8)) <= {1}
    for before, after in pairwise(pictures):
        assert after.said[0] == before.said[0] or after.key, "a layer begins with a keyframe"
    assert len({s.ssrc for s in seen}) == 1


def steps(numbers: list[int], modulus: int) -> list[int]:
    return [(b - a + modulus // 2) % modulus - modulus // 2 for a, b in pairwise(numbers)]


def test_the_highest_layer_is_the_default_and_has_its_own_numbers() -> None:
    room, viewer = going()
    assert viewer.video.current is room.renditions[2]
    assert layers_of(viewer) == [2, 2]
    assert [s.picture for s in viewer.seen] == [5, 6]
    assert_seamless(viewer.seen)


def test_a_wanted_layer_begins_with_its_next_keyframe_and_not_before() -> None:
    room, viewer = going()
    viewer.video.want(viewer.video.renditions(room.now)[0])
    assert room.steer() == [0], "asked of that layer alone"
    room.shoot(range(3))
    assert layers_of(viewer) == [2, 2, 2]
    room.shoot(range(3), keys=[0])
    room.shoot(range(3))
    assert layers_of(viewer) == [2, 2, 2, 0, 0], "one or the other of each picture"
    assert room.steer() == []
    assert viewer.video.current is room.renditions[0]
    assert_seamless(viewer.seen)


def test_there_and_back_time_is_as_it_was() -> None:
    room, viewer = going()
    stays = room.watch()
    for wanted in (0, 1, 2):
        viewer.video.want(room.renditions[wanted])
        room.shoot(range(3), keys=range(3))
        room.shoot(range(3))
    assert_seamless(viewer.seen)
    late = viewer.seen[-1].timestamp - stays.seen[-1].timestamp
    assert late == viewer.video.path.shift.timestamp == 0


def test_without_sender_reports_the_times_of_arrival_tell() -> None:
    room = lesson()
    viewer = room.watch()
    room.shoot(range(3), keys=range(3))
    viewer.video.want(room.renditions[1])
    room.shoot(range(3), keys=[1])
    room.shoot(range(3))
    assert_seamless(viewer.seen)
    assert sum(steps([s.timestamp for s in viewer.seen], 1 << 32)) < 9_000


def test_no_picture_and_back_again() -> None:
    room, viewer = going()
    viewer.video.want(None)
    room.steer()
    assert viewer.video.current is None
    for _ in range(100):
        room.shoot(range(3), keys=range(3))
    assert layers_of(viewer) == [2, 2]
    viewer.video.want_best()
    assert room.steer() == [2]
    room.shoot(range(3), keys=[2])
    room.shoot(range(3))
    assert layers_of(viewer) == [2] * 4
    assert_seamless(viewer.seen)


def test_when_the_upper_layers_pause_everybody_falls_and_returns() -> None:
    room, viewer = going()
    for _ in range(40):
        room.shoot([0])
        if room.steer():
            room.shoot([0], keys=[0])
    assert viewer.video.current is room.renditions[0]
    for _ in range(30):
        room.shoot([0, 1, 2])
        if asked := room.steer():
            room.shoot([0, 1, 2], keys=asked)
    assert viewer.video.current is room.renditions[2]
    assert_seamless(viewer.seen)


def test_a_layer_that_comes_later_is_taken_when_it_is_there() -> None:
    room = lesson()
    viewer = room.watch()
    room.shoot([0], keys=[0])
    assert layers_of(viewer) == [0], "better than nothing"
    room.shoot([0, 1], keys=[1])
    room.shoot([0, 1, 2], keys=[2])
    room.shoot([0, 1, 2])
    assert layers_of(viewer) == [0, 0, 1, 1, 2, 2]
    assert_seamless(viewer.seen)


def test_all_silent_is_no_reason_to_fall() -> None:
    room, viewer = going()
    room.now += 10
    assert room.steer() == []
    assert viewer.video.current is room.renditions[2]


def test_one_who_joins_begins_with_whatever_layer_has_a_recent_keyframe() -> None:
    room, _ = going()
    room.now += 3
    room.shoot(range(3), keys=[1])
    late = room.watch()
    assert layers_of(late) == [1]
    assert room.steer() == [2]
    room.shoot(range(3), keys=[2])
    assert layers_of(late) == [1, 2]
    assert_seamless(late.seen)


def test_a_publisher_of_one_layer_after_one_of_three() -> None:
    room, viewer = going()
    viewer.video.want(room.renditions[0])
    room.shoot(range(3), keys=range(3))
    room.come(1)
    assert viewer.video.waiting
    room.shoot([0])
    room.shoot([0], keys=[0])
    room.shoot([0])
    assert viewer.video.current is room.renditions[0]
    assert room.renditions[0].rung == "full"
    numbers = [s.number for s in viewer.seen]
    assert set(steps(numbers, 1 << 16)) == {1}


def test_those_who_move_together_stay_one_group() -> None:
    room, viewer = going()
    others = [room.watch() for _ in range(3)]
    room.shoot(range(3), keys=range(3))
    for each in (viewer, *others):
        each.video.want(room.renditions[1])
    room.shoot(range(3), keys=[1])
    assert len({each.video.path for each in (viewer, *others)}) == 1


def test_sender_reports_follow_the_shift() -> None:
    room, viewer = going()
    viewer.video.want(room.renditions[0])
    room.shoot(range(3), keys=[0])
    room.report()
    room.stream.report_senders(room.now)
    timestamp = int.from_bytes(viewer.reports[-1][16:20], "big")
    assert timestamp == viewer.seen[-1].timestamp


def test_what_was_lost_before_a_change_of_layer_is_sent_again_from_the_old_one() -> None:
    room, viewer = going()
    room.shoot(range(3), parts=3, hold=[(2, 1)])
    viewer.video.want(room.renditions[0])
    room.shoot(range(3), keys=[0])
    room.shoot(range(3))
    room.release()
    numbers = [s.number for s in viewer.seen]
    (lost,) = set(range(min(numbers), max(numbers))) - set(numbers)
    viewer.nack(lost, room.now)
    assert viewer.seen[-1].number == lost
    assert viewer.seen[-1].said[0] == 2
    assert_seamless(viewer.seen)


_Step = tuple[str, int, int]
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("shoot"), st.integers(1, 7), st.integers(1, 4)),  # layers (bits), parts
        st.tuples(st.just("key"), st.integers(1, 7), st.integers(1, 4)),
        st.tuples(st.just("lose"), st.integers(0, 2), st.integers(0, 3)),  # layer, part
        st.tuples(st.just("want"), st.integers(0, 2), st.integers(0, 4)),  # viewer, rendition or none or best
        st.tuples(st.just("late"), st.just(0), st.just(0)),
        st.tuples(st.just("steer"), st.just(0), st.just(0)),
        st.tuples(st.just("report"), st.just(0), st.just(0)),
        st.tuples(st.just("join"), st.just(0), st.just(0)),
        st.tuples(
            st.just("pace"), st.integers(0, 2), st.integers(0, 2)
        ),  # viewer, whether its link is narrow, or full
        st.tuples(st.just("tick"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


def act(room: Classroom, step: _Step) -> None:
    what, first, second = step
    layers = [i for i in range(3) if first >> i & 1]
    if what in ("shoot", "key"):
        room.shoot(layers, keys=layers if what == "key" else (), parts=second)
    elif what == "lose":
        room.shoot(range(3), parts=4, hold=[(first, second)])
    elif what == "want" and first < len(room.viewers):
        video = room.viewers[first].video
        if second == 4:
            video.want_best()
        else:
            video.want(None if second == 3 else room.renditions[second])
    elif what == "late":
        room.release()
    elif what == "steer":
        room.steer()
    elif what == "report":
        room.report()
    elif what == "pace" and first < len(room.viewers):
        room.viewers[first].paced, room.viewers[first].held = bool(second), second == 2
        room.stream.pace()
    elif what == "tick":
        room.stream.catch_up(room.now)
    elif what == "join" and len(room.viewers) < 3:
        room.watch()


@settings(max_examples=150)
@given(_STEPS)
def test_no_sequence_of_changes_and_losses_leaves_a_seam(script: list[_Step]) -> None:
    """What was lost on its way in comes late; what a viewer then still misses it asks for, as a client does."""
    room, _ = going()
    for step in script:
        act(room, step)
    room.release()
    for viewer in room.viewers:
        viewer.paced = viewer.held = False
    for _ in range(20):
        room.stream.catch_up(room.now)
    for viewer in room.viewers:
        for number in missing(viewer.seen):
            room.now += 0.05
            viewer.nack(number, room.now)
        # What is late from before it began is of no use, and no harm.
        since = [
            s for s, n in zip(viewer.seen, numbers_of(viewer.seen), strict=True) if n >= viewer.seen[0].number
        ]
        if since:
            assert_seamless(since)
