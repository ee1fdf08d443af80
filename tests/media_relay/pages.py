"""Cameras and pages with a real relay between them, in virtual time: browsers as far as links are concerned."""

from __future__ import annotations

from collections.abc import Callable

from media_relay.messages import RungChanged
from media_relay.seams import rtcp
from tests.link import Link, Wire
from tests.media_relay.clients import OPUS, RED, RTX, VP8, WITH_RTX, Bench, Client, Received, RedClient, rtp

STEP = 0.010
TICK = 0.020
FRAME = 0.066
SOUND = 0.020
RIDS = ("l", "m", "h")
FRAME_BYTES = {"l": 1_000, "m": 4_000, "h": 12_000}
"""120, 480 and 1,450 kbit/s."""
_ASKS_EVERY = 0.1
"""As browsers ask again until they have measured a round trip, and up to ten times."""
_ASKS = 10


class Missing:
    """What a page has not got of one kind, and asks for again as Chromium does."""

    def __init__(self) -> None:
        self.highest: int | None = None
        self._asked: dict[int, tuple[float, int]] = {}

    def got(self, number: int) -> None:
        if self.highest is None:
            self.highest = number
        for missing in range(self.highest + 1, number):
            self._asked[missing] = 0.0, 0
        self.highest = max(self.highest, number)
        self._asked.pop(number, None)

    def due(self, now: float) -> list[int]:
        due = [n for n, (at, times) in self._asked.items() if now - at >= _ASKS_EVERY and times < _ASKS]
        self._asked |= {n: (now, self._asked[n][1] + 1) for n in due}
        return due

    def forget(self) -> None:
        """A keyframe is there: what was before it is not asked for any more."""
        self._asked.clear()


class Page(RedClient):
    """Plays a stream over a link that it may share with others."""

    def __init__(self, session: str, link: Link, clock: Callable[[], float]) -> None:
        super().__init__(session)
        self.clock = clock
        self._down = Wire(link)
        self._arrives = False
        self.missing = {OPUS: Missing(), VP8: Missing()}
        self.heard: dict[int, float] = {}
        """When each packet of sound came, by its number."""
        self.seen: list[float] = []
        """When packets of pictures came that were not sent again."""

    def _take_media(self, datagram: bytes) -> None:
        if self._arrives:
            known = len(self.packets)
            super()._take_media(datagram)
            for packet in self.packets[known:]:
                self._note(packet)
        else:
            self._down.put(datagram, self.clock())

    def arrive(self) -> None:
        """Take what the link has brought by now."""
        self._arrives = True
        for datagram in self._down.take(self.clock()):
            self._take_media(datagram)
        self._arrives = False

    def _note(self, packet: Received) -> None:
        if packet.payload_type == RTX:
            if len(packet.payload) > 2:
                self.missing[VP8].got(int.from_bytes(packet.payload[:2], "big"))
            return
        if packet.payload_type == VP8:
            self.seen.append(self.clock())
            if packet.payload[0] == 0x90 and not packet.payload[6] & 1:
                self.missing[VP8].forget()
        else:
            self.heard.setdefault(packet.number, self.clock())
        self.missing[VP8 if packet.payload_type == VP8 else OPUS].got(packet.number)

    def ask_again(self) -> None:
        """Tell what is missing."""
        for kind, missing in self.missing.items():
            numbers = missing.due(self.clock())
            types = (VP8,) if kind == VP8 else (OPUS, RED)
            source = next((p.ssrc for p in reversed(self.packets) if p.payload_type in types), 0)
            if numbers and source:
                self.send_rtcp(rtcp.nack(9, source, numbers))

    @property
    def sounds(self) -> list[Received]:
        return [packet for packet in self.packets if packet.payload_type in (OPUS, RED)]


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
        self.sound_bytes = 100
        self.frame_bytes = dict(FRAME_BYTES)

    def speak(self) -> None:
        self._sounds += 1
        sound = b"s" * self.sound_bytes
        packet = rtp(self._ssrc + 9, self._sounds, self._sounds * 960, sound, payload_type=OPUS)
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
        left = self.frame_bytes[rid]
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
                page.ask_again()
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
