"""What a running lesson and ordinary readers notice of 10,000 wrong passwords, guessed from 200 addresses."""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from app.seeds.small import SITES, TEACHER
from media_relay.load_test.doors import HttpDoor
from media_relay.load_test.media import MediaPlan
from media_relay.load_test.running import LoadTest, Plan
from tests.benchmarks.figures import Figure, Selection
from tests.browser.server import Server, running_server

GUESSES: Final = 10_000
_ADDRESSES: Final = 200
_LOGINS: Final = 100
_CONNECTIONS: Final = 32
_SUBSCRIBERS: Final = 3
_READS_PER_SECOND: Final = 10
_WARM_UP: Final = 2.0
_NAMES: Final = {
    "guessing.latency_p99_ms": "ms",
    "guessing.latency_p99_ms_without": "ms",
    "guessing.lost_packets": "packets",
    "guessing.lost_packets_without": "packets",
    "guessing.read_p95_ms": "ms",
    "guessing.read_p95_ms_without": "ms",
    "guessing.per_second": "1/s",
    "guessing.let_in": "requests",
    "guessing.failed": "requests",
}


@dataclass(frozen=True, slots=True)
class _Window:
    """What the lesson and the readers saw."""

    latency_p99_ms: float
    lost_packets: int
    read_p95_ms: float


async def guessing_figures(wanted: Selection, seconds: float) -> AsyncIterator[Figure]:
    """The same lesson and the same readers, with and without the guesses."""
    if not wanted.takes_any(list(_NAMES)):
        return
    # The guesses come through a proxy, so that they have addresses of their own, as those of a botnet have.
    settings = {"TONGTANG_TRUSTED_PROXIES": "127.0.0.1"}
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder), settings=settings) as server:
        async with httpx.AsyncClient(base_url=server.origin, trust_env=False, timeout=60) as http:
            values = await _with_and_without(server, http, seconds)
    for name, value in values.items():
        if wanted.takes(name):
            yield Figure(name, value, _NAMES[name])


async def _with_and_without(server: Server, http: httpx.AsyncClient, seconds: float) -> dict[str, float]:
    site = SITES[0][2]
    door = await _door(server, http, site)
    async with LoadTest(door, Plan(_SUBSCRIBERS, media=MediaPlan())) as load:
        await load.join()
        await asyncio.sleep(_WARM_UP)
        calm = await _window(load, http, server.token(site), seconds)
        guessing = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, server.origin, str(GUESSES), stdout=asyncio.subprocess.PIPE
        )
        telling = asyncio.create_task(guessing.communicate())
        attacked: list[_Window] = []
        while not telling.done() or not attacked:
            attacked.append(await _window(load, http, server.token(site), seconds))
    told: dict[str, Any] = json.loads((await telling)[0])
    statuses = collections.Counter({int(status): count for status, count in told["statuses"].items()})
    return {
        "guessing.latency_p99_ms": max(window.latency_p99_ms for window in attacked),
        "guessing.latency_p99_ms_without": calm.latency_p99_ms,
        "guessing.lost_packets": sum(window.lost_packets for window in attacked),
        "guessing.lost_packets_without": calm.lost_packets,
        "guessing.read_p95_ms": max(window.read_p95_ms for window in attacked),
        "guessing.read_p95_ms_without": calm.read_p95_ms,
        "guessing.per_second": round(GUESSES / told["seconds"], 1),
        "guessing.let_in": statuses[200] + statuses[201],
        # A guess is wrong (401), or there were too many from its address or for its account (429, 503).
        "guessing.failed": GUESSES - sum(statuses[status] for status in (200, 201, 401, 429, 503)),
    }


async def _door(server: Server, http: httpx.AsyncClient, site: str) -> HttpDoor:
    """The lesson of the demo county that is on now, published by its teacher and watched by a site."""
    teacher = server.token(TEACHER)
    answer = await http.get("/api/v1/lessons/current", headers={"Authorization": f"Bearer {teacher}"})
    lesson = answer.raise_for_status().json()["id"]
    whip, whep = (f"{server.origin}/{door}/{lesson}/main" for door in ("whip", "whep"))
    return HttpDoor(http, whip, whep, teacher, server.token(site))


async def _window(load: LoadTest, http: httpx.AsyncClient, token: str, seconds: float) -> _Window:
    reading = asyncio.create_task(_read(http, token, seconds))
    report = await load.measure(seconds)
    return _Window(report.latency_p99_ms or 0.0, report.lost_packets, await reading)


async def _read(http: httpx.AsyncClient, token: str, seconds: float) -> float:
    """Read at a steady rate; the 95th percentile of the milliseconds an answer took."""
    taken: list[float] = []

    async def one() -> None:
        began = time.perf_counter()
        answer = await http.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        answer.raise_for_status()
        taken.append((time.perf_counter() - began) * 1e3)

    async with asyncio.TaskGroup() as group:
        for _ in range(int(seconds * _READS_PER_SECOND)):
            group.create_task(one())
            await asyncio.sleep(1 / _READS_PER_SECOND)
    return round(statistics.quantiles(taken, n=20)[-1], 1)


async def guess(origin: str, guesses: int) -> dict[str, Any]:
    """Try so many wrong passwords, as fast as they are answered; the statuses and the seconds they took."""
    statuses: collections.Counter[int] = collections.Counter()
    numbers = iter(range(guesses))

    async def worker(http: httpx.AsyncClient) -> None:
        for number in numbers:
            login = (*(each[2] for each in SITES), TEACHER, "admin")[number % 5]
            if number % 2:
                login = f"nobody{number % _LOGINS}"
            answer = await http.post(
                "/api/v1/session",
                json={"login": login, "password": f"a wrong one {number}", "code": ""},
                headers={"X-Forwarded-For": f"203.0.113.{number % _ADDRESSES}"},
            )
            statuses[answer.status_code] += 1

    began = time.monotonic()
    limits = httpx.Limits(max_connections=_CONNECTIONS)
    async with httpx.AsyncClient(base_url=origin, trust_env=False, timeout=60, limits=limits) as http:
        await asyncio.gather(*(worker(http) for _ in range(_CONNECTIONS)))
    return {"statuses": statuses, "seconds": time.monotonic() - began}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Guess passwords at a server of this machine.")
    parser.add_argument("origin")
    parser.add_argument("guesses", type=int)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(guess(options.origin, options.guesses))))  # noqa: T201
