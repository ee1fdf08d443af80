"""A viewer behind a modelled link, minutes of it in seconds: what it is sent, what it hears, when its rung changes."""

from __future__ import annotations

import random
from array import array
from collections import deque
from dataclasses import dataclass, field

from media_relay.core.feedback_reader import read_feedback
from media_relay.core.forwarding import Batch
from media_relay.core.member import AUDIO_ONLY, Member
from media_relay.core.pacing import Pace
from media_relay.core.transport_feedback import TransportFeedback
from media_relay.core.transport_log import Sent, TransportLog
from media_relay.core.viewer import Viewer
from tests.link import Conditions, Link, Wire

STEP = 0.005
TICK = 0.020
FRAME = 1 / 30
SOUND = 0.020
SOUND_BYTES = 120 + 12 + 8 + 16
SOUND_BITRATE = int((SOUND_BYTES + 28) * 8 / SOUND)
TAG = 16
PACKET = 1_150
KEYFRAME_EVERY = 120
RUNGS = {1: ("full",), 2: ("low", "full"), 3: ("low", "middle", "full")}


@dataclass
class FakeRendition:
    rung: str
    bitrate: int
    active: bool = True
    repeated: int = 0


@dataclass
class FakePicture:
    offered: list[FakeRendition]

    def renditions(self, now: float) -> list[FakeRendition]:
        return self.offered


def batch_of(sizes: list[int], ssrc: int, first: int) -> Batch:
    """A batch of packets of these plain sizes."""
    numbers = array("H", ((first + i) & 0xFFFF for i in range(len(sizes))))
    return Batch(ssrc, numbers, sum(sizes) + TAG * len(sizes))


@dataclass
class Heard:
    """One session's fate."""

    sound_sent: dict[int, float] = field(default_factory=dict)
    sound_arrived: dict[int, float] = field(default_factory=dict)
    rungs: list[tuple[float, str, str]] = field(default_factory=list)
    video_arrived: list[tuple[float, int]] = field(default_factory=list)

    def rung_at(self, time: float) -> str:
        return [rung for at, rung, _ in self.rungs if at <= time][-1]

    def changes(self, begin: float, end: float) -> int:
        return sum(begin < at <= end for at, _, _ in self.rungs)

    def late_sound(self, begin: float, end: float, limit: float = 0.4) -> float:
        """Share of the sound sent in this time that did not come, or came later than ``limit`` seconds."""
        sent = [n for n, at in self.sound_sent.items() if begin <= at < end]
        bad = [n for n in sent if self.sound_arrived.get(n, 1e9) - self.sound_sent[n] > limit]
        return len(bad) / len(sent)

    def video_bitrate(self, begin: float, end: float) -> float:
        return sum(size for at, size in self.video_arrived if begin <= at < end) * 8 / (end - begin)


