"""The trail in the database: written with the act, sealed in turn, refused to whoever would change it."""

import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from app.audit import service
from app.audit.models import AuditEvent
from app.audit.rules import SERVER_CHAIN, Act
from app.audit.service import Search, Subject
from app.database import CALLER_ADDRESS, SessionFactory, make_engine, make_session_factory, reading
from tests.databases import PostgresDatabases

COUNTY = uuid.UUID(int=1)
ROOM = Subject("room", uuid.UUID(int=5), uuid.UUID(int=6))


def events(factory: SessionFactory, county_id: uuid.UUID = COUNTY) -> list[AuditEvent]:
    with reading(factory) as session:
        return list(service.list_events(session, Search(county_id), None, 200)[0])


def add(factory: SessionFactory, count: int = 1, county_id: uuid.UUID = COUNTY) -> None:
    for _ in range(count):
        with factory.begin() as session:
            service.note(session, Act.ROOM_ADDED, county_id, None, ROOM, after={"code": "M1"})


def faults(factory: SessionFactory) -> list[str]:
    with reading(factory) as session:
        return [fault.words for report in service.verify(session) for fault in report.faults]


def test_an_event_says_who_what_when_and_where(session_factory: SessionFactory) -> None:
    with session_factory.begin() as session:
        session.info[CALLER_ADDRESS] = "10.20.0.7"
        service.note(session, Act.ROOM_ADDED, COUNTY, uuid.UUID(int=2), ROOM, before={"a": 1}, after={"a": 2})
    (event,) = events(session_factory)
    assert (event.act, event.person_id, event.address) == (Act.ROOM_ADDED, uuid.UUID(int=2), "10.20.0.7")
    assert (event.subject_kind, event.subject_id, event.org_unit_id) == ("room", ROOM.id, ROOM.org_unit_id)
    assert (event.before, event.after, event.number) == ('{"a":1}', '{"a":2}', 1)
    assert faults(session_factory) == []


def test_what_is_rolled_back_leaves_no_trace(session_factory: SessionFactory) -> None:
    with pytest.raises(RuntimeError), session_factory.begin() as session:
        service.note(session, Act.ROOM_ADDED, COUNTY, None, ROOM)
        raise RuntimeError
    add(session_factory)
    assert [event.number for event in events(session_factory)] == [1]


def test_a_session_used_again_writes_each_event_once(
    session: Session, session_factory: SessionFactory
) -> None:
    for _ in range(2):
        service.note(session, Act.ROOM_ADDED, COUNTY, None, ROOM)
        with session.begin_nested():
            session.execute(text("SELECT 1"))
        session.begin_nested().rollback()
        session.commit()
    service.note(session, Act.ROOM_ADDED, COUNTY, None, ROOM)
    session.rollback()
    session.commit()
    assert [event.number for event in events(session_factory)] == [2, 1]


def test_chains_of_counties_are_apart(session_factory: SessionFactory) -> None:
    add(session_factory, 2)
    add(session_factory, 1, SERVER_CHAIN)
    assert [len(events(session_factory, each)) for each in (COUNTY, SERVER_CHAIN)] == [2, 1]
    with reading(session_factory) as session:
        assert [(each.name, each.head.number) for each in service.verify(session)] == [
            ("server", 1),
            (str(COUNTY), 2),
        ]


def test_writers_at_once_make_one_chain(session_factory: SessionFactory) -> None:
    together = threading.Barrier(8)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            together.wait()
            add(session_factory, 5)
        except BaseException as failure:  # told below, in the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [event.number for event in events(session_factory)] == list(range(40, 0, -1))
    assert faults(session_factory) == []


def test_an_act_holds_the_chain_only_while_it_commits(
    postgres_databases: PostgresDatabases, tmp_path: Path
) -> None:
    """Of two transactions that noted something, the second need not wait for the first to end.

    On PostgreSQL only: SQLite lets one transaction write at a time, whatever it writes.
    """
    with postgres_databases.fresh(tmp_path) as url:
        engine = make_engine(url)
        factory = make_session_factory(engine)
        with factory.begin() as slow:
            service.note(slow, Act.ROOM_ADDED, COUNTY, None, ROOM)
            add(factory)
        assert [event.number for event in events(factory)] == [2, 1]
        engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET act = 'term.opened'",
        "UPDATE audit_events SET hash = hash",
        "DELETE FROM audit_events",
        "UPDATE audit_chains SET number = 0",
        "UPDATE audit_chains SET hash = 'x'",
        "DELETE FROM audit_chains",
    ],
)
def test_the_database_refuses_to_change_the_past(
    session_factory: SessionFactory, engine: Engine, statement: str
) -> None:
    add(session_factory)
    with pytest.raises(DatabaseError, match="audit_is_append_only"), engine.begin() as connection:
        connection.execute(text(statement))
    assert faults(session_factory) == []


def test_postgresql_refuses_to_empty_the_table(session_factory: SessionFactory, engine: Engine) -> None:
    add(session_factory)
    # SQLite knows no TRUNCATE; emptying its table is DELETE.
    statement = "TRUNCATE audit_events" if engine.dialect.name == "postgresql" else "DELETE FROM audit_events"
    with pytest.raises(DatabaseError, match="audit_is_append_only"), engine.begin() as connection:
        connection.execute(text(statement))


def without_triggers(engine: Engine) -> Callable[[str], Any]:
    """Somebody with all rights on the database, who first switches off what is in the way."""

    def tamper(statement: str) -> None:
        with engine.begin() as connection:
            for table, name in [
                ("audit_events", "update"),
                ("audit_events", "delete"),
                ("audit_chains", "update"),
            ]:
                if engine.dialect.name == "postgresql":
                    connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
                else:
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_{name}"))
            connection.execute(text(statement))

    return tamper


INSERTED = (
    "INSERT INTO audit_events SELECT county_id, 4, at, act, person_id, address, org_unit_id, subject_kind, "
    "subject_id, before, after, previous, hash FROM audit_events WHERE number = 1"
)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit_events SET after = '{}' WHERE number = 2", ["event 2 was changed"]),
        ("DELETE FROM audit_events WHERE number = 2", ["event 2 is missing"]),
        ("DELETE FROM audit_events WHERE number = 3", ["event 3 is missing"]),
        ("DELETE FROM audit_events", ["events 1 to 3 are missing"]),
        (
            INSERTED,
            [
                "event 4 was not sealed to the event before it: one of the two was put in later",
                "event 4 was changed",
                "event 4 was put in: the chain ended at 3",
            ],
        ),
    ],
)
def test_whoever_has_all_rights_is_found_out(
    session_factory: SessionFactory, engine: Engine, statement: str, said: list[str]
) -> None:
    add(session_factory, 3)
    without_triggers(engine)(statement)
    assert faults(session_factory) == said


def test_a_chain_that_was_written_anew_does_not_fit_what_was_noted_elsewhere(
    session_factory: SessionFactory, engine: Engine
) -> None:
    add(session_factory, 2, SERVER_CHAIN)
    with reading(session_factory) as session:
        (report,) = service.verify(session)
        noted = report.head
        assert service.check_anchor(session, "server", noted.number, noted.hash) is None
        gone = service.check_anchor(session, "server", 3, noted.hash)
        other = service.check_anchor(session, "server", 1, noted.hash)
    assert gone is not None and gone.words == "event 3 is missing"
    assert other is not None and other.words == "event 1 is not the one that was noted"
