"""A county's ordinary reading over HTTP: many people look at lists, lessons and timetables at a steady rate.

    python -m tests.benchmarks.reads DATA_DIR DATABASE_URL

says what a read of each kind costs in a county that was seeded there (`python -m app seed jinzhai`).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from app.seeds.jinzhai import ADMIN
from app.seeds.password import read_or_make
from app.settings import Settings
from tests.benchmarks.asking import ask_in_turn, ask_steadily
from tests.scenarios.server import ServerProcess, running_server

RATE: Final = 200
_SECONDS: Final = 15.0
_OF_EACH_KIND: Final = 120
_READERS: Final = (ADMIN, "jz-school-07", "jz-english-11", "jz-music-30", "jz-site-004", "jz-site-090")
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\?.*")


@dataclass(frozen=True)
class Reads:
    """How a server answered a mixture of reads."""

    per_second: float
    p50: float
    p95: float
    """Seconds from when the request was due, so that a server that falls behind is not flattered."""
    cpu: float
    """Seconds of processor time of the web's processes a read."""
    client_cpu: float
    """The part of a processor that whoever asked took."""


@dataclass(frozen=True)
class _Read:
    path: str
    request: bytes

    @property
    def kind(self) -> str:
        """The address without what is different each time."""
        return _ID.sub("", self.path).removeprefix("/api/v1/")


async def measure_reads(settings: Settings) -> Reads:
    """Ask a real server, a process of its own, for a mixture of everything that people look at."""
    with running_server(settings.data_dir, settings.database_url) as server:
        return await _at_a_steady_rate(server, _mixture(server, settings))


async def _at_a_steady_rate(server: ServerProcess, wanted: Sequence[_Read], rate: float = RATE) -> Reads:
    chance = random.Random(1)
    plan = [chance.choice(wanted).request for _ in range(int(rate * _SECONDS))]
    await ask_in_turn(server.http_port, plan[:200])  # what is asked first is compiled and remembered
    before, own, began = server.web_cpu_seconds(), time.process_time(), time.perf_counter()
    waits = await ask_steadily(server.http_port, plan, rate)
    took = time.perf_counter() - began
    return Reads(
        per_second=len(waits) / took,
        p50=statistics.median(waits),
        p95=statistics.quantiles(waits, n=20)[-1],
        cpu=(server.web_cpu_seconds() - before) / len(waits),
        client_cpu=(time.process_time() - own) / took,
    )


async def _by_kind(server: ServerProcess, wanted: Sequence[_Read]) -> Mapping[str, float]:
    """Seconds of processor time of the web's processes a read of each kind, asked one after the other.

    Hardly more on a busy machine; the others' share of the caches is what it shows of them.
    """
    kinds: defaultdict[str, list[bytes]] = defaultdict(list)
    for read in wanted:
        kinds[read.kind].append(read.request)
    found = {}
    for kind, requests in kinds.items():
        plan = (requests * _OF_EACH_KIND)[:_OF_EACH_KIND]
        await ask_in_turn(server.http_port, plan)
        before = server.web_cpu_seconds()
        await ask_in_turn(server.http_port, plan)
        found[kind] = (server.web_cpu_seconds() - before) / len(plan)
    return found


def _mixture(server: ServerProcess, settings: Settings) -> Sequence[_Read]:
    password, _ = read_or_make(settings.data_dir)
    reads: list[_Read] = []
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        for login in _READERS:
            form = {"username": login, "password": password}
            token = client.post("/api/v1/token", data=form).raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            reads += [_Read(path, _request(path, token)) for path in _paths(client)]
    return reads


def _request(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def _paths(client: httpx.Client) -> list[str]:
    """What one person looks at: lists, their lessons, and single things found in them."""

    def items(path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.get(path).raise_for_status().json()["items"]
        return found

    lessons = items("/api/v1/lessons?limit=50")
    entries = items("/api/v1/timetable-entries?limit=20")
    lists = [
        "/api/v1/me",
        "/api/v1/org-units?limit=50",
        "/api/v1/rooms?limit=50",
        "/api/v1/pairings?limit=50",
    ]
    return [
        *lists,
        *["/api/v1/lessons?limit=50"] * 4,
        *(f"/api/v1/lessons/{each['id']}" for each in lessons[:6]),
        *(f"/api/v1/timetable-entries/{each['id']}" for each in entries[:3]),
    ]


async def _run(settings: Settings, rate: float) -> None:
    with running_server(settings.data_dir, settings.database_url) as server:
        wanted = _mixture(server, settings)
        for kind, seconds in (await _by_kind(server, wanted)).items():
            print(f"{kind:20} {seconds * 1000:6.2f} ms of processor time")  # noqa: T201
        reads = await _at_a_steady_rate(server, wanted, rate)
    print(  # noqa: T201
        f"all, {rate:.0f} a second: {reads.cpu * 1000:.2f} ms of processor time, {reads.per_second:.0f} a second, "
        f"p50 {reads.p50 * 1000:.0f} ms, p95 {reads.p95 * 1000:.0f} ms; the client took {reads.client_cpu:.0%}"
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.reads", description="Say what a read of each kind costs."
    )
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("database_url")
    parser.add_argument("--rate", type=float, default=RATE, help=f"reads a second (default {RATE})")
    options = parser.parse_args()
    asyncio.run(_run(Settings(data_dir=options.data_dir, database_url=options.database_url), options.rate))


if __name__ == "__main__":
    main()
