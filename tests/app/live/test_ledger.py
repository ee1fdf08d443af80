"""The ledger writes the newest state of what is on air, and catches up after the database was away."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.database import SessionFactory
from app.lessons import service as lessons
from app.lessons.rules import LessonState, SiteState
from app.live.ledger import Ledger
from app.live.sessions import StreamKey
from tests.app.live.conftest import Scene


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
