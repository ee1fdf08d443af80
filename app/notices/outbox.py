"""The task of the running server that tells what happened: it looks for changes that wait, and spreads them.

What waits is in the database, so nothing is lost when the server dies, and each step that is done twice is seen to
be done already. Several servers may keep an outbox on one database.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from app.database import SessionFactory, reading
from app.lessons import news
from app.notices import spreading
from app.threads import finish_in_threadpool

_log = structlog.stdlib.get_logger(__name__)

EVERY: Final = timedelta(seconds=2)
"""So often it looks; one statement on an index."""
AFTER_FAILURE: Final = timedelta(seconds=15)


class Outbox:
    """Keeps one server's outbox going."""

    def __init__(
        self,
        factory: SessionFactory,
        registry: CollectorRegistry,
        every: timedelta = EVERY,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._factory = factory
        self._every = every
        self._chance = chance
        self._waiting = Gauge(
            "tongtang_outbox_waiting", "What waits to be told or delivered", ["what"], registry=registry
        )
        self._spread = Counter(
            "tongtang_outbox_changes", "Changes of lessons that people were told of", registry=registry
        )
        self._failures = Counter(
            "tongtang_outbox_failures", "Rounds of the outbox that failed", registry=registry
        )

    async def keep(self) -> None:
        """Tell what happens until cancelled; what it fails at is one log line, and tried again."""
        while True:
            wait = self._every
            try:
                await self.round()
            except Exception as error:
                # The kind of error only: messages of a database quote the values of the row they are about.
                _log.error("outbox failed, will be tried again", error=type(error).__name__)
                _log.debug("why the outbox failed", exc_info=True)
                self._failures.inc()
                wait = AFTER_FAILURE
            await asyncio.sleep(wait.total_seconds() * (0.5 + self._chance()))

    async def round(self) -> None:
        """Tell all that waits now."""
        await finish_in_threadpool(self._spread_all)

    def _spread_all(self) -> None:
        while count := self._count_waiting():
            with self._factory.begin() as session:
                taken = spreading.spread(session, datetime.now(UTC))
            self._spread.inc(taken)
            if not taken and count:  # another server is at it
                return

    def _count_waiting(self) -> int:
        with reading(self._factory) as session:
            count = news.waiting(session)
        self._waiting.labels("changes").set(count)
        return count
