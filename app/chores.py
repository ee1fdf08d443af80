"""Things done on schedule inside the running server, each in a thread: what ran out is forgotten, mail is sent.

A chore is a plain function of a session factory and the time. It opens its own transactions, keeps them short, ends
within seconds, and leaves what is left for its next run; a second run right after the first finds nothing to do.
`app.housekeeping` lists the chores of this server.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from app.database import SessionFactory
from app.threads import finish_in_threadpool

_log = structlog.stdlib.get_logger(__name__)

FIRST: Final = timedelta(minutes=1)
"""At the latest so long after the start each chore is done for the first time: servers are restarted often."""
RETRY: Final = timedelta(seconds=30)
"""So long after its first failure a chore is tried again, then twice as long, up to its interval."""
_DICE: Final = Random()

Work = Callable[[SessionFactory, datetime], int]
"""Does a chore as of a time, and says how many things it changed, deleted or sent."""


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done every so often."""

    name: str
    every: timedelta
    work: Work
    summary: str
    """One line for operators."""


class Chores:
    """Keeps the chores of one server going; one of a name at a time, none of them on the event loop."""

    def __init__(
        self,
        chores: Sequence[Chore],
        factory: SessionFactory,
        registry: CollectorRegistry,
        chance: Callable[[], float] = _DICE.random,
    ) -> None:
        names = [each.name for each in chores]
        if len(set(names)) < len(names):
            raise ValueError(f"two chores have the same name: {', '.join(sorted(names))}")
        self._chores = chores
        self._factory = factory
        self._chance = chance
        self._runs = Counter("tongtang_chores", "Chores done", ["chore", "result"], registry=registry)
        self._things = Counter(
            "tongtang_chore_things",
            "Things that chores changed, deleted or sent",
            ["chore"],
            registry=registry,
        )
        self._done_at = Gauge(
            "tongtang_chore_done_at_seconds", "When a chore last went well", ["chore"], registry=registry
        )
        for name in names:
            for result in ("done", "failed"):
                self._runs.labels(name, result)

    async def keep(self) -> None:
        """Do the chores until cancelled, and end only after those that are being done have come to their end."""
        async with asyncio.TaskGroup() as group:
            for chore in self._chores:
                group.create_task(self._keep(chore), name=f"chore {chore.name}")

    async def _keep(self, chore: Chore) -> None:
        failures = 0
        wait = min(FIRST, chore.every)
        while True:
            # Servers that were started together should not all come at once, nor all chores of one of them.
            await asyncio.sleep(wait.total_seconds() * (0.5 + 0.5 * self._chance()))
            failures = 0 if await self._do(chore) else failures + 1
            wait = min(chore.every, RETRY * 2 ** min(failures - 1, 16)) if failures else chore.every

    async def _do(self, chore: Chore) -> bool:
        """Whether it went well; what it fails at is one log line and never the end of the others."""
        try:
            things = await finish_in_threadpool(chore.work, self._factory, datetime.now(UTC))
        except Exception as error:
            # The kind of error only: messages of a database quote the values of the row they are about.
            _log.error("chore failed, will be tried again", chore=chore.name, error=type(error).__name__)
            _log.debug("why the chore failed", chore=chore.name, exc_info=True)
            self._runs.labels(chore.name, "failed").inc()
            return False
        self._runs.labels(chore.name, "done").inc()
        self._things.labels(chore.name).inc(things)
        self._done_at.labels(chore.name).set_to_current_time()
        if things:
            _log.info("chore done", chore=chore.name, things=things)
        return True
