"""What runs beside the requests while the server is up: relay nodes, the ledger, and the sweep."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.database import SessionFactory
from app.errors import NotFound
from app.lessons import service as lessons
from app.lessons.rules import TAKES_MEDIA
from app.live.coordinator import Coordinator
from app.live.ledger import Ledger
from app.settings import Settings
from app.threads import finish_in_threadpool

_log = structlog.stdlib.get_logger(__name__)

SWEEP_SECONDS: Final = 5.0
QUALITY_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0


@asynccontextmanager
async def on_air(settings: Settings, factory: SessionFactory) -> AsyncIterator[Coordinator]:
    """Start everything lessons on air need; on leaving, end all media, write what is noted, and clean up."""
    ledger = Ledger(factory)
    coordinator = Coordinator(
        nodes=settings.relay_nodes,
        first_port=settings.media_port,
        addresses=settings.announced_addresses,
        native=settings.relay_native,
        log=ledger,
    )
    coordinator.start()
    works = {
        "ledger": ledger.keep,
        "sweep": lambda: _every(SWEEP_SECONDS, lambda: sweep(coordinator, factory, datetime.now(UTC))),
        # By itself, because media go on while the database is away.
        "nodes": lambda: _every(SWEEP_SECONDS, coordinator.check_nodes),
        "quality": lambda: _every(QUALITY_SECONDS, coordinator.tell_quality),
    }
    tasks = [asyncio.create_task(_keep_going(name, work), name=name) for name, work in works.items()]
    try:
        yield coordinator
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await coordinator.stop()
        try:
            await ledger.flush()
        except SQLAlchemyError as error:
            _log.error("the end of the lessons on air could not be recorded", error=str(error))


async def _keep_going(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do work that must never cease while the server is up: what it fails at is logged, and it begins anew."""
    while True:
        try:
            await work()
        except SQLAlchemyError as error:
            _log.error("the database is away, will try again", work=name, error=str(error))
        except Exception:
            _log.exception("failed, will try again", work=name)
        await asyncio.sleep(RETRY_SECONDS)


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await work()


async def sweep(coordinator: Coordinator, factory: SessionFactory, now: datetime) -> None:
    """Let the clock move the lessons' states, and end the media of those that are closed."""
    closed = await finish_in_threadpool(_closed_lessons, factory, coordinator.lessons(), now)
    for lesson_id in closed:
        await coordinator.end_lesson(lesson_id)


def _closed_lessons(factory: SessionFactory, ids: Collection[uuid.UUID], now: datetime) -> list[uuid.UUID]:
    """Those of the lessons whose time is over, or that were cancelled or moved."""
    with factory.begin() as session:
        lessons.follow_clock(session, now)
        return [lesson_id for lesson_id in ids if _is_closed(session, lesson_id, now)]


def _is_closed(session: Session, lesson_id: uuid.UUID, now: datetime) -> bool:
    try:
        lesson = lessons.get_lesson(session, lesson_id)
    except NotFound:  # deleted
        return True
    return lesson.state not in TAKES_MEDIA or now >= lessons.window_of(lesson).closes_at
