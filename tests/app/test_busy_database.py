"""A database that cannot take a write in time, or has no connection left: told as such, and nothing is changed."""

from contextlib import ExitStack

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app import database
from app.accounts.rules import Role
from app.database import SessionFactory, take_turns
from app.keys import Keys
from app.main import create_app
from app.settings import Settings
from tests import factories


@pytest.fixture
def _soon_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_LOCK_WAIT_MS", 300)


@pytest.mark.usefixtures("_soon_too_long")  # before there are connections
def test_a_writer_that_waits_too_long_is_told_to_try_again(
    client: TestClient, session_factory: SessionFactory, keys: Keys
) -> None:
    with session_factory.begin() as session:
        county = factories.county(session)
        bureau = factories.bearer(keys, factories.person(session, county, Role.BUREAU_ADMIN))
    term = {"name": "Autumn", "first_day": "2026-09-01", "last_day": "2027-01-22"}
    with session_factory.begin() as someone:
        take_turns(someone, [county.id])
        someone.execute(text("SELECT 1"))  # a transaction starts with its first statement
        refused = client.post("/api/v1/terms", headers=bureau, json=term)
    assert (refused.status_code, refused.json()["code"]) == (503, "database.unavailable")
    assert refused.headers["Retry-After"] == "2"
    assert client.get("/api/v1/terms", headers=bureau).json()["items"] == []
    assert client.post("/api/v1/terms", headers=bureau, json=term).status_code == 201


def test_when_all_connections_are_taken_whoever_asks_is_told_to_come_again(
    settings: Settings, session_factory: SessionFactory
) -> None:
    with session_factory.begin() as session:
        teacher = factories.person(
            session, factories.school(session, factories.county(session)), Role.TEACHER
        )
    app = create_app(settings.model_copy(update={"database_wait_seconds": 0.05}))
    client = TestClient(app, client=("127.0.0.1", 50000), raise_server_exceptions=False)
    header = factories.bearer(app.state.keys, teacher)
    change = {"old_password": factories.PASSWORD, "new_password": "four words in a row"}
    with ExitStack() as taken:
        for _ in range(40):
            taken.enter_context(app.state.engine.connect())
        asked = [
            client.get("/api/v1/me", headers=header),
            client.post("/api/v1/me/password", headers=header, json=change),
            client.post("/api/v1/token", data={"username": teacher.login, "password": factories.PASSWORD}),
            client.post(
                "/whip/00000000-0000-0000-0000-000000000000/main", headers=header | SDP, content="v=0"
            ),
        ]
        with client.websocket_connect("/api/v1/lessons/00000000-0000-0000-0000-000000000000/channel") as page:
            page.send_json({"type": "hello", "token": header["Authorization"].removeprefix("Bearer ")})
            assert page.receive_json()["code"] == "database.busy"
        assert client.get("/healthz").status_code == 200  # the process is up, and so are the lessons it has
        assert client.get("/readyz").json()["checks"]["database"] is False
    for answer in asked:
        assert (answer.status_code, answer.json()["code"]) == (503, "database.busy"), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Retry-After"] == "2"
    assert 'tongtang_problems_total{code="database.busy"} 5.0' in client.get("/metrics").text
    assert client.get("/api/v1/me", headers=header).status_code == 200
    app.state.engine.dispose()


SDP = {"Content-Type": "application/sdp"}
