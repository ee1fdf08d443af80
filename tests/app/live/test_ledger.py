"""The ledger writes the newest state of what is on air, and catches up after the database was away."""

import asyncio
import uuid
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.database import SessionFactory
from app.lessons import service as lessons
from app.lessons.models import LessonChange
from app.lessons.rules import LessonState, SiteState
from app.live import ledger as ledger_module
from app.live.ledger import Ledger
from app.live.rights import Rights
from app.live.runtime import on_air
from app.live.sessions import StreamKey
from app.settings import Settings
from tests.app.live.scene import Scene
from tests.patience import PATIENCE
from tests.ports import free_port


def test_what_is_on_air_is_on_record(session_factory: SessionFactory, scene: Scene) -> None:
    ledger = Ledger(session_factory)
    code = scene.county.sites[0].unit.code

    async def scenario(*, live: bool) -> None:
        ledger.stream_changed(StreamKey(scene.lesson_id, "main"), live=live)
        ledger.stream_changed(StreamKey(scene.lesson_id, "board"), live=not live)
        ledger.site_changed(scene.lesson_id, code, present=live)
        await ledger.flush()

    asyncio.run(scenario(live=True))
    with session_factory() as session:
        lesson = lessons.get_lesson(session, scene.lesson_id)
        assert lesson.state is LessonState.LIVE
        assert {site.site_code: site.state for site in lesson.sites}[code] is SiteState.JOINED
    asyncio.run(scenario(live=False))
    with session_factory() as session:
        lesson = lessons.get_lesson(session, scene.lesson_id)
        assert lesson.state is LessonState.INTERRUPTED
        site = next(site for site in lesson.sites if site.site_code == code)
        assert site.state is SiteState.LEFT
        assert site.left_at is not None


def test_while_the_database_is_away_only_the_newest_state_is_kept(
    session_factory: SessionFactory, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = lessons.mark_interrupted
    marks: list[bool] = []
    away = True

    def mark_interrupted(session: Session, *arguments: object) -> bool:
        if away:
            raise OperationalError("", {}, Exception("the database is away"))
        marks.append(False)
        return real(session, scene.lesson_id, datetime.now(UTC))

    monkeypatch.setattr(lessons, "mark_interrupted", mark_interrupted)

    async def scenario() -> None:
        nonlocal away
        ledger = Ledger(session_factory)
        key = StreamKey(scene.lesson_id, "main")
        ledger.stream_changed(key, live=True)
        await ledger.flush()
        ledger.stream_changed(key, live=False)
        with pytest.raises(OperationalError):
            await ledger.flush()
        for live in (True, False) * 10:
            ledger.stream_changed(key, live=live)
        away = False
        await ledger.flush()

    asyncio.run(scenario())
    assert marks == [False]
    with session_factory() as session:
        assert lessons.get_lesson(session, scene.lesson_id).state is LessonState.INTERRUPTED


def test_time_without_a_server_is_not_counted(
    session_factory: SessionFactory, scene: Scene, tmp_path: Path, database_url: str
) -> None:
    """Servers die without their last words, in whatever second; what they counted last holds, and nobody is told."""
    key, code = StreamKey(scene.lesson_id, "main"), scene.county.sites[0].unit.code
    minute = timedelta(minutes=1)
    with session_factory() as session:
        lesson = lessons.get_lesson(session, scene.lesson_id)
        starts_at, sequence = lesson.starts_at, lesson.sequence
    now = starts_at

    def stored() -> tuple[object, ...]:
        with session_factory() as session:
            lesson = lessons.get_lesson(session, scene.lesson_id)
            site = next(site for site in lesson.sites if site.site_code == code)
            changes = select(func.count()).where(LessonChange.lesson_id == lesson.id)
            assert (lesson.sequence, session.scalar(changes)) == (sequence, 0)
            assert lesson.live_since is None or lesson.state is LessonState.LIVE
            return lesson.state, lesson.live_seconds / 60, site.state, site.received_seconds / 60

    async def life(first: int, until: float) -> None:
        """A server whose teacher comes at its first minute and whose site a minute later, and that dies."""
        nonlocal now
        now = starts_at + first * minute
        ledger = Ledger(session_factory, lambda: now)
        await ledger.begin()
        ledger.stream_changed(key, live=True)
        await ledger.flush()
        now += minute
        ledger.site_changed(scene.lesson_id, code, present=True)
        await ledger.count()  # not before what is noted
        await ledger.flush()
        while now < starts_at + until * minute:
            await ledger.count()
            now += minute / 6
        await ledger.begin()  # once only

    async def real_life() -> tuple[object, ...]:
        data = tmp_path / "data"
        settings = Settings(data_dir=data, database_url=database_url, media_port=free_port())
        async with on_air(settings, session_factory, Rights()):
            return stored()

    live, joined, left = LessonState.LIVE, SiteState.JOINED, SiteState.LEFT
    asyncio.run(life(5, 20.5))
    assert stored() == (live, 15, joined, 14)
    asyncio.run(life(40, 50.5))
    assert stored() == (live, 15 + 10, joined, 14 + 9)
    assert asyncio.run(real_life()) == (LessonState.INTERRUPTED, 15 + 10, left, 14 + 9)
    with session_factory() as session:
        site = next(s for s in lessons.get_lesson(session, scene.lesson_id).sites if s.site_code == code)
        assert site.left_at == starts_at + 50 * minute


def test_what_is_on_the_air_is_counted_though_nothing_happens(
    session_factory: SessionFactory, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = lessons.count_on_air

    async def scenario() -> None:
        counted: asyncio.Queue[datetime] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def count_on_air(session: Session, ids: Collection[uuid.UUID], now: datetime) -> None:
            real(session, ids, now)
            loop.call_soon_threadsafe(counted.put_nowait, now)

        monkeypatch.setattr(lessons, "count_on_air", count_on_air)
        monkeypatch.setattr(ledger_module, "COUNT_EVERY", timedelta(seconds=0.1))
        ledger = Ledger(session_factory)
        keeping = asyncio.create_task(ledger.keep())
        ledger.stream_changed(StreamKey(scene.lesson_id, "main"), live=True)
        async with asyncio.timeout(PATIENCE):
            assert await counted.get() < await counted.get()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(scenario())
