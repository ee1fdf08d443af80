"""A long day in a few minutes: lessons whose clients come, go, vanish, move, restart and misbehave, in virtual time.

``python -m tests.fuzz.soak --minutes 60`` plays an hour and tells how much memory the relay and its clients, in one
process, had after each tenth of it. What is given back when sessions end must be enough for those who come next.
"""

from __future__ import annotations

import argparse
import gc
import os
import secrets
import socket
from dataclasses import dataclass, field
from random import Random
from typing import Final

from media_relay.sdp import parse_fragment
from media_relay.seams import rtcp
from tests.fuzz import noise
from tests.media_relay.clients import DELTA, KEYFRAME, OPUS, WITH_RTX, Bench, Client, relay_bench, rtp

_LESSONS: Final = 3
_SITES: Final = 5
"""Of each lesson, at most."""
_STEP: Final = 0.1
"""Seconds between two rounds of packets."""
_EVENTS: Final = 0.35
"""Events of one step, on average."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass
class _Teacher:
    client: Client
    ssrc: int
    number: int = 0


@dataclass
class Tally:
    """What happened."""

    joined: int = 0
    left: int = 0
    vanished: int = 0
    taken_over: int = 0
    restarted: int = 0
    moved: int = 0
    received: int = 0
    resident: list[int] = field(default_factory=list)
    """Bytes of the process, at the end of each tenth."""


class Soak:
    """The lessons of a node and whoever is in them."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.rng = Random(seed)
        self.tally = Tally()
        self.teachers: dict[int, _Teacher] = {}
        self.sites: dict[int, list[Client]] = {lesson: [] for lesson in range(_LESSONS)}
        self._names = 0

    def play(self, minutes: float) -> Tally:
        """Let this much virtual time pass."""
        steps = max(10, round(minutes * 60 / _STEP))
        for step in range(1, steps + 1):
            if self.rng.random() < _EVENTS:
                self._event(self.rng.randrange(_LESSONS))
            self._media()
            self.bench.live(_STEP)
            if step % (steps // 10) == 0:
                gc.collect()
                self.tally.resident.append(_resident())
        return self.tally

    def finish(self) -> None:
        """Everybody vanishes; what is left after that is a leak."""
        for client in list(self.bench.clients):
            self._vanish(client)
        self.bench.live(25.0)

    def _event(self, lesson: int) -> None:
        sites, teacher = self.sites[lesson], self.teachers.get(lesson)
        chance = self.rng.random()
        if teacher is None or chance < 0.06:
            self._teach(lesson)
        elif chance < 0.09:
            del self.teachers[lesson]
            self._leave(teacher.client)
        elif len(sites) < _SITES and chance < 0.5:
            sites.append(self._join(lesson))
        elif sites:
            self._trouble(sites, self.rng.choice(sites))

    def _trouble(self, sites: list[Client], site: Client) -> None:
        match self.rng.randrange(6):
            case 0:
                sites.remove(site)
                self._leave(site)
            case 1:
                sites.remove(site)
                self._vanish(site)
                self.tally.vanished += 1
            case 2:
                self._restart(site)
            case 3:
                self._move(site)
            case 4:
                for _ in range(20):
                    site.send(self.rng.choice((noise.srtp_forgery, noise.dtls_record))(self.rng) or b"\x80")
            case 5 if site.packets:
                numbers = [(site.packets[-1].number - n) & 0xFFFF for n in range(self.rng.randrange(200))]
                site.send_rtcp(rtcp.nack(9, site.packets[-1].ssrc, numbers))

    def _teach(self, lesson: int) -> None:
        before = self.teachers.get(lesson)
        client = Client(self._name("teacher"), publishing=True)
        self.teachers[lesson] = _Teacher(
            self.bench.join(client, f"lesson{lesson}", video=WITH_RTX), self.rng.randrange(1, 1 << 32)
        )
        if before is not None:
            self._forget(before.client)
            self.tally.taken_over += 1

    def _join(self, lesson: int) -> Client:
        self.tally.joined += 1
        video = self.rng.choice((WITH_RTX, ("VP8/90000",), ("VP8/90000", "H264/90000")))
        return self.bench.join(Client(self._name("site")), f"lesson{lesson}", video=video)

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}"

    def _leave(self, client: Client) -> None:
        """By a goodbye, or because the web process says so."""
        self.tally.left += 1
        if self.rng.random() < 0.5 and client.dtls is not None:
            for datagram in client.dtls.close():
                client.send(datagram)
            self.bench.pump()
        else:
            self.bench.relay.close(client.session)
        self._forget(client)

    def _vanish(self, client: Client) -> None:
        self._forget(client)

    def _forget(self, client: Client) -> None:
        self.bench.clients.remove(client)
        client.socket.close()

    def _restart(self, site: Client) -> None:
        text = f"a=ice-ufrag:{secrets.token_hex(4)}\r\na=ice-pwd:{secrets.token_hex(12)}\r\n"
        answer, renewed = self.bench.relay.trickle(site.session, text), parse_fragment(text)
        assert answer is not None and renewed is not None
        lines = dict(line.partition(":")[::2] for line in answer.split("\r\n"))
        site.local, site.remote = renewed, type(renewed)(lines["a=ice-ufrag"], lines["a=ice-pwd"])
        site.send(site.check())
        self.bench.pump()
        self.tally.restarted += 1

    def _move(self, site: Client) -> None:
        site.socket.close()
        site.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        site.socket.bind(("127.0.0.1", 0))
        site.socket.setblocking(False)
        site.send(site.check())
        self.bench.pump()
        self.tally.moved += 1

    def _media(self) -> None:
        for teacher in self.teachers.values():
            if self.rng.random() < 0.01:
                teacher.ssrc, teacher.number = self.rng.randrange(1, 1 << 32), self.rng.randrange(1 << 16)
            for _ in range(3):
                teacher.number += 1
                payload = (KEYFRAME if self.rng.random() < 0.05 else DELTA) + bytes(100)
                if self.rng.random() > 0.02:
                    teacher.client.send_rtp(
                        rtp(teacher.ssrc, teacher.number, teacher.number * 3_000, payload)
                    )
            sound = rtp(teacher.ssrc ^ 1, teacher.number, teacher.number * 960, b"sound", payload_type=OPUS)
            teacher.client.send_rtp(sound)
        for sites in self.sites.values():
            for site in sites:
                self.tally.received += len(site.packets)
                del site.packets[:-1], site.reports[:], site.raw_reports[:], site.stun_answers[:-1]
        for teacher in self.teachers.values():
            del teacher.client.reports[:], teacher.client.raw_reports[:], teacher.client.stun_answers[:-1]
        del self.bench.events[:]


def _resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * _PAGE


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.soak", description="A long day in virtual time."
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of virtual time (default 10)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with relay_bench() as bench:
        soak = Soak(bench, options.seed)
        tally = soak.play(options.minutes)
        soak.finish()
        drops = {reason: count for reason, count in bench.relay.drops().items() if count}
        left = len(bench.relay._peers), len(bench.relay._streams), len(bench.relay.port.by_address)
    print(tally, drops, f"sessions, streams, addresses left: {left}", sep="\n")  # noqa: T201
    print("MiB:", [round(size / (1 << 20), 1) for size in tally.resident])  # noqa: T201


if __name__ == "__main__":
    main()
