"""The demo county: there at once, the same when asked again, never without a lesson."""

import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts import service as accounts
from app.database import SessionFactory
from app.errors import StartupError
from app.lessons import finding
from app.lessons import service as lessons
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import ParticipantRole
from app.main import create_app
from app.seeds.small import TEACHER, DemoCounty, ensure_demo
from app.settings import Settings
from app.timetables.models import Term
from tests.databases import PostgresDatabases, SqliteDatabases

NOW = datetime(2026, 11, 22, 13, 37, tzinfo=UTC)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """One county of each kind of database grows through these tests, as one does on a server that stays."""
    databases: SqliteDatabases | PostgresDatabases = request.getfixturevalue(
        "sqlite_databases" if request.param == "sqlite" else "postgres_databases"
    )
    folder = tmp_path_factory.mktemp("seeds")
    with databases.fresh(folder) as url:
        app = create_app(Settings(data_dir=folder, database_url=url))
        yield app
        app.state.engine.dispose()


@pytest.fixture(scope="module")
def settings(app: FastAPI) -> Settings:
    settings: Settings = app.state.settings
    return settings


@pytest.fixture(scope="module")
def session_factory(app: FastAPI) -> SessionFactory:
    factory: SessionFactory = app.state.session_factory
    return factory


@pytest.fixture
def session(session_factory: SessionFactory) -> Iterator[Session]:
    with session_factory.begin() as session:
        yield session


@pytest.fixture(scope="module")
def demo(session_factory: SessionFactory, settings: Settings) -> DemoCounty:
    with session_factory.begin() as session:
        return ensure_demo(session, settings, NOW)


def on_air(session: Session, demo: DemoCounty, login: str, now: datetime) -> Lesson:
    principal = accounts.principal_of(session, demo.people[login], now)
    lesson = lessons.get_lesson(session, finding.current_lesson(session, principal, now).id)
    lessons.check_on_air(lesson, now)
    return lesson


def count(session: Session, table: type[Lesson] | type[LessonSite] | type[Term]) -> int:
    return session.scalars(select(func.count()).select_from(table)).one()


def test_a_lesson_with_three_sites_is_on_air_at_any_time(
    session: Session, settings: Settings, demo: DemoCounty
) -> None:
    for hours in [*range(0, 25, 3), 24 * 6, 24 * 7]:
        now = NOW + timedelta(hours=hours)
        lesson = on_air(session, demo, TEACHER, now)
        assert lesson.starts_at <= now < lesson.ends_at
        assert [site.site_code for site in lesson.sites] == ["S1", "S2", "S3"]
    for number in (1, 2, 3):
        assistant = accounts.principal_of(session, demo.people[f"site{number}"], now)
        part = lessons.participation(session, lesson, assistant)
        assert (part.role, part.publish) == (ParticipantRole.SITE_ASSISTANT, (f"site-S{number}",))

    before = (count(session, Term), count(session, Lesson), count(session, LessonSite))
    for hours in (0, 1, 24 * 14):  # asking again changes nothing
        assert ensure_demo(session, settings, NOW + timedelta(hours=hours)) == demo
    assert (count(session, Term), count(session, Lesson), count(session, LessonSite)) == before


def test_everybody_signs_in_with_the_password_of_the_file(
    session_factory: SessionFactory, settings: Settings, demo: DemoCounty, client: TestClient
) -> None:
    def status(login: str, password: str) -> int:
        form = {"username": login, "password": password}
        return client.post("/api/v1/token", data=form).status_code

    file = settings.data_dir / "demo.json"
    assert json.loads(file.read_text()) == {"password": demo.password}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [status(login, demo.password) for login in (TEACHER, "admin", "site3")] == [200] * 3
    file.unlink()
    with session_factory.begin() as session:
        new = ensure_demo(session, settings, NOW)
    assert new.people == demo.people
    assert [status(TEACHER, secret) for secret in (demo.password, new.password)] == [401, 200]


def test_a_file_without_a_password_is_told_in_one_line(session: Session, tmp_path: Path) -> None:
    for content in ("", "[]", "{}"):
        (tmp_path / "demo.json").write_text(content)
        with pytest.raises(StartupError, match="holds no password; delete it") as told:
            ensure_demo(session, Settings(data_dir=tmp_path), NOW)
        assert "\n" not in str(told.value)


@pytest.mark.slow
def test_a_new_term_follows_when_the_last_one_runs_out(
    session: Session, settings: Settings, demo: DemoCounty
) -> None:
    for terms, days in ((2, 24), (3, 400)):
        later = NOW + timedelta(days=days)
        ensure_demo(session, settings, later)
        assert count(session, Term) == terms
        for hours in (0, 24 * 6):
            on_air(session, demo, TEACHER, later + timedelta(hours=hours))
