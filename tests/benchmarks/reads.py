"""A county's ordinary reading over HTTP: many people look at lists, lessons and timetables at a steady rate."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from app.seeds.jinzhai import ADMIN
from app.seeds.password import read_or_make
from app.settings import Settings
from tests.scenarios.server import ServerProcess, running_server

RATE: Final = 200
_SECONDS: Final = 15.0
_CONNECTIONS: Final = 40
_READERS: Final = (ADMIN, "jz-school-07", "jz-english-11", "jz-music-30", "jz-site-004", "jz-site-090")


@dataclass(frozen=True)
class Reads:
    """How a server answered."""

    per_second: float
    p95: float
    """Seconds from when the request was due, so that a server that falls behind is not flattered."""


@dataclass(frozen=True)
class _Read:
    path: str
    token: str


async def measure_reads(settings: Settings) -> Reads:
    """Ask a real server, a process of its own, for a mixture of everything that people look at."""
    with running_server(settings.data_dir, settings.database_url) as server:
        wanted = _mixture(server, settings)
        return await _ask(server, wanted)


def _mixture(server: ServerProcess, settings: Settings) -> Sequence[_Read]:
    password, _ = read_or_make(settings.data_dir)
    reads: list[_Read] = []
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        for login in _READERS:
            form = {"username": login, "password": password}
            token = client.post("/api/v1/token", data=form).raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            reads += [_Read(path, token) for path in _paths(client)]
    return reads


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


async def _ask(server: ServerProcess, wanted: Sequence[_Read]) -> Reads:
    chance = random.Random(1)
    plan = [chance.choice(wanted) for _ in range(int(RATE * _SECONDS))]
    due = iter(enumerate(plan))
    waits: list[float] = []
    began = time.perf_counter() + 0.5

    async def reader() -> None:
        stream, out = await asyncio.open_connection("127.0.0.1", server.http_port)
        for number, read in due:
            moment = began + number / RATE
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            out.write(
                f"GET {read.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {read.token}\r\n\r\n".encode()
            )
            await _answer(stream)
            waits.append(time.perf_counter() - moment)
        out.close()

    async with asyncio.TaskGroup() as readers:
        for _ in range(_CONNECTIONS):
            readers.create_task(reader())
    return Reads(len(waits) / (time.perf_counter() - began), statistics.quantiles(waits, n=20)[-1])


async def _answer(stream: asyncio.StreamReader) -> None:
    head = (await stream.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200"), head
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
    await stream.readexactly(int(length.partition(b":")[2]))
