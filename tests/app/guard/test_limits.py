"""How much one address, account, token or lesson may ask for."""

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.__main__ import main
from app.accounts.lockouts import EVENTS_AT_ONCE, LockoutClerk
from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.audit.rules import Act
from app.errors import TooManyRequests
from app.guard.options import GuardOptions
from app.guard.traffic import SECONDS_AT_ONCE, Limit, Traffic
from app.main import create_app
from app.settings import Settings
from tests import factories
from tests.databases import SqliteDatabases
from tests.ports import free_port
from tests.serving import serving

ONE_AT_ONCE = 1 / SECONDS_AT_ONCE


class MakeClient(Protocol):
    """Makes a client of an application with these settings."""

    def __call__(self, settings: Settings, **rates: float) -> TestClient: ...


@pytest.fixture
def client_of() -> Iterator[MakeClient]:
    apps: list[FastAPI] = []

    def make(settings: Settings, **rates: float) -> TestClient:
        apps.append(create_app(settings.model_copy(update=rates)))
        return TestClient(apps[-1], client=("203.0.113.7", 50000), raise_server_exceptions=False)

    yield make
    for app in apps:
        app.state.engine.dispose()


def moved(client: TestClient, address: str) -> TestClient:
    return TestClient(client.app, client=(address, 50000), raise_server_exceptions=False)


def lockouts(session: Session) -> list[AuditEvent]:
    wanted = select(AuditEvent).where(AuditEvent.act == Act.LOCKOUT_BEGAN).order_by(AuditEvent.at)
    found = list(session.scalars(wanted))
    session.expunge_all()
    session.rollback()  # on SQLite it would keep the next writer waiting
    return found


