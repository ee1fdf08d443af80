"""A real relay and pages behind narrow links, in virtual time: what they are given, and what is told about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from media_relay.messages import RungChanged, Samples
from media_relay.seams import rtcp
from tests.link import Conditions, Link, Wire
from tests.media_relay.clients import OPUS, WITH_RTX, Bench, Client, Received, relay_bench, rtp

STEP = 0.010
TICK = 0.020
FRAME = 0.066
SOUND = 0.020
RIDS = ("l", "m", "h")
FRAME_BYTES = {"l": 1_000, "m": 4_000, "h": 12_000}
"""120, 480 and 1,450 kbit/s."""
WIDE = Conditions(delay=0.020, rate=10e6)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with relay_bench() as found:
        yield found


class Page(Client):
    """Plays a stream over a link that it may share with others."""

    def __init__(self, session: str, link: Link, clock: Callable[[], float]) -> None:
        super().__init__(session)
        self.clock = clock
        self._down = Wire(link)
        self._arrives = False

    def _take_media(self, datagram: bytes) -> None:
        if self._arrives:
            super()._take_media(datagram)
        else:
            self._down.put(datagram, self.clock())

    def arrive(self) -> None:
        """Take what the link has brought by now."""
        self._arrives = True
        for datagram in self._down.take(self.clock()):
            self._take_media(datagram)
        self._arrives = False

    @property
    def sounds(self) -> list[Received]:
        return [packet for packet in self.packets if packet.payload_type == OPUS]


class Camera:
    """Publishes sound and a picture in three layers; a keyframe where one is asked for."""

    def __init__(self, bench: Bench, stream: str, first_ssrc: int) -> None:
        self.client = bench.join(
            Client(f"teacher-{stream}", publishing=True, rids=RIDS), stream=stream, video=WITH_RTX
        )
        self._ssrc = first_ssrc
        self._numbers = dict.fromkeys(RIDS, 0)
        self._frames = self._sounds = 0
        self._keys = set(RIDS)

    def speak(self) -> None:
        self._sounds += 1
        packet = rtp(self._ssrc + 9, self._sounds, self._sounds * 960, b"s" * 100, payload_type=OPUS)
        self.client.send_rtp(packet)

    def shoot(self) -> None:
        self._frames += 1
        for report in self.client.reports:
            if isinstance(report, rtcp.RtcpPsfbPacket) and rtcp.asks_keyframe(report):
                self._keys.add(RIDS[report.media_ssrc - self._ssrc])
        self.client.reports.clear()
        for rid in RIDS:
            self._show(rid, key=rid in self._keys)
        self._keys.clear()

    def _show(self, rid: str, *, key: bool) -> None:
        left = FRAME_BYTES[rid]
        first = True
        while left > 0:
            size, left = min(left, 1_000), left - 1_000
            descriptor = bytes(
                (0x90 if first else 0x80, 0xE0, 0x80, self._frames & 0x7F, self._frames & 0xFF, 0)
            )
            payload = (descriptor + (b"\0" if key and first else b"\1")).ljust(size, b"p")
            self._numbers[rid] += 1
            ssrc, timestamp = self._ssrc + RIDS.index(rid), self._frames * 6_000
            self.client.send_rtp(rtp(ssrc, self._numbers[rid], timestamp, payload, marker=left <= 0, rid=rid))
            first = False


class Lesson:
    """Lets time pass for a bench, its cameras and its pages."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.now = 1_000.0
        bench.clock = lambda: self.now
        self.cameras: list[Camera] = []
        self.pages: list[Page] = []
        self._due = dict.fromkeys(("sound", "frame", "tick", "feedback"), self.now)

    def film(self, stream: str) -> None:
        self.cameras.append(Camera(self.bench, stream, 100 * (len(self.cameras) + 1)))

    def open(self, session: str, link: Link, stream: str = "main", viewer: str = "") -> Page:
        page = Page(session, link, lambda: self.now)
        self.bench.join(page, stream=stream, video=WITH_RTX, viewer=viewer)
        self.pages.append(page)
        return page

    def run(self, seconds: float) -> None:
        stop = self.now + seconds
        while self.now < stop:
            self.now += STEP
            if self._is_due("sound", SOUND):
                for camera in self.cameras:
                    camera.speak()
            if self._is_due("frame", FRAME):
                for camera in self.cameras:
                    camera.shoot()
            self.bench.pump()
            if self._is_due("tick", TICK):
                self.bench.tick()
            feedback = self._is_due("feedback", 0.1)
            for page in self.pages:
                page.arrive()
                if feedback and page.packets:
                    page.send_transport_feedback()

    def _is_due(self, what: str, every: float) -> bool:
        if self.now < self._due[what]:
            return False
        self._due[what] += every
        return True

    def rungs(self, session: str) -> list[tuple[str, str]]:
        return [
            (e.rung, e.reason)
            for e in self.bench.events
            if isinstance(e, RungChanged) and e.session == session
        ]


