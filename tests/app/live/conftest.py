"""A lesson on air, and the application with a real relay node behind it."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Person
from app.accounts.rules import Role
from app.keys import Keys
from app.lessons.models import Lesson
from app.live import coordinator
from app.live.turn import IceServers
from app.main import create_app
from app.settings import Settings
from app.timetables.rules import Bell
from tests import counties, factories
from tests.databases import PostgresDatabases, SqliteDatabases
from tests.patience import PATIENCE
from tests.ports import free_port

ALL_DAY = {
    number + 1: Bell(time(2 * number), time(2 * number + 2) if number < 11 else time(0))
    for number in range(12)
}


@dataclass(frozen=True)
class Scene:
    """A county with a lesson that is on air now and one tomorrow, and people of all sorts."""

    county: counties.County
    lesson_id: uuid.UUID
    tomorrow_id: uuid.UUID
    stranger: Person
    foreigner: Person

    @property
    def teacher(self) -> Person:
        return self.county.teacher

    @property
    def assistant(self) -> Person:
        return self.county.sites[0].assistant

    @property
    def bureau(self) -> Person:
        return self.county.bureau

    @property
    def site_streams(self) -> list[str]:
        return [f"site-{site.unit.code}" for site in self.county.sites]

    def whip(self, stream: str = "main") -> str:
        return f"/whip/{self.lesson_id}/{stream}"

    def whep(self, stream: str = "main") -> str:
        return f"/whep/{self.lesson_id}/{stream}"


@pytest.fixture(autouse=True)
def _nodes_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer to start a node than people are kept waiting for one."""
    monkeypatch.setattr(coordinator, "NODE_PATIENCE", PATIENCE)


@pytest.fixture
def scene(session: Session) -> Scene:
    """A scene of the test's own."""
    return make_scene(session)


def make_scene(session: Session) -> Scene:
    """Two-hour periods in UTC cover the day, so some lesson is on air whenever the test runs."""
    now = datetime.now(UTC)
    county = counties.county(session, first_day=now.date(), weeks=2, periods=ALL_DAY, time_zone="UTC")
    today, tomorrow = (_first_lesson(session, county, at, now) for at in (now, now + timedelta(days=1)))
    abroad = factories.county(session)
    scene = Scene(
        county=county,
        lesson_id=today,
        tomorrow_id=tomorrow,
        stranger=factories.person(session, county.school, Role.TEACHER),
        foreigner=factories.person(session, abroad, Role.BUREAU_ADMIN),
    )
    session.commit()
    return scene


def _first_lesson(session: Session, county: counties.County, at: datetime, now: datetime) -> uuid.UUID:
    plan = county.schedule(session, now, weekday=at.isoweekday(), period=at.hour // 2 + 1)
    ids = select(Lesson.id).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.starts_at)
    return session.scalars(ids.limit(1)).one()


# A relay node takes half a second to start, so these tests share one, with its application and a database of either
# kind; each test has a scene of its own.


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh database for all of them, of either kind."""
    databases: SqliteDatabases | PostgresDatabases = request.getfixturevalue(
        "sqlite_databases" if request.param == "sqlite" else "postgres_databases"
    )
    with databases.fresh(tmp_path_factory.mktemp("live")) as url:
        yield url


@pytest.fixture(scope="package")
def app(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[FastAPI]:
    """The application, with a media port that is free."""
    with application(tmp_path_factory.mktemp("data"), database_url) as app:
        yield app


@pytest.fixture(scope="package")
def live(app: FastAPI) -> Iterator[TestClient]:
    """A client of the application with its relay node running."""
    with client_with_a_node(app) as client:
        yield client


@contextmanager
def application(data_dir: Path, database_url: str) -> Iterator[FastAPI]:
    """An application on this database."""
    app = create_app(Settings(data_dir=data_dir, database_url=database_url, media_port=free_port()))
    yield app
    app.state.engine.dispose()


@contextmanager
def client_with_a_node(app: FastAPI) -> Iterator[TestClient]:
    """A client of an application whose relay node runs."""
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.portal is not None
        client.portal.call(app.state.coordinator.wait_ready, PATIENCE)
        yield client


@pytest.fixture(scope="session")
def offer() -> str:
    """What a camera and a microphone would offer."""
    return asyncio.run(_offer())


async def _offer() -> str:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in ("audio", "video"):
        connection.addTransceiver(kind, direction="sendrecv")
    await connection.setLocalDescription(await connection.createOffer())
    sdp: str = connection.localDescription.sdp
    await connection.close()
    return sdp


def sdp_headers(keys: Keys, person: Person) -> dict[str, str]:
    """The headers of an offer sent by this person."""
    return {**factories.bearer(keys, person), "Content-Type": "application/sdp"}


TURN_URLS = ("stun:turn.example.org:3478", "turn:turn.example.org:3478", "turns:turn.example.org:443")


@pytest.fixture
def turn(app: FastAPI) -> Iterator[IceServers]:
    """The application hands out a STUN server and two ways to a TURN server."""
    before = app.state.ice_servers
    app.state.ice_servers = IceServers(TURN_URLS, "hush")
    yield app.state.ice_servers
    app.state.ice_servers = before
