"""What a running lesson notices of strangers who throw 20,000 datagrams a second at the node's port."""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aioice import stun

from media_relay.load_test.doors import LinkDoor
from media_relay.load_test.media import MediaPlan
from media_relay.load_test.report import Report
from media_relay.load_test.running import LoadTest, Plan
from media_relay.messages import NodeReady, NodeStats
from tests.benchmarks.figures import Figure, Selection
from tests.media_relay.clients import DELTA, KEYFRAME, relay_bench, rtp
from tests.media_relay.nodes import RunningNode, running_node

RATE: Final = 20_000
"""Datagrams a second."""
_SUBSCRIBERS: Final = 20
_SOCKETS: Final = 50
_STEP: Final = 0.010
_PICTURES: Final = 200
_PICTURES_PER_SECOND: Final = 50
_WARM_UP: Final = 2.0
_NAMES: Final = {
    "strangers.latency_p99_ms": "ms",
    "strangers.latency_p99_ms_without": "ms",
    "strangers.lost_packets": "packets",
    "strangers.core_percent": "%",
    "strangers.core_percent_without": "%",
    "strangers.us_per_datagram": "µs",
    "strangers.work_p99_ms": "ms",
    "strangers.work_p99_ms_without": "ms",
    "strangers.counted_percent": "%",
}


@dataclass(frozen=True, slots=True)
class _Run:
    report: Report
    before: NodeStats
    after: NodeStats
    seconds: float

    @property
    def cpu(self) -> float:
        """Share of a processor."""
        return (self.after.cpu_seconds - self.before.cpu_seconds) / self.seconds

    @property
    def dropped(self) -> int:
        return sum(self.after.drops.values()) - sum(self.before.drops.values())


async def stranger_figures(wanted: Selection, seconds: float) -> AsyncIterator[Figure]:
    """The same lesson with and without them."""
    if not wanted.takes_any(list(_NAMES)):
        return
    async with (
        running_node() as node,
        LoadTest(LinkDoor(node.link), Plan(_SUBSCRIBERS, media=MediaPlan())) as load,
    ):
        await load.join()
        await asyncio.sleep(_WARM_UP)
        calm = await _window(node, load, seconds)
        port = next(event.port for event in node.events if isinstance(event, NodeReady))
        async with _strangers(port):
            await asyncio.sleep(_WARM_UP)
            noisy = await _window(node, load, seconds)
    values = {
        "strangers.latency_p99_ms": noisy.report.latency_p99_ms or 0.0,
        "strangers.latency_p99_ms_without": calm.report.latency_p99_ms or 0.0,
        "strangers.lost_packets": noisy.report.lost_packets,
        "strangers.core_percent": round(100 * noisy.cpu, 1),
        "strangers.core_percent_without": round(100 * calm.cpu, 1),
        "strangers.counted_percent": round(100 * noisy.dropped / (RATE * noisy.seconds), 1),
    }
    for name, value in (values | _work()).items():
        if wanted.takes(name):
            yield Figure(name, value, _NAMES[name])


def _work() -> dict[str, float]:
    """Processor time of the relay for a picture and what stands before and behind it, in this process.

    It says the same on a busy machine: nobody else's time counts.
    """
    rng = random.Random(1)
    datagrams, step = noise(rng), RATE // _PICTURES_PER_SECOND
    with relay_bench() as bench, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        teacher = bench.publisher()
        sites = [bench.subscriber(f"site{i}") for i in range(_SUBSCRIBERS)]
        taken: dict[int, list[float]] = {0: [], step: []}
        for number in range(1, 2 * _PICTURES + 1):
            around = step if number > _PICTURES else 0
            for at in range(around // 2):
                stranger.sendto(datagrams[(number * step + at) % len(datagrams)], teacher.target)
            payload = (KEYFRAME if number == 1 else DELTA) + bytes(1_000)
            teacher.send_rtp(rtp(5, number, number * 3_000, payload))
            for at in range(around // 2, around):
                stranger.sendto(datagrams[(number * step + at) % len(datagrams)], teacher.target)
            began = time.thread_time()
            bench.relay.port.readable()
            taken[around].append(time.thread_time() - began)
            for site in sites:
                site.drain()
            bench.relay.tick()
        assert all(len(site.packets) == 2 * _PICTURES for site in sites)
    more = sum(taken[step]) - sum(taken[0])
    worst = {around: sorted(times)[int(0.99 * len(times))] for around, times in taken.items()}
    return {
        "strangers.us_per_datagram": round(more / (step * _PICTURES) * 1e6, 2),
        "strangers.work_p99_ms": round(worst[step] * 1e3, 2),
        "strangers.work_p99_ms_without": round(worst[0] * 1e3, 2),
    }


async def _window(node: RunningNode, load: LoadTest, seconds: float) -> _Run:
    before, began = await node.link.stats(), time.monotonic()
    report = await load.measure(seconds)
    after = await node.link.stats()
    return _Run(report, before, after, time.monotonic() - began)


@asynccontextmanager
async def _strangers(port: int) -> AsyncIterator[None]:
    """A process of their own, so that they do not slow those down who measure."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, str(port), str(RATE))
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def noise(rng: random.Random) -> list[bytes]:
    """What strangers send: checks of nobody and of somebody's form, hellos, media by its header, and nothing at all."""
    check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    check.attributes["USERNAME"] = "nobody01:stranger"
    check.attributes["PRIORITY"] = 1
    check.add_message_integrity(b"p" * 32)
    heads = (
        b"",
        b"\x00\x01" + bytes(2) + b"\x21\x12\xa4\x42",
        b"\x16\xfe\xfd" + bytes(8),
        b"\x80\x60",
        b"\x80\xc9",
    )
    made = [bytes(check)] * 50
    made += [head + rng.randbytes(rng.choice((20, 100, 400, 1_150))) for head in heads for _ in range(40)]
    return made


def throw(port: int, rate: int) -> None:
    """Send until the process is ended."""
    rng = random.Random(1)
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(_SOCKETS)]
    for sock in sockets:
        sock.connect(("127.0.0.1", port))
    datagrams = noise(rng)
    sent, began = 0, time.monotonic()
    while True:
        due = int((time.monotonic() - began) * rate)
        for number in range(sent, due):
            sockets[number % _SOCKETS].send(datagrams[number % len(datagrams)])
        sent = due
        time.sleep(_STEP)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Throw datagrams at a port of this machine.")
    parser.add_argument("port", type=int)
    parser.add_argument("rate", type=int, help="datagrams a second")
    options = parser.parse_args()
    throw(options.port, options.rate)
