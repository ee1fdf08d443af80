"""What runs beside the requests while the server is up: relay nodes, the ledger, and the sweep."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from app.database import SessionFactory
from app.lessons import service as lessons
from app.lessons.models import Lesson
from app.lessons.rules import TAKES_MEDIA
from app.live.coordinator import Coordinator
from app.live.ledger import Ledger
from app.settings import Settings

_log = structlog.stdlib.get_logger(__name__)

SWEEP_SECONDS: Final = 5.0


@asynccontextmanager
async def on_air(settings: Settings, factory: SessionFactory) -> AsyncIterator[Coordinator]:
    """Start everything lessons on air need; on leaving, end all media, write what is noted, and clean up."""
    ledger = Ledger(factory)
    coordinator = Coordinator(
        nodes=settings.relay_nodes,
        first_port=settings.media_port,
        addresses=settings.announced_addresses,
        log=ledger,
    )
    coordinator.start()
    tasks = [
        asyncio.create_task(ledger.keep(), name="ledger"),
        asyncio.create_task(_sweep_forever(coordinator, factory), name="sweep"),
    ]
    try:
        yield coordinator
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await coordinator.stop()
        await ledger.flush()


async def _sweep_forever(coordinator: Coordinator, factory: SessionFactory) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await sweep(coordinator, factory, datetime.now(UTC))
        except SQLAlchemyError as error:
            # Media go on while the database is away; the next round looks again.
            _log.error("could not look after the lessons on air, will try again", error=str(error))


async def sweep(coordinator: Coordinator, factory: SessionFactory, now: datetime) -> None:
    """One round: the clock moves lessons' states, closed ones lose their media, nodes are looked after."""
    closed = await run_in_threadpool(_closed_lessons, factory, coordinator.lessons(), now)
    for lesson_id in closed:
        await coordinator.end_lesson(lesson_id)
    await coordinator.check_nodes()


def _closed_lessons(factory: SessionFactory, ids: Collection[uuid.UUID], now: datetime) -> list[uuid.UUID]:
    """Those of the lessons whose time is over, or that were cancelled or moved."""
    with factory.begin() as session:
        lessons.follow_clock(session, now)
        return [id_ for id_ in ids if _is_closed(lessons.get_lesson(session, id_), now)]


def _is_closed(lesson: Lesson, now: datetime) -> bool:
    return lesson.state not in TAKES_MEDIA or now >= lessons.window_of(lesson).closes_at
