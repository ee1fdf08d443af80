"""Many small lessons at once, the shape of a county's morning: a main classroom and a few sites that answer.

In each lesson every site watches the main classroom and sends its own picture and sound back, which the teacher
watches; the first site is on stage, and the others watch it too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from media_relay.load_test.doors import Door
from media_relay.load_test.media import MediaPlan
from media_relay.load_test.pool import Pool
from media_relay.load_test.publisher import PublishingClient
from media_relay.load_test.report import Report, Window, look, summarise
from media_relay.load_test.running import SETTLE
from media_relay.load_test.subscriber import ReceivingClient

MAIN: Final = "main"

_SAMPLED: Final = 40
"""Subscribers decrypt about every so-manieth packet to read its latency."""

Doors = Callable[[int, str], Door]
"""The door of a stream: the lesson's number, from 0, and the stream's name."""


@dataclass(frozen=True, slots=True)
class LessonPlan:
    """What is sent in one lesson."""

    sites: tuple[str, ...] = ("site-1", "site-2", "site-3")
    """Stream names; the first site is on stage."""
    main: MediaPlan = field(default_factory=MediaPlan)
    site: MediaPlan = field(default_factory=lambda: MediaPlan(video_bitrate=800_000, frames_per_second=20))
    """360p as the pages ask the camera for it."""
    redundant: bool = False
    """Whether all send and take sound that repeats itself, as browsers do."""

    @property
    def watched(self) -> tuple[str, ...]:
        """The stream of each subscriber: the sites', the teacher's, those of the other sites."""
        return (MAIN,) * len(self.sites) + self.sites + self.sites[:1] * (len(self.sites) - 1)


class Lessons:
    """Lessons of one server. Use as an asynchronous context manager: leaving it ends all sessions."""

    def __init__(self, doors: Doors, plan: LessonPlan) -> None:
        self._doors = doors
        self._plan = plan
        self._pool = Pool()
        self._open: list[Door] = []
        self._joined: dict[ReceivingClient, float] = {}
        self._publishers: dict[tuple[int, str], PublishingClient] = {}
        self._subscribers: list[ReceivingClient] = []
        self._watched: list[tuple[int, str]] = []
        """What each subscriber watches."""
        self.count = 0
        self.delivered = 0.0
        """Share of the packets that the subscribers were to get in the last :meth:`measure` and got: less than one
        where the server gave some of them smaller pictures."""

    async def __aenter__(self) -> Lessons:
        await self._pool.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.__aexit__()
        for door in self._open:
            await door.close()

    async def begin(self) -> None:
        """One more lesson. Raises :class:`~media_relay.load_test.doors.LoadTestError`."""
        plan, number = self._plan, self.count
        self.count += 1
        doors = {name: self._doors(number, name) for name in (MAIN, *plan.sites)}
        self._open += doors.values()
        try:
            async with asyncio.TaskGroup() as group:
                for name, door in doors.items():
                    media = plan.main if name == MAIN else plan.site
                    group.create_task(self._publish(door, media, (number, name)))
                for name in plan.watched:
                    group.create_task(self._subscribe(doors[name], (number, name)))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        self._pool.settle()

    async def measure(self, seconds: float, *, settle: float = SETTLE) -> Report:
        """Watch for so long and report on that time alone, after ``settle`` seconds for the last repairs."""
        window = self._window()
        self._pool.longest_pause = 0.0
        for subscriber in self._subscribers:
            del subscriber.latencies[:]
        before = self._expected()
        await asyncio.sleep(seconds)
        ended = self._window()
        got = sum(ended.packets) - sum(window.packets)
        self.delivered = got / max(1, self._expected() - before)
        latencies = sorted(value for s in self._subscribers for value in s.latencies)
        await asyncio.sleep(settle)
        joins = [
            (s.first_media_at - at) * 1e3 for s, at in self._joined.items() if s.first_media_at is not None
        ]
        return summarise(window, ended, self._subscribers, latencies, sorted(joins))

    @property
    def longest_pause_ms(self) -> float:
        """The longest time, since the last :meth:`measure` began, in which this tool sent nothing that was due."""
        return self._pool.longest_pause * 1e3

    def _expected(self) -> int:
        """Packets that all subscribers together should have by now, but for what was sent before they came."""
        return sum(self._publishers[stream].packets for stream in self._watched)

    def _window(self) -> Window:
        published = sum(publisher.packets for publisher in self._publishers.values())
        return look(time.monotonic(), published, self._subscribers)

    async def _publish(self, door: Door, media: MediaPlan, stream: tuple[int, str]) -> None:
        media = replace(media, redundant=self._plan.redundant)
        publisher = self._publishers[stream] = PublishingClient(self._pool.identity, media)
        await self._pool.connect(publisher, await door.publish(publisher.offer()))

    async def _subscribe(self, door: Door, stream: tuple[int, str]) -> None:
        subscriber = ReceivingClient(self._pool.identity, every=_SAMPLED, redundant=self._plan.redundant)
        self._joined[subscriber] = time.monotonic()
        await self._pool.connect(subscriber, await door.subscribe(subscriber.offer()))
        self._subscribers.append(subscriber)
        self._watched.append(stream)
