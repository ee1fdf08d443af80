"""A relay under noise: nothing raises, everything dropped is counted, the lesson goes on."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterable

import pytest

from media_relay.messages import SessionClosed
from media_relay.seams.datagrams import SLOT
from media_relay.seams.srtp import SrtpError
from tests.benchmarks import strangers
from tests.fuzz import noise
from tests.media_relay.clients import DELTA, KEYFRAME, Bench, Client, rtp
from tests.patience import patient

VIDEO = 0x11111111
BURST = 200
"""Datagrams between two reads: fewer than the socket holds, so that none is lost unseen."""


class Lesson:
    """A teacher and two sites on the air, while noise comes in."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.teacher = bench.publisher()
        self.sites = [bench.subscriber(f"site{i}") for i in range(2)]
        self.number = 0
        self.go_on()

    def go_on(self) -> None:
        """One more picture arrives everywhere."""
        self.number += 1
        before = [len(s.packets) for s in self.sites]
        payload = (KEYFRAME if self.number == 1 else DELTA) + b"picture %d" % self.number
        self.teacher.send_rtp(rtp(VIDEO, self.number, self.number * 3_000, payload))
        self.bench.until(lambda: all(len(s.packets) > n for s, n in zip(self.sites, before, strict=True)))
        assert all(s.packets[-1].payload == payload for s in self.sites)

    def endure(self, send: Callable[[bytes], object], datagrams: Iterable[bytes]) -> int:
        """Take the noise in bursts with pictures in between; returns how much of it was dropped and counted."""
        before = self.drops()
        for index, datagram in enumerate(datagrams, start=1):
            send(datagram)
            if index % BURST == 0:
                self.bench.tick()
                self.go_on()
        self.bench.tick()
        self.go_on()
        assert not any(isinstance(e, SessionClosed) for e in self.bench.events)
        assert all(s.undecodable == 0 for s in self.sites)
        return self.drops() - before

    def drops(self) -> int:
        return sum(self.bench.relay.drops().values())


@pytest.fixture
def lesson(bench: Bench) -> Lesson:
    return Lesson(bench)