def state(client: TestClient) -> Any:
    return client.app.state  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("method", "path", "limit", "setting"),
    [
        ("GET", "/today", Limit.ADDRESS_READS, "reads_per_second"),
        ("POST", "/api/v1/token", Limit.ADDRESS_WRITES, "writes_per_second"),
        ("POST", "/whip/a/main", Limit.ADDRESS_MEDIA, "media_per_second"),
    ],
)
def test_an_address_that_asks_too_often_is_told_when_to_come_again(
    client_of: MakeClient,
    settings: Settings,
    session: Session,
    method: str,
    path: str,
    limit: Limit,
    setting: str,
) -> None:
    client = client_of(settings.model_copy(update={setting: ONE_AT_ONCE}))
    assert client.request(method, path).status_code != 429
    answers = [client.request(method, path) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {429}
    problem = answers[0].json()
    assert (problem["code"], problem["limit"]) == ("limit.reached", limit)
    assert 0 < int(answers[0].headers["Retry-After"]) <= 61
    assert moved(client, "203.0.113.8").request(method, path).status_code != 429
    assert client.get("/healthz").status_code == 200
    figures = moved(client, "127.0.0.1").get("/metrics").text
    assert f'tongtang_limited_total{{limit="{limit}"}} 3.0' in figures
    LockoutClerk(state(client).door, state(client).refusals).look(0.0)
    (event,) = lockouts(session)  # one, whatever it went on asking for
    assert event.address == "203.0.113.7"
    assert limit in str(event.after)


def test_reads_do_not_take_from_writes(client_of: MakeClient, settings: Settings) -> None:
    client = client_of(settings, reads_per_second=ONE_AT_ONCE)
    assert [client.get("/today").status_code for _ in range(2)] == [200, 429]
    assert client.post("/api/v1/token").status_code == 400


def test_an_account_has_bounds_of_its_own_wherever_it_is_used(
    client_of: MakeClient, settings: Settings, session: Session
) -> None:
    school = factories.school(session, factories.county(session))
    wang, zhao = (factories.person(session, school, Role.TEACHER) for _ in range(2))
    session.commit()
    client = client_of(settings, account_reads_per_second=ONE_AT_ONCE)
    headers = factories.bearer(state(client).keys, wang)
    assert client.get("/api/v1/me", headers=headers).status_code == 200
    answer = moved(client, "203.0.113.8").get("/api/v1/me", headers=headers)
    assert (answer.status_code, answer.json()["limit"]) == (429, "account.reads")
    other = client.get("/api/v1/me", headers=factories.bearer(state(client).keys, zhao))
    assert other.status_code == 200
    LockoutClerk(state(client).door, state(client).refusals).look(0.0)
    (event,) = lockouts(session)
    assert (event.person_id, event.county_id) == (wang.id, wang.county_id)


def test_channels_are_not_opened_without_end(client_of: MakeClient, settings: Settings) -> None:
    client = client_of(settings, sockets_per_second=ONE_AT_ONCE)
    path = f"/api/v1/lessons/{uuid.uuid4()}/channel"
    with client.websocket_connect(path):
        pass
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(path):
        pass


def test_a_token_at_the_media_doors_has_a_bound(client_of: MakeClient, settings: Settings) -> None:
    client = client_of(settings, account_writes_per_second=ONE_AT_ONCE * 10)
    statuses = [
        client.post("/whip/a/main", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in ("one", "one", "two")
    ]
    assert statuses == [404, 429, 404]


def test_channels_and_media_are_limited_at_the_real_doors(
    tmp_path: Path, sqlite_databases: SqliteDatabases
) -> None:
    lesson = uuid.uuid4()
    with sqlite_databases.fresh(tmp_path) as url, ExitStack() as pages:
        settings = Settings(
            data_dir=tmp_path / "data", database_url=url, media_port=free_port(),
            sockets_per_second=3 * ONE_AT_ONCE, media_per_second=4 * ONE_AT_ONCE,
        )  # fmt: skip
        served = pages.enter_context(serving(settings))
        client = pages.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{served.port}", trust_env=False)
        )
        channel = f"ws://127.0.0.1:{served.port}/api/v1/lessons/{lesson}/channel"
        for _ in range(3):
            pages.enter_context(connect(channel, proxy=None))
        with pytest.raises(InvalidStatus) as refused, connect(channel, proxy=None):
            pass
        answer = refused.value.response
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 61
        assert json.loads(answer.body)["limit"] == Limit.ADDRESS_SOCKETS
        # Whoever else calls, as the proxy on this machine tells, is not held up by it.
        elsewhere = {"X-Forwarded-For": "203.0.113.9"}
        pages.enter_context(connect(channel, proxy=None, additional_headers=elsewhere))
        for door in ("whip", "whep"):
            statuses = [client.post(f"/{door}/{lesson}/main").status_code for _ in range(2)]
            assert statuses == [401, 401]
        asked = [
            client.post(f"/whip/{lesson}/main"),
            client.delete(f"/whep/{lesson}/main/a-guessed-secret"),
        ]
        assert [(each.status_code, each.json()["limit"]) for each in asked] == [
            (429, Limit.ADDRESS_MEDIA)
        ] * 2
        assert client.post(f"/whip/{lesson}/main", headers=elsewhere).status_code == 401
        figures = client.get("/metrics").text
        assert 'tongtang_limited_total{limit="address.sockets"} 1.0' in figures
        assert 'tongtang_limited_total{limit="address.media"} 2.0' in figures


# --- memory and the trail ---


def test_strangers_choose_neither_how_much_is_remembered_nor_how_much_is_noted() -> None:
    now = [0.0]
    options = GuardOptions(reads_per_second=ONE_AT_ONCE)
    traffic = Traffic(options, CollectorRegistry(), lambda: now[0])
    for number in range(12_000):
        traffic.require_of_address(Limit.ADDRESS_READS, f"10.{number >> 8}.{number & 255}.1")
        with pytest.raises(TooManyRequests):
            traffic.require_of_address(Limit.ADDRESS_READS, f"10.{number >> 8}.{number & 255}.1")
    taken, left_out = traffic.lockouts.take(1000)
    assert (len(taken), left_out) == (500, 11_500)
    with pytest.raises(TooManyRequests):
        traffic.require_of_address(Limit.ADDRESS_READS, "10.46.223.1")
    assert traffic.lockouts.take(1) == ([], 0)  # told already
    now[0] = 30.0
    with pytest.raises(TooManyRequests, match="31 s"):
        traffic.require_of_address(Limit.ADDRESS_READS, "10.46.223.1")
    now[0] = 61.0
    traffic.require_of_address(Limit.ADDRESS_READS, "10.46.223.1")


def test_wrong_passwords_without_end_leave_few_events(
    client_of: MakeClient, settings: Settings, session: Session
) -> None:
    school = factories.school(session, factories.county(session))
    factories.person(session, school, Role.TEACHER, login="wang")
    session.commit()
    client = client_of(settings, writes_per_second=10_000)
    form = {"username": "wang", "password": "wrong"}
    statuses = [client.post("/api/v1/token", data=form).status_code for _ in range(200)]
    assert (statuses.count(401), statuses.count(429)) == (10, 190)
    LockoutClerk(state(client).door, state(client).refusals).look(0.0)
    assert len(lockouts(session)) == 1
    assert len(session.scalars(select(AuditEvent)).all()) == 11


def test_of_many_lockouts_at_once_the_trail_is_told_how_many(
    client_of: MakeClient, settings: Settings, session: Session
) -> None:
    client = client_of(settings)
    clerk = LockoutClerk(state(client).door, state(client).refusals)
    for number in range(EVENTS_AT_ONCE + 30):
        state(client).traffic.refused(Limit.ADDRESS_READS, number, address="10.0.0.1")
    for _ in range(6):
        clerk.look(0.0)
    assert len(lockouts(session)) == EVENTS_AT_ONCE
    state(client).traffic.refused(Limit.ADDRESS_READS, "another", address="10.0.0.1")
    clerk.look(3600.0)
    assert '"others_not_noted":30' in str(lockouts(session)[-1].after)


def test_an_operator_unlocks_an_account_of_a_running_server(
    client_of: MakeClient, settings: Settings, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    school = factories.school(session, factories.county(session))
    factories.person(session, school, Role.TEACHER, login="wang")
    session.commit()
    client = client_of(settings)
    clerk = LockoutClerk(state(client).door, state(client).refusals)
    for _ in range(10):
        client.post("/api/v1/token", data={"username": "wang", "password": "wrong"})
    right = {"username": "wang", "password": factories.PASSWORD}
    assert client.post("/api/v1/token", data=right).status_code == 429
    assert main(["admin", "unlock", "Wang", "--database-url", settings.database_url]) == 0
    assert main(["admin", "unlock", "nobody", "--database-url", settings.database_url]) == 2
    assert "tongtang: Nobody has the login nobody.\n" in capsys.readouterr().err
    clerk.look(0.0)
    assert client.post("/api/v1/token", data=right).status_code == 200
    unlocked = select(AuditEvent).where(AuditEvent.act == Act.ACCOUNT_UNLOCKED)
    assert len(session.scalars(unlocked).all()) == 1
