"""What runs beside the requests while the server is up: relay nodes, the ledger, the sweep, the review of rights."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.database import SessionFactory
from app.lessons import service as lessons
from app.live.coordinator import Coordinator
from app.live.ledger import Ledger
from app.live.review import review
from app.live.rights import Rights
from app.settings import Settings
from app.threads import finish_in_threadpool

_log = structlog.stdlib.get_logger(__name__)

SWEEP_SECONDS: Final = 5.0
REVIEW_SECONDS: Final = 2.0
"""How often rights are looked at again: media end at the latest so long after the right to them, and a moment."""
QUALITY_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0


@asynccontextmanager
async def on_air(settings: Settings, factory: SessionFactory, rights: Rights) -> AsyncIterator[Coordinator]:
    """Start everything lessons on air need; on leaving, end all media, write what is noted, and clean up."""
    ledger = Ledger(factory)
    try:
        await ledger.begin()
    except SQLAlchemyError as error:
        _log.error("the database is away; lessons left on the air are interrupted later", error=str(error))
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
        "sweep": lambda: _every(
            SWEEP_SECONDS, lambda: sweep(coordinator, rights, factory, datetime.now(UTC))
        ),
        "rights": lambda: _every(
            REVIEW_SECONDS, lambda: review(coordinator, rights, factory, datetime.now(UTC))
        ),
        # By itself, because media go on while the database is away.
        "nodes": lambda: _every(SWEEP_SECONDS, coordinator.fleet.check),
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


async def sweep(coordinator: Coordinator, rights: Rights, factory: SessionFactory, now: datetime) -> None:
    """Let the clock move the lessons' states, and look again at who may be in them."""
    await finish_in_threadpool(_follow_clock, factory, now)
    await review(coordinator, rights, factory, now)


def _follow_clock(factory: SessionFactory, now: datetime) -> None:
    with factory.begin() as session:
        lessons.follow_clock(session, now)
