"""A load test of one stream, from the first offer to the report."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from media_relay.load_test.doors import Door
from media_relay.load_test.media import MediaPlan
from media_relay.load_test.pool import Pool
from media_relay.load_test.publisher import PublishingClient
from media_relay.load_test.report import Report, Window, look, summarise
from media_relay.load_test.subscriber import ReceivingClient

_DECRYPT_ALL: Final = 10
"""Up to so many subscribers every packet is decrypted; above, about so many in all."""
SETTLE: Final = 1.5
"""Seconds in which a loss is repaired or never."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A load test."""

    subscribers: int
    joins_per_second: float = 40.0
    media: MediaPlan | None = field(default_factory=MediaPlan)
    """What to publish, or ``None`` where somebody else does."""
    redundant: bool = False
    """Whether subscribers take sound that repeats itself."""


class LoadTest:
    """Clients of one server. Use as an asynchronous context manager: leaving it ends all sessions."""

    def __init__(self, door: Door, plan: Plan) -> None:
        self._door = door
        self._plan = plan
        self._pool = Pool()
        self._joined: dict[ReceivingClient, float] = {}
        self.publisher: PublishingClient | None = None
        self.subscribers: list[ReceivingClient] = []

    async def __aenter__(self) -> LoadTest:
        await self._pool.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.__aexit__()
        await self._door.close()

    async def join(self, *, after: float = 0.0) -> None:
        """Connect the publisher and, so many seconds later, the subscribers at the planned rate.

        Raises :class:`LoadTestError`.
        """
        if self._plan.media is not None:
            await self._publish(self._plan.media)
        await asyncio.sleep(after)
        count = self._plan.subscribers
        every = 1 if count <= _DECRYPT_ALL else max(2, count // (_DECRYPT_ALL // 2))
        began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                for index in range(count):
                    await asyncio.sleep(
                        max(0.0, began + index / self._plan.joins_per_second - time.monotonic())
                    )
                    group.create_task(self._subscribe(every))
        except ExceptionGroup as errors:
            # They mostly fail for one reason; the first one tells it.
            raise errors.exceptions[0] from None
        self._pool.settle()

    async def take_over(self) -> None:
        """Publish anew, as somebody does who goes on with another device; the server ends the old session."""
        if self._plan.media is not None:
            await self._publish(self._plan.media)

    async def measure(self, seconds: float, *, settle: float = SETTLE) -> Report:
        """Watch for so long and report on that time alone, after ``settle`` seconds for the last repairs."""
        window = self._window()
        for subscriber in self.subscribers:
            del subscriber.latencies[:]
        await asyncio.sleep(seconds)
        ended = self._window()
        latencies = sorted(value for s in self.subscribers for value in s.latencies)
        await asyncio.sleep(settle)
        return summarise(window, ended, self.subscribers, latencies, self._joins())

    def _window(self) -> Window:
        published = self.publisher.packets if self.publisher is not None else 0
        return look(time.monotonic(), published, self.subscribers)

    def _joins(self) -> list[float]:
        """Milliseconds from each subscriber's offer to its first packet."""
        return sorted(
            (s.first_media_at - at) * 1e3 for s, at in self._joined.items() if s.first_media_at is not None
        )

    async def _publish(self, media: MediaPlan) -> None:
        former, self.publisher = self.publisher, PublishingClient(self._pool.identity, media)
        if former is not None:
            self._pool.retire(former)
        await self._pool.connect(self.publisher, await self._door.publish(self.publisher.offer()))

    async def _subscribe(self, every: int) -> None:
        subscriber = ReceivingClient(self._pool.identity, every=every, redundant=self._plan.redundant)
        self._joined[subscriber] = time.monotonic()
        await self._pool.connect(subscriber, await self._door.subscribe(subscriber.offer()))
        self.subscribers.append(subscriber)
