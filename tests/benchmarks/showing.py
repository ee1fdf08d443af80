"""What the county's report and the weeks of its timetable cost, asked for in the application itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from app.accounts import service as accounts
from app.database import SessionFactory
from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.rules import LessonState, SiteState
from app.main import create_app
from app.seeds.jinzhai import ADMIN
from app.settings import Settings
from app.timetables.models import Term

_REPORTS: Final = ("area", "site", "subject") * 3
_WEEKS: Final = (1, 7, 13, 19) * 3


def measure_report(settings: Settings, factory: SessionFactory) -> float:
    """Median seconds of the county's whole report, as its admin asks for it."""
    with _bureau(settings, factory) as client:
        term = _term(factory)
        return statistics.median(
            _asked(client, f"/api/v1/reports/coverage?term_id={term}&by={by}", "total") for by in _REPORTS
        )


def measure_weeks(settings: Settings, factory: SessionFactory) -> float:
    """Median seconds of a week as a room, a site, a teacher or a pupil group has it: of whichever takes longest."""
    with factory() as session:
        lesson = session.scalars(select(Lesson).order_by(Lesson.starts_at, Lesson.id)).first()
        assert lesson is not None
        group = session.scalars(select(LessonGroup).where(LessonGroup.lesson_id == lesson.id)).first()
        site = session.scalars(select(LessonSite).where(LessonSite.lesson_id == lesson.id)).first()
        assert group is not None and site is not None
    whose = (
        *(f"room_id={lesson.main_room_id}", f"room_id={site.receiving_room_id}", f"site_id={site.site_id}"),
        *(f"teacher_id={lesson.teacher_id}", f"pupil_group_id={group.pupil_group_id}"),
    )
    with _bureau(settings, factory) as client:
        path = f"/api/v1/timetable?term_id={_term(factory)}"
        return max(
            statistics.median(
                _asked(client, f"{path}&week={week}&{each}", "lessons", "days") for week in _WEEKS
            )
            for each in whose
        )


def hold_half(factory: SessionFactory) -> None:
    """Let all lessons of the first half of the term have been held, and received."""
    with factory.begin() as session:
        begin, end = session.execute(select(func.min(Lesson.starts_at), func.max(Lesson.starts_at))).one()
        half = begin + (end - begin) / 2 + timedelta(seconds=1)
        session.execute(
            update(Lesson)
            .where(Lesson.starts_at < half)
            .values(state=LessonState.ENDED, live_seconds=2300)
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(LessonSite)
            .where(LessonSite.starts_at < half)
            .values(state=SiteState.LEFT, joined_at=LessonSite.starts_at, received_seconds=2200)
            .execution_options(synchronize_session=False)
        )


def _asked(client: TestClient, path: str, *parts: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    took = time.perf_counter() - began
    body: dict[str, Any] = answer.json()
    assert all(body[part] for part in parts), body
    return took


def _term(factory: SessionFactory) -> str:
    with factory() as session:
        return str(session.scalars(select(Term.id)).one())


@contextmanager
def _bureau(settings: Settings, factory: SessionFactory) -> Iterator[TestClient]:
    api = create_app(settings)
    with factory() as session:
        bureau = accounts.find_by_login(session, ADMIN)
    assert bureau is not None
    token = accounts.issue_person_token(api.state.keys, bureau, 10)
    yield TestClient(api, headers={"Authorization": f"Bearer {token}"})
    api.state.engine.dispose()
