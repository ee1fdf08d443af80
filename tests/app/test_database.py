"""Sessions, times and constraint names, on both databases."""

import asyncio
import threading
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, literal, null, select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app import database
from app.accounts.models import Person
from app.accounts.rules import Role
from app.database import Id, SessionDep, SessionFactory, make_engine, measure_tables, reading, violated
from app.errors import install_error_handlers
from app.schools.models import OrgUnit
from tests import factories
from tests.patience import PATIENCE


def test_an_instant_comes_back_as_utc(session: Session) -> None:
    person = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    person.created_at = datetime(2026, 9, 1, 8, 0, tzinfo=timezone(timedelta(hours=8)))
    session.commit()
    session.expire_all()
    found = session.get_one(Person, person.id).created_at
    assert (found, found.tzinfo) == (datetime(2026, 9, 1, tzinfo=UTC), UTC)


def test_a_time_without_zone_is_refused(session: Session) -> None:
    person = factories.person(session, factories.county(session), None)
    person.created_at = datetime(2026, 9, 1, 8, 0)  # noqa: DTZ001 - the mistake this is about
    with pytest.raises(StatementError, match="time zone"):
        session.flush()


def test_a_broken_constraint_is_known_by_name(session: Session) -> None:
    county = factories.county(session)
    factories.school(session, county, code="A")
    session.add(OrgUnit(kind="school", parent_id=county.id, county_id=county.id, code="A", name="", path=""))
    with pytest.raises(IntegrityError) as refused:
        session.flush()
    assert violated(refused.value) == "uq_org_units_county_id_code"


def test_foreign_keys_hold(session: Session) -> None:
    session.add(Person(county_id=uuid.uuid4(), login="x", name="x", password_hash="x"))
    with pytest.raises(IntegrityError):
        session.flush()


def test_many_writers_at_once_all_succeed(session_factory: SessionFactory) -> None:
    """Each reads first and writes then: the order in which SQLite would refuse a deferred transaction."""
    with session_factory.begin() as session:
        county = factories.county(session)
    barrier = threading.Barrier(8)
    failures: list[Exception] = []

    def write(number: int) -> None:
        barrier.wait()
        try:
            with session_factory.begin() as session:
                parent = session.get_one(OrgUnit, county.id)
                factories.school(session, parent, code=f"W{number}")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with reading(session_factory) as session:
        assert session.scalar(text("SELECT count(*) FROM org_units")) == 9


def test_ids_are_read_as_uuid_itself_would(session_factory: SessionFactory) -> None:
    id_ = uuid.uuid4()
    with session_factory() as session:
        found = session.scalar(select(literal(id_, Id())))
        assert found is not None
        assert (found, hash(found), str(found)) == (id_, hash(id_), str(id_))
        assert found.is_safe is id_.is_safe
        assert session.scalar(select(null().cast(Id()))) is None


def test_sqlite_knows_how_its_rows_are_spread(engine: Engine, session: Session) -> None:
    factories.school(session, factories.county(session))
    session.commit()
    measure_tables(engine)
    if engine.dialect.name == "sqlite":
        measured = text("SELECT stat FROM sqlite_stat1 WHERE idx = 'ix_org_units_county_id'")
        assert session.execute(measured).scalar_one() == "2 2"


def test_a_connection_that_the_server_closed_is_replaced(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.dialect.name != "postgresql":
        return  # a file closes nothing
    monkeypatch.setattr(database, "RESTED_SECONDS", 0.0)
    with engine.connect() as connection:
        lost = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = make_engine(engine.url)
    with other.connect() as connection:
        assert connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": lost}).scalar_one()
    other.dispose()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != lost


def test_a_reader_does_not_wait_for_a_writer(session_factory: SessionFactory) -> None:
    with session_factory.begin() as writer:
        factories.county(writer)
        with reading(session_factory) as reader:
            assert reader.scalar(text("SELECT count(*) FROM org_units")) == 0


@pytest.fixture
def shop(session_factory: SessionFactory) -> TestClient:
    """Routes that write, in an application of the test's own."""
    api = FastAPI()
    api.state.session_factory = session_factory
    install_error_handlers(api)

    @api.post("/county")
    def add(session: SessionDep, fail: bool = False) -> str:
        county = factories.county(session, code="C")
        if fail:
            raise RuntimeError
        return str(county.id)

    @api.post("/late")
    def late(session: SessionDep) -> str:
        # Refused by the database at the commit, after the route has returned.
        session.add(Person(county_id=uuid.uuid4(), login="x", name="x", password_hash="x"))
        return "done"

    @api.get("/count")
    def count(session: SessionDep) -> int:
        return counties(session)

    return TestClient(api, raise_server_exceptions=False)


def test_a_crowd_of_readers_is_answered(shop: TestClient) -> None:
    """More than there are threads and connections: each keeps its connection while it waits for a second thread."""

    async def crowd() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=shop.app)
        async with (
            httpx2.AsyncClient(transport=transport, base_url="http://shop") as http,
            asyncio.timeout(PATIENCE),
        ):
            return await asyncio.gather(*(http.get("/count") for _ in range(100)))

    assert {(each.status_code, each.text) for each in asyncio.run(crowd())} == {(200, "0")}


def counties(session: Session) -> int:
    found: int = session.execute(text("SELECT count(*) FROM org_units")).scalar_one()
    return found


def test_an_answer_means_it_is_stored(shop: TestClient, session: Session) -> None:
    assert shop.post("/county").status_code == 200
    assert counties(session) == 1


def test_an_error_undoes_everything(shop: TestClient, session: Session) -> None:
    assert shop.post("/county?fail=true").status_code == 500
    assert counties(session) == 0


def test_a_failed_commit_is_no_success(shop: TestClient) -> None:
    assert shop.post("/late").status_code == 500


LOCK_WAIT_MS = database._LOCK_WAIT_MS
"""As it is when this file is read: tests are more patient."""


@pytest.mark.parametrize("pragma", [("foreign_keys", 1), ("journal_mode", "wal"), ("busy_timeout", 5000)])
def test_sqlite_is_set_up_on_every_connection(
    engine: Engine, pragma: Annotated[tuple[str, object], "name, value"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LOCK_WAIT_MS", LOCK_WAIT_MS)
    if engine.dialect.name == "sqlite":
        again = make_engine(engine.url)
        with again.connect() as connection:
            assert connection.execute(text(f"PRAGMA {pragma[0]}")).scalar_one() == pragma[1]
        again.dispose()
    else:
        with engine.connect() as connection:
            assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