def test_a_page_on_a_narrow_link_gets_less_and_again_more_and_that_is_told(bench: Bench) -> None:
    lesson = Lesson(bench)
    lesson.film("main")
    lesson.run(1)
    link, other = Link(WIDE, 1), Link(WIDE, 2)
    weak, strong = lesson.open("weak", link), lesson.open("strong", other)
    lesson.run(5)
    assert lesson.rungs("weak") == [("full", "start")]
    link.conditions = Conditions(delay=0.020, rate=300e3)
    lesson.run(4)
    heard = len(weak.sounds)
    lesson.run(6)
    assert len(weak.sounds) - heard >= 295, "sound is unbroken"
    told = lesson.rungs("weak")
    assert told[-1] == ("low", "congestion"), told
    assert {reason for _, reason in told[1:]} == {"congestion"}
    link.conditions = WIDE
    lesson.run(14)
    assert lesson.rungs("weak")[-1] == ("full", "recovered")
    assert lesson.rungs("strong") == [("full", "start")], "nobody else's picture changes"
    assert weak.undecodable == strong.undecodable == 0
    numbers = [packet.number for packet in strong.packets if packet.payload_type == 96]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), (
        "nor does anybody else lose anything"
    )
    samples = [s for e in bench.events if isinstance(e, Samples) for s in e.samples if s.session == "weak"]
    narrow = [s.estimate for s in samples if s.rung == "low"]
    assert narrow and all(e is not None and 150e3 < e < 450e3 for e in narrow)


def test_the_streams_of_a_page_share_its_link_as_the_page_prefers(bench: Bench) -> None:
    lesson = Lesson(bench)
    lesson.film("main")
    lesson.film("board")
    lesson.run(1)
    link = Link(Conditions(delay=0.020, rate=1e6), 1)
    lesson.open("one", link, "main", "page")
    lesson.open("two", link, "board", "page")
    lesson.run(10)
    assert (lesson.rungs("one")[-1][0], lesson.rungs("two")[-1][0]) == ("middle", "low")
    bench.relay.prefer("lesson", "page", "board")
    lesson.run(6)
    assert (lesson.rungs("one")[-1], lesson.rungs("two")[-1]) == (
        ("low", "preferred"),
        ("middle", "preferred"),
    )
    bench.relay.prefer("lesson", "nobody", "board")


def test_what_a_page_prefers_may_be_said_before_it_plays(bench: Bench) -> None:
    lesson = Lesson(bench)
    lesson.film("main")
    lesson.film("board")
    lesson.run(1)
    link = Link(Conditions(delay=0.020, rate=1e6), 1)
    bench.relay.prefer("lesson", "page", "board")
    lesson.open("one", link, "main", "page")
    lesson.open("two", link, "board", "page")
    lesson.run(8)
    assert (lesson.rungs("one")[-1][0], lesson.rungs("two")[-1][0]) == ("low", "middle")