def test_noise_of_every_first_byte_from_a_stranger(lesson: Lesson) -> None:
    rng = random.Random(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        dropped = lesson.endure(
            lambda d: stranger.sendto(d, lesson.teacher.target), noise.any_first_byte(rng, 4_096)
        )
    assert dropped == 4_097


def test_noise_of_every_first_byte_from_the_teachers_address(lesson: Lesson) -> None:
    sent = list(noise.any_first_byte(random.Random(2), 4_096))
    dropped = lesson.endure(lesson.teacher.send, sent)
    assert dropped == len(sent)


def test_truncated_and_mutated_checks(lesson: Lesson) -> None:
    rng = random.Random(3)
    good = lesson.teacher.check()
    sent = [good[:n] for n in range(len(good))]
    sent += [noise.mutated(rng, lesson.teacher.check(nominate=False)) for _ in range(1_500)]
    sent += [noise.stun_attributes(rng, lesson.teacher) for _ in range(1_500)]
    answered = len(lesson.teacher.stun_answers)
    dropped = lesson.endure(lesson.teacher.send, sent)
    # What was changed behind the message only is still an authentic check, and answered.
    assert dropped + len(lesson.teacher.stun_answers) - answered == len(sent)
    assert dropped > len(sent) * 0.95


def test_a_flood_of_strangers_checks_keeps_no_newcomer_out(lesson: Lesson) -> None:
    nobody = Client("nobody")
    nobody.remote = type(nobody.remote)("nobody01", "p" * 32)
    with nobody.socket as stranger:
        for _ in range(400):
            stranger.sendto(nobody.check(), lesson.teacher.target)
        newcomer = Client("newcomer")
        lesson.bench.offer(newcomer)
        newcomer.send(newcomer.check())
        lesson.bench.until(lambda: bool(newcomer.stun_answers))
    assert lesson.bench.relay.drops()["stun"] == 400
    lesson.go_on()


def test_twenty_thousand_datagrams_a_second_from_strangers_leave_the_lesson_alone(lesson: Lesson) -> None:
    """A second of them, in virtual time: all counted, none answered, and the processor has time left."""
    relay, rng = lesson.bench.relay, random.Random(9)
    datagrams = strangers.noise(rng)
    before, sent, spent = lesson.drops(), 0, 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        for _ in range(50):
            for _ in range(strangers.RATE // 50):
                stranger.sendto(datagrams[sent % len(datagrams)], lesson.teacher.target)
                sent += 1
                if sent % 100 == 0:
                    began = time.thread_time()
                    relay.port.readable()
                    spent += time.thread_time() - began
            lesson.bench.live(0.020)
            lesson.go_on()
        with pytest.raises(BlockingIOError):
            stranger.recv(2_048)
    assert lesson.drops() - before == sent == strangers.RATE
    assert spent < patient(0.5), "seconds of the processor; on an idle machine it is a tenth of that"
    assert all(site.undecodable == 0 for site in lesson.sites)


def test_dtls_noise_does_not_end_a_running_session(lesson: Lesson) -> None:
    rng = random.Random(4)
    flight = Client("other", publishing=True)
    assert lesson.teacher.dtls is not None
    flight.socket.close()
    hello = type(lesson.teacher.dtls)(flight.identity, [("sha-256", "AA")], server=False).start()[0]
    sent = [noise.dtls_record(rng) for _ in range(1_000)]
    sent += [noise.mutated(rng, hello) for _ in range(300)]
    sent += [hello[:n] for n in range(20, len(hello), 7)]
    # Alerts in the clear: close_notify and a fatal one; only authentic ones may count.
    sent += [b"\x15\xfe\xfd\x00\x00" + bytes(6) + b"\x00\x02" + alert for alert in (b"\x01\x00", b"\x02\x28")]
    sent = [d for d in sent if d and 20 <= d[0] <= 63]
    assert lesson.endure(lesson.teacher.send, sent) == len(sent)


def test_forged_media_is_dropped(lesson: Lesson) -> None:
    rng = random.Random(5)
    good = lesson.teacher.outbound.protect(rtp(VIDEO, 500, 0, DELTA))
    sent = [noise.srtp_forgery(rng) for _ in range(2_000)]
    sent += [noise.mutated(rng, good) for _ in range(500)]
    sent += [good[:n] for n in range(len(good))]
    for client in (lesson.teacher, lesson.sites[0]):
        assert lesson.endure(client.send, sent) == len(sent)


def test_authentic_but_malformed_rtp_from_the_teacher(lesson: Lesson) -> None:
    rng = random.Random(6)
    other = 0x33333333
    sent = []
    for number in range(2_000):
        try:
            sent.append(lesson.teacher.outbound.protect(noise.malformed_rtp(rng, other, number)))
        except SrtpError:
            continue  # libsrtp checks the header before it protects, too
    assert len(sent) > 1_000
    received = lesson.bench.relay.counters.packets_received
    for index, datagram in enumerate(sent):
        lesson.teacher.send(datagram)
        if index % BURST == 0:
            lesson.bench.tick()
    lesson.bench.tick()
    counters = lesson.bench.relay.counters
    assert counters.packets_received - received + counters.drops["srtp"] == len(sent)
    assert not any(isinstance(e, SessionClosed) for e in lesson.bench.events)
    # The teacher's camera began anew, as after a change of device: a keyframe, and the sites see it.
    again = 0x44444444
    before = [len(s.packets) for s in lesson.sites]
    lesson.teacher.send_rtp(rtp(again, 1, 0, KEYFRAME))
    lesson.bench.until(lambda: all(len(s.packets) > n for s, n in zip(lesson.sites, before, strict=True)))
    lesson.bench.until(lambda: all(s.packets[-1].payload == KEYFRAME for s in lesson.sites))
    assert all(s.undecodable == 0 for s in lesson.sites)


def test_authentic_but_malformed_rtcp_from_everybody(lesson: Lesson) -> None:
    rng = random.Random(7)
    for client in (lesson.teacher, *lesson.sites):
        sent = []
        for _ in range(1_000):
            ssrc = rng.choice((VIDEO, lesson.sites[0].packets[0].ssrc, 7))
            sent.append(client.outbound.protect_rtcp(noise.malformed_rtcp(rng, ssrc)))
        before = lesson.drops()
        for index, datagram in enumerate(sent):
            client.send(datagram)
            if index % BURST == 0:
                lesson.bench.tick()
        lesson.bench.tick()
        assert lesson.drops() - before > 300
        for site in lesson.sites:
            # What a NACK by chance asked for comes again and is refused by the client's replay protection.
            site.undecodable = 0
        lesson.go_on()


def test_media_from_a_subscriber_is_not_forwarded(lesson: Lesson) -> None:
    site = lesson.sites[0]
    for number in range(50):
        site.send_rtp(rtp(VIDEO, 5_000 + number, 0, KEYFRAME))
    lesson.bench.pump()
    assert lesson.bench.relay.drops()["not_publishing"] == 50
    lesson.go_on()


def test_datagrams_too_long_are_counted(lesson: Lesson) -> None:
    for size in (SLOT + 1, 9_000, 60_000):
        lesson.teacher.send(b"\x80" * size)
    lesson.bench.pump()
    assert lesson.bench.relay.drops()["truncated"] == 3
    lesson.go_on()


def test_a_handshake_under_noise_still_succeeds(bench: Bench) -> None:
    rng = random.Random(8)
    client = Client("site")
    bench.offer(client)
    client.send(client.check())
    bench.until(lambda: bool(client.stun_answers))
    assert client.dtls is not None
    for _ in range(200):
        client.send(rng.randbytes(60))
        client.send(noise.dtls_record(rng)[:13])
    for datagram in client.dtls.start():
        client.send(datagram[: len(datagram) // 2])
        client.send(datagram)
    bench.until(lambda: client.connected)
