"""What a whole lesson costs where many small ones share a node: the shape of a county's morning."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from media_relay.load_test.doors import LinkDoor, LoadTestError
from media_relay.load_test.lessons import LessonPlan, Lessons
from media_relay.load_test.report import Report
from tests.benchmarks.figures import Figure, Selection
from tests.media_relay.nodes import RunningNode, running_node

_STEPS: Final = (8, 16, 24, 28, 32, 36, 40, 44, 48, 52, 56)
"""Lessons tried, until the node or the load tool no longer keeps up."""
_SETTLE: Final = 1.0
_BUSY: Final = 0.95
"""Share of its processor above which a process does not keep up."""
_EVERYTHING: Final = 0.98
_FIGURES: Final = {
    "lesson.core_percent": "%",
    "lesson.count": "lessons",
    "lesson.us_per_packet_in_or_out": "µs",
    "lesson.packets_in_per_second": "1/s",
    "lesson.packets_out_per_second": "1/s",
    "lesson.latency_p50_ms": "ms",
    "lesson.latency_p99_ms": "ms",
    "lesson.lost_packets": "packets",
    "lesson.delivered_percent": "%",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One steady window with so many lessons."""

    count: int
    report: Report
    core: float
    """Share of a processor that the node used."""
    tool_core: float
    packets_in: int
    packets_out: int
    seconds: float
    native: bool
    delivered: float
    """Share of what the subscribers were to get: less than one where they got smaller pictures."""

    @property
    def fits(self) -> bool:
        """Whether node and load tool kept up, and everybody got everything."""
        everything = self.report.good and self.delivered > _EVERYTHING
        return everything and self.core < _BUSY and self.tool_core < _BUSY


async def lesson_figures(wanted: Selection, seconds: float) -> AsyncIterator[Figure]:
    """The figures at the largest number of lessons that load tool and node fit on this machine."""
    if not wanted.takes_any(list(_FIGURES)):
        return
    best: Run | None = None
    async with (
        running_node() as node,
        Lessons(lambda number, name: LinkDoor(node.link, f"lesson-{number}", name), LessonPlan()) as lessons,
    ):
        for count in _STEPS:
            try:
                while lessons.count < count:
                    await lessons.begin()
            except LoadTestError as refused:
                print(f"{count} lessons: {refused}", file=sys.stderr)  # noqa: T201
                break
            await lessons.measure(_SETTLE, settle=0.0)
            run = await _window(node, lessons, seconds)
            _tell(run, lessons.longest_pause_ms)
            if not run.fits:
                break
            best = run
    if best is None:
        raise RuntimeError(f"not even {_STEPS[0]} lessons fit on this machine")
    for name, value in _values(best).items():
        if value is not None and wanted.takes(name):
            yield Figure(name, value, _FIGURES[name])


def _values(run: Run) -> dict[str, float | None]:
    packets = run.packets_in + run.packets_out
    return {
        "lesson.core_percent": round(run.core / run.count * 100, 2),
        "lesson.count": run.count,
        "lesson.us_per_packet_in_or_out": round(run.core * run.seconds / packets * 1e6, 2),
        "lesson.packets_in_per_second": round(run.packets_in / run.seconds),
        "lesson.packets_out_per_second": round(run.packets_out / run.seconds),
        "lesson.latency_p50_ms": run.report.latency_p50_ms,
        "lesson.latency_p99_ms": run.report.latency_p99_ms,
        "lesson.lost_packets": run.report.lost_packets,
        "lesson.delivered_percent": round(run.delivered * 100, 1),
    }


async def _window(node: RunningNode, lessons: Lessons, seconds: float) -> Run:
    before, tool_before, began = await node.link.stats(), time.process_time(), time.monotonic()
    report = await lessons.measure(seconds)
    after, tool_after, ended = await node.link.stats(), time.process_time(), time.monotonic()
    return Run(
        count=lessons.count,
        report=report,
        core=(after.cpu_seconds - before.cpu_seconds) / (ended - began),
        tool_core=(tool_after - tool_before) / (ended - began),
        packets_in=after.packets_received - before.packets_received,
        packets_out=after.packets_forwarded - before.packets_forwarded,
        seconds=ended - began,
        native=after.native,
        delivered=lessons.delivered,
    )


def _tell(run: Run, pause_ms: float) -> None:
    report, who = run.report, "the native kernel" if run.native else "Python"
    print(  # noqa: T201
        f"{run.count} lessons, {who} forwards: node {run.core:.0%} of a core ({run.core / run.count:.2%} a lesson), "
        f"load tool {run.tool_core:.0%}, its longest pause {pause_ms:.0f} ms; lost {report.lost_packets}, delivered "
        f"{run.delivered:.1%}, receiving "
        f"{report.receiving} of {report.subscribers}, latency p99 {report.latency_p99_ms} ms",
        file=sys.stderr,
    )
