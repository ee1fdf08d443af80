"""Instant join: a newcomer gets the pictures since the last keyframe, at a bounded pace; nobody else notices."""

from collections.abc import Iterator

import pytest

from media_relay.core.pacing import UNKNOWN
from media_relay.relay import TICK
from media_relay.seams import rtcp
from tests.media_relay.clients import DELTA, KEYFRAME, Bench, Client, relay_bench, rtp

CAMERA = 7


@pytest.fixture
def bench() -> Iterator[Bench]:
    with relay_bench() as found:
        yield found


class Camera:
    """A teacher who sends numbered pictures."""

    def __init__(self, bench: Bench, size: int = 20) -> None:
        self.bench = bench
        self.client = bench.publisher()
        self.first = bench.subscriber("first")
        self.size = size
        self.sent = 0

    def send(self, count: int, *, key: bool = False, skip: tuple[int, ...] = ()) -> None:
        for i in range(count):
            head = KEYFRAME if key and i == 0 else DELTA
            payload = head + b"%d " % self.sent + bytes(self.size)
            if self.sent not in skip:
                self.client.send_rtp(rtp(CAMERA, self.sent, self.sent * 3_000, payload))
            self.sent += 1
            if self.sent % 50 == 0:
                self.bench.pump()
        self.bench.pump()

    def asked(self) -> int:
        return sum(isinstance(r, rtcp.RtcpPsfbPacket) for r in self.client.reports)


def seen(client: Client) -> list[int]:
    return [int(p.payload[2:].split(b" ")[0]) for p in client.packets]


def test_a_newcomer_sees_at_once_what_came_since_the_keyframe(bench: Bench) -> None:
    camera = Camera(bench)
    camera.send(3, key=True)
    camera.send(4, key=True)
    bench.until(lambda: len(camera.first.packets) == 7)
    bench.tick(60)
    asked = camera.asked()
    late = bench.subscriber("late")
    bench.until(lambda: len(late.packets) == 4)
    assert seen(late) == [3, 4, 5, 6]
    assert [p.number for p in late.packets] == [p.number for p in camera.first.packets[3:]]
    camera.send(2)
    bench.until(lambda: len(late.packets) == 6)
    assert seen(late) == [3, 4, 5, 6, 7, 8]
    assert len(camera.first.packets) == 9 and late.undecodable == 0
    bench.tick(60)
    assert camera.asked() == asked, "nobody is asked for another keyframe"


def test_the_past_comes_at_a_bounded_pace_and_the_present_in_order(bench: Bench) -> None:
    camera = Camera(bench, size=1_000)
    camera.send(100, key=True)
    bench.until(lambda: len(camera.first.packets) == 100)
    late = bench.subscriber("late")
    bench.pump()
    counts = [len(late.packets)]
    while counts[-1] < camera.sent:
        camera.send(2)  # the lesson goes on
        bench.tick()
        counts.append(len(late.packets))
        late.send_transport_feedback()
        assert len(counts) < 20, "it never catches up"
    most = int(UNKNOWN * TICK / 8) // 1_000 + 3
    assert all(later - earlier <= most for earlier, later in zip([0, *counts], counts, strict=False))
    camera.send(5)
    bench.until(lambda: len(late.packets) == camera.sent)
    assert seen(late) == list(range(camera.sent)), "all of it, once, in order"
    assert late.undecodable == 0


def test_a_first_picture_comes_whole_before_the_newcomer_has_said_a_word(bench: Bench) -> None:
    """62 kB, the keyframe of an ordinary lesson; what follows waits until its link has proven itself."""
    teacher = bench.publisher()
    for number in range(100):
        payload = (DELTA if number else KEYFRAME) + bytes(1_090)
        teacher.send_rtp(rtp(CAMERA, number, 3_000 * (number >= 57), payload))
        bench.pump()
    late = bench.subscriber("late")
    bench.live(0.3)
    assert 57 <= len(late.packets) < 65
    late.send_transport_feedback()
    bench.live(0.2)
    assert len(late.packets) == 100


def test_what_was_lost_on_the_way_here_is_left_out_and_can_be_asked_for(bench: Bench) -> None:
    camera = Camera(bench)
    camera.send(6, key=True, skip=(3,))
    bench.until(lambda: len(camera.first.packets) == 5)
    late = bench.subscriber("late")
    bench.until(lambda: len(late.packets) == 5)
    assert seen(late) == [0, 1, 2, 4, 5]
    lost = late.packets[2].number + 1
    camera.client.send_rtp(rtp(CAMERA, 3, 9_000, DELTA + b"3 "))  # the publisher repeats it
    bench.until(lambda: len(late.packets) == 6)
    assert late.packets[5].number == lost


@pytest.mark.parametrize("why", ["old", "long", "wrap", "nobody publishes"])
def test_else_it_waits_for_the_next_keyframe(bench: Bench, why: str) -> None:
    camera = Camera(bench)
    if why == "wrap":
        bench.relay._streams["lesson", "main"].layers["video"].full._last_sequence = 65_533
    camera.send(700 if why == "long" else 5, key=True)
    bench.until(lambda: len(camera.first.packets) == camera.sent)
    if why == "old":
        bench.age_keyframes()
    if why == "nobody publishes":
        bench.relay.close("teacher")
    late = bench.subscriber("late")
    bench.tick(3)
    assert late.packets == []


def test_a_new_publisher_ends_a_replay(bench: Bench) -> None:
    camera = Camera(bench, size=1_000)
    camera.send(200, key=True)
    bench.until(lambda: len(camera.first.packets) == 200)
    late = bench.subscriber("late")
    bench.pump()
    second = bench.publisher("second")
    second.send_rtp(rtp(9, 1, 1, KEYFRAME + b"1000 "))
    bench.until(lambda: 1_000 in seen(late))
    bench.tick(30)
    assert seen(late)[-1] == 1_000, "nothing old after the new"
    assert late.undecodable == 0