class Session:
    """One stream's sound and picture, sent to the viewer as the relay would."""

    def __init__(
        self, stream: str, bitrates: tuple[int, ...], seed: int, *, probes: bool, feedback: bool
    ) -> None:
        self.log = TransportLog()
        rungs = RUNGS[len(bitrates)]
        self.picture = FakePicture([FakeRendition(r, b) for r, b in zip(rungs, bitrates, strict=True)])
        sound = FakePicture([FakeRendition("full", SOUND_BITRATE)])
        self.member = Member(stream, self.log, self.picture, sound, probes=probes)
        self.heard = Heard()
        self.receiver = TransportFeedback()
        self.gives_feedback = feedback
        self.random = random.Random(seed)
        self.frame = 0
        self.sounds = 0
        self.rung: str | None = ""
        self.queue: deque[int] = deque()
        self.pace = Pace()
        self.needs_keyframe = False
        self.ended = False

    def current(self) -> FakeRendition | None:
        if self.rung == AUDIO_ONLY:
            return None
        offered = self.picture.offered
        return next((r for r in offered if r.rung == self.rung), offered[-1])

    def end(self) -> None:
        """Nothing is published any more: nothing is sent, though the session stays connected."""
        self.ended = True
        for rendition in self.picture.offered:
            rendition.active = False

    def next_frame(self) -> list[int]:
        """Packet sizes of the next frame of the present rendition."""
        self.frame += 1
        rendition = self.current()
        if rendition is None:
            return []
        mean = rendition.bitrate / 8 * FRAME
        key = self.needs_keyframe or self.frame % KEYFRAME_EVERY == 0
        self.needs_keyframe = False
        mean = 6 * mean if key else mean * (KEYFRAME_EVERY - 6) / (KEYFRAME_EVERY - 1)
        size = max(80, int(self.random.gauss(mean, mean / 4)))
        count = -(-size // PACKET)
        return [size // count + 20] * count


class Lab:
    """A viewer with its sessions on one link. ``down`` carries media, ``up`` feedback."""

    def __init__(self, down: Conditions, up: Conditions | None = None, seed: int = 1) -> None:
        self.down = Wire(Link(down, seed))
        self.up = Wire(Link(up or Conditions(delay=down.delay), seed + 1))
        self.viewer = Viewer()
        self.sessions: list[Session] = []
        self.now = 0.0
        self.seed = seed
        self._next_sound = self._next_frame = self._next_tick = self._next_look = self._next_feedback = 0.0
        self._repairs: list[tuple[float, int, int, int]] = []
        self.capacities: list[tuple[float, int | None]] = []

    def join(
        self, stream: str, bitrates: tuple[int, ...] = (150_000, 600_000, 2_500_000), *,
        probes: bool = True, feedback: bool = True,
    ) -> Session:  # fmt: skip
        session = Session(stream, bitrates, self.seed + len(self.sessions), probes=probes, feedback=feedback)
        self.sessions.append(session)
        session.member.measure(self.now)
        self.viewer.join(session.member, self.now)
        self.apply()
        return session

    def change(self, down: Conditions) -> None:
        self.down.link.conditions = down

    def run(self, until: float) -> None:
        while self.now < until:
            self.now += STEP
            self._step(self.now)

    def prefer(self, stream: str) -> None:
        self.viewer.prefer(stream, self.now)
        self.apply()

    def _step(self, now: float) -> None:
        if now >= self._next_sound:
            self._next_sound += SOUND
            for index, session in enumerate(self.sessions):
                number = session.sounds
                session.sounds += 1
                session.heard.sound_sent[number] = now
                self._send(index, [SOUND_BYTES - TAG], b"s" + number.to_bytes(4, "big"))
        if now >= self._next_frame:
            self._next_frame += FRAME
            for index, session in enumerate(self.sessions):
                sizes = session.next_frame()
                if self.viewer.capacity is None and not session.queue:
                    self._send(index, sizes, b"v")
                else:
                    session.queue += sizes
        if now >= self._next_tick:
            self._next_tick += TICK
            self._tick(now)
        due = [r for r in self._repairs if r[0] <= now]
        self._repairs = [r for r in self._repairs if r[0] > now]
        for index, session in enumerate(self.sessions):
            for tries in range(3):
                sizes = [size for _, i, size, t in due if i == index and t == tries]
                if session.current() is not None:
                    self._send(index, sizes, b"v", tries=tries + 1)
        self._receive(now)
        if now >= self._next_look:
            self._next_look += 0.2
            self.viewer.look(now)
            self.capacities.append((now, self.viewer.capacity))
            self.apply()

    def _tick(self, now: float) -> None:
        for index, session in enumerate(self.sessions):
            rendition = session.current()
            if session.queue and rendition is not None and not self.viewer.draining:
                budget = session.pace.allowance(rendition.bitrate, self.viewer.room(session.member), now)
                sizes = []
                while session.queue and budget > 0:
                    sizes.append(session.queue.popleft())
                    budget -= sizes[-1]
                session.pace.owe(-budget)
                self._send(index, sizes, b"v")
        padded = self.viewer.probe(now)
        if padded is not None:
            index = next(i for i, s in enumerate(self.sessions) if s.member is padded)
            octets = self.viewer.probing.padding(padded.log)
            self._send(index, [260] * -(-octets // 304), b"p")
            self.viewer.probing.padded(padded.log, now)

    def _send(self, index: int, sizes: list[int], what: bytes, tries: int = 0) -> None:
        session = self.sessions[index]
        if not sizes or session.ended:
            return
        first = session.log.next
        session.log.note(Sent.of(batch_of(sizes, 1, first), self.now))
        for offset, size in enumerate(sizes):
            head = bytes([index]) + (first + offset & 0xFFFF).to_bytes(2, "big") + what
            before = len(self.down._under_way)
            self.down.put(head.ljust(size + TAG, b"\0"), self.now)
            if len(self.down._under_way) == before and what == b"v" and tries < 3:
                again = self.now + 2 * self.down.link.conditions.delay + 0.040
                self._repairs.append((again, index, size, tries))

    def _receive(self, now: float) -> None:
        for datagram in self.down.take(now):
            session = self.sessions[datagram[0]]
            session.receiver.receive(int.from_bytes(datagram[1:3], "big"), now)
            if datagram[3:4] == b"s":
                session.heard.sound_arrived[int.from_bytes(datagram[4:8], "big")] = now
            elif datagram[3:4] == b"v":
                session.heard.video_arrived.append((now, len(datagram)))
        if now >= self._next_feedback:
            self._next_feedback += 0.1
            for index, session in enumerate(self.sessions):
                if session.gives_feedback and (fci := session.receiver.build()) is not None:
                    self.up.put(bytes([index]) + fci, now)
        for datagram in self.up.take(now):
            session = self.sessions[datagram[0]]
            if self.viewer.feedback(session.member, read_feedback(datagram[1:]), now):
                self.apply()

    def apply(self) -> None:
        for session in self.sessions:
            rung = self.viewer.rung(session.member)
            shown = rung or session.picture.offered[-1].rung
            if not session.heard.rungs or session.heard.rungs[-1][1] != shown:
                session.heard.rungs.append((self.now, shown, self.viewer.reason))
                session.needs_keyframe = True
                session.queue.clear()
            session.rung = rung
