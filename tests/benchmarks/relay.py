"""What a relay node costs: one publisher, N subscribers, loopback, the node in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from media_relay.load_test.doors import LinkDoor, LoadTestError
from media_relay.load_test.media import MediaPlan
from media_relay.load_test.report import Report
from media_relay.load_test.running import LoadTest, Plan
from tests.benchmarks.figures import Figure, Selection
from tests.benchmarks.floor import measure_floor
from tests.media_relay.nodes import RunningNode, running_node

_SIZES: Final = (1, 10, 60, 100, 300)
_RSS_BETWEEN: Final = (10, 100)
_WARM_UP: Final = 2.0
_CALM_MS: Final = 30.0
"""A node that was kept waiting for longer found more packets at once, and those cost less than they should."""
_TRIES: Final = 3
_PER_SIZE: Final = {
    "us_per_packet": "µs",
    "packets_per_second": "1/s",
    "latency_p50_ms": "ms",
    "latency_p99_ms": "ms",
    "lost_packets": "packets",
    "delivered_percent": "%",
    "loop_lag_ms": "ms",
    "join_first_packet_p50_ms": "ms",
    "floor_us": "µs",
    "ratio_to_floor": "1",
}
_RSS: Final = "relay.rss_kb_per_subscriber.n100"


@dataclass(frozen=True, slots=True)
class Run:
    """One steady window."""

    report: Report
    us_per_packet: float
    packets_per_second: float
    loop_lag_ms: float
    rss_bytes: int
    forwards: str


async def relay_figures(wanted: Selection, seconds: float) -> AsyncIterator[Figure]:
    """The figures of all sizes that are wanted, each as soon as it is known."""
    resident: dict[int, int] = {}
    for size in _SIZES:
        names = [_name(key, size) for key in _PER_SIZE]
        if not wanted.takes_any(names) and not (size in _RSS_BETWEEN and wanted.takes(_RSS)):
            continue
        media = MediaPlan()
        try:
            run = await _measure(size, media, seconds)
        except LoadTestError as refused:
            print(f"n={size}: {refused}", file=sys.stderr)  # noqa: T201
            continue
        resident[size] = run.rss_bytes
        floor = await asyncio.to_thread(measure_floor, size, media)
        _tell_load(size, run)
        for figure in _of_run(size, run, floor):
            if wanted.takes(figure.name):
                yield figure
    if wanted.takes(_RSS) and resident.keys() >= set(_RSS_BETWEEN):
        few, many = _RSS_BETWEEN
        yield Figure(_RSS, round((resident[many] - resident[few]) / (many - few) / 1024, 1), "KiB")


def _name(key: str, size: int) -> str:
    return f"relay.{key}.n{size}"


def _of_run(size: int, run: Run, floor: float) -> list[Figure]:
    report = run.report
    values = {
        "us_per_packet": round(run.us_per_packet, 2),
        "packets_per_second": round(run.packets_per_second),
        "latency_p50_ms": report.latency_p50_ms,
        "latency_p99_ms": report.latency_p99_ms,
        "lost_packets": report.lost_packets,
        "delivered_percent": round(report.packets / max(1, report.published_packets * size) * 100, 1),
        "loop_lag_ms": run.loop_lag_ms,
        "join_first_packet_p50_ms": report.join_p50_ms,
        "floor_us": round(floor, 2),
        "ratio_to_floor": round(run.us_per_packet / floor, 2),
    }
    return [
        Figure(_name(key, size), value, _PER_SIZE[key]) for key, value in values.items() if value is not None
    ]


async def _measure(size: int, media: MediaPlan, seconds: float) -> Run:
    """The calmest of a few windows, the first calm one if there is any."""
    async with running_node() as node, LoadTest(LinkDoor(node.link), Plan(size, media=media)) as load:
        await load.join()
        await asyncio.sleep(_WARM_UP)
        runs: list[Run] = []
        while len(runs) < _TRIES and not (runs and runs[-1].loop_lag_ms <= _CALM_MS):
            runs.append(await _window(node, load, seconds))
    calmest = min(runs, key=lambda run: run.loop_lag_ms)
    if calmest.report.receiving != size:
        raise RuntimeError(
            f"only {calmest.report.receiving} of {size} subscribers received sound and pictures"
        )
    return calmest


async def _window(node: RunningNode, load: LoadTest, seconds: float) -> Run:
    before = await node.link.stats()
    report = await load.measure(seconds)
    after = await node.link.stats()
    forwarded = after.packets_forwarded - before.packets_forwarded
    return Run(
        report=report,
        us_per_packet=(after.cpu_seconds - before.cpu_seconds) / forwarded * 1e6,
        packets_per_second=report.packets_per_second,
        loop_lag_ms=after.loop_lag_ms,
        rss_bytes=after.rss_bytes,
        forwards="the native kernel" if after.native else "Python",
    )


def _tell_load(size: int, run: Run) -> None:
    """Who else used the machine."""
    load, processors = os.getloadavg()[0], os.cpu_count()
    calm = (
        ""
        if run.loop_lag_ms <= _CALM_MS
        else ", no calm window: costs look too small and latencies too large"
    )
    who = f"n={size}: {run.forwards} forwards"
    print(f"{who}, load average {load:.1f} on {processors} processors{calm}", file=sys.stderr)  # noqa: T201
