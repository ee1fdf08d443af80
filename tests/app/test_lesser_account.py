"""A server whose account at PostgreSQL owns nothing does all its work, and can change neither tables nor the trail."""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.__main__ import main
from app.audit import queries, service
from app.audit.rules import SERVER_CHAIN, Act, Event, seal
from app.database import SessionFactory, make_engine, reading
from app.main import create_app
from app.migrate import upgrade
from app.settings import Settings
from tests.ports import free_port

OWNER, SERVER = (f"tongtang_{what}_{os.getpid()}" for what in ("owner", "server"))
COMPOSE = Path("deploy/compose.yaml")
FORBIDDEN = (
    "UPDATE audit_events SET act = 'room.added'",
    "DELETE FROM audit_events",
    "TRUNCATE audit_events",
    "ALTER TABLE audit_events DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "DROP TRIGGER audit_events_delete ON audit_events",
    "DELETE FROM audit_chains",
    "INSERT INTO audit_cuts SELECT county_id, number, hash, at FROM audit_events",
    "DELETE FROM audit_cuts",
    "INSERT INTO audit_events (county_id, number, at, act, previous, hash) "
    "SELECT county_id, number + 9, now() - interval '2 hours', act, previous, hash FROM audit_events",
    "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "DROP TABLE people",
    "CREATE TABLE of_mine (id integer)",
    "UPDATE alembic_version SET version_num = 'x'",
    f"SET ROLE {OWNER}",
)


@pytest.fixture
def urls(postgres_url: str) -> Iterator[tuple[str, str]]:
    """An empty database, by its owner's name and by that of an account that may nothing yet."""
    server = make_url(postgres_url)
    plain = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        for statement in (
            f"CREATE ROLE {OWNER} LOGIN PASSWORD 'o'",
            f"CREATE DATABASE {OWNER} OWNER {OWNER}",
        ):
            connection.execute(statement.encode())
        for word in ("forgotten", "s"):  # as deploy/compose.yaml does at each start
            make_account(connection, SERVER, word)
        mine = server.set(drivername="postgresql+psycopg", database=OWNER)
        owner, lesser = (
            mine.set(username=who, password=who[9]).render_as_string(hide_password=False)
            for who in (OWNER, SERVER)
        )
        try:
            yield owner, lesser
        finally:
            for statement in (
                f"DROP DATABASE {OWNER} WITH (FORCE)",
                f"DROP ROLE {SERVER}",
                f"DROP ROLE {OWNER}",
            ):
                connection.execute(statement.encode())


def make_account(connection: psycopg.Connection, account: str, password: str) -> None:
    """Run deploy/accounts.sh, by who is connected; psql stands where Debian has it, or in the path."""
    at = connection.info
    script = {"SERVER_ACCOUNT": account, "SERVER_PASSWORD": password, "PATH": os.environ["PATH"]}
    where = {"PGHOST": at.host, "PGPORT": str(at.port), "PGUSER": at.user, "PGPASSWORD": at.password}
    subprocess.run(["sh", "deploy/accounts.sh"], env={**script, **where, "PGDATABASE": at.dbname}, check=True)


def test_the_containers_use_the_account_that_serves_and_migrate_by_the_owner() -> None:
    services = dict(re.findall(r"(?m)^  (\w+):\n((?:    .*\n|\n)+)", COMPOSE.read_text("utf-8")))
    assert "postgresql://tongtang_server:${TONGTANG_SERVER_PASSWORD:" in services["tongtang"]
    assert "POSTGRES_PASSWORD" not in services["tongtang"]
    assert "postgresql://tongtang:${POSTGRES_PASSWORD:" in services["migrate"]
    assert "command: [migrate, --serve-as, tongtang_server]" in services["migrate"]
    assert "SERVER_ACCOUNT: tongtang_server\n" in services["accounts"]
    for earlier, later in pairwise(("database", "accounts", "migrate", "tongtang")):
        assert f"depends_on:\n      {earlier}:\n" in services[later]
    wanted = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text("utf-8")))
    assert wanted <= set(re.findall(r"(?m)^(\w+)=", COMPOSE.with_name(".env.example").read_text("utf-8")))


def test_a_server_does_its_work_without_a_right_to_change_tables_or_the_trail(
    urls: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner, lesser = urls
    where = ["--data-dir", str(tmp_path)]
    assert (
        main(["migrate", *where, "--database-url", lesser]) == 2
    )  # nothing is there, and it may make nothing
    assert "this account may not" in capsys.readouterr().err
    for wrong in (OWNER, "nobody_of_that_name"):
        assert main(["migrate", *where, "--database-url", owner, "--serve-as", wrong]) == 2
    assert main(["migrate", *where, "--database-url", owner, "--serve-as", SERVER]) == 0
    assert (
        main(["migrate", *where, "--database-url", owner, "--serve-as", SERVER]) == 0
    )  # after each migration
    capsys.readouterr()
    write_what_is_old(owner)

    arguments = ["create-county", "341524", "Jinzhai", "--admin", "chen", "--password-stays"]
    assert main([*arguments, *where, "--database-url", lesser]) == 0
    password = capsys.readouterr().out.split()[-1]
    app = create_app(Settings(data_dir=tmp_path, database_url=lesser))
    client = TestClient(app, client=("127.0.0.1", 50000))
    checks = client.get("/readyz").json()["checks"]
    assert checks == {"database": True, "migrations": True, "clock": True, "relay": False}
    token = client.post("/api/v1/token", data={"username": "chen", "password": password}).json()
    header = {"Authorization": f"Bearer {token['access_token']}"}
    county = client.get("/api/v1/org-units", headers=header).json()["items"][0]["id"]
    school = {"kind": "school", "parent_id": county, "code": "S1", "name": "First"}
    school_id = client.post("/api/v1/org-units", headers=header, json=school).json()["id"]
    changed = client.patch(
        f"/api/v1/org-units/{school_id}", headers=header, json={"address": "Main Street 1"}
    )
    assert changed.status_code == 200
    acts = [each["act"] for each in client.get("/api/v1/audit-events", headers=header).json()["items"]]
    assert acts == ["org_unit.changed", "org_unit.added", "sign_in.accepted", "county.founded"]
    cut_what_is_old(app.state.session_factory)
    assert main(["admin", "verify-audit", "--database-url", lesser]) == 0
    assert main(["admin", "backup", str(tmp_path / "b"), *where, "--database-url", lesser]) == 0
    app.state.engine.dispose()

    engine = make_engine(lesser)
    for statement in FORBIDDEN:
        with (
            engine.connect() as connection,
            pytest.raises(DBAPIError, match="permission denied|must be owner|audit_is_of_now"),
        ):
            connection.execute(text(statement))
    engine.dispose()


def test_an_account_with_rights_from_elsewhere_is_not_let_serve(
    urls: tuple[str, str], postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner, _ = urls
    upgrade(owner)
    serve = ["migrate", "--data-dir", str(tmp_path), "--database-url", owner, "--serve-as", SERVER]
    group = f"{SERVER}_group"
    cases = (
        ([f"ALTER ROLE {SERVER} CREATEROLE"], [f"ALTER ROLE {SERVER} NOCREATEROLE"]),
        ([f"GRANT pg_write_all_data TO {SERVER}"], [f"REVOKE pg_write_all_data FROM {SERVER}"]),
        (
            [f"CREATE ROLE {group} CREATEROLE", f"GRANT {group} TO {SERVER}"],
            [f"ALTER ROLE {group} NOCREATEROLE"],
        ),
        (
            [f"GRANT UPDATE (hash) ON audit_events TO {group}", f"ALTER ROLE {SERVER} NOINHERIT"],
            [f"DROP OWNED BY {group}", f"DROP ROLE {group}"],
        ),
    )
    engine = make_engine(make_url(postgres_url).set(database=OWNER).render_as_string(hide_password=False))
    for wrong, mended in cases:
        with engine.begin() as connection:
            for statement in wrong:
                connection.execute(text(statement))
        assert main(serve) == 2
        assert (
            "every right" in (said := capsys.readouterr().err)
            or "may still" in said
            or "name another" in said
        )
        with engine.begin() as connection:
            for statement in mended:
                connection.execute(text(statement))
    engine.dispose()
    assert main(serve) == 0


def test_a_migration_by_the_owner_and_a_restore_leave_the_server_what_it_needs(
    urls: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner, lesser = urls
    where = ["--data-dir", str(tmp_path / "data"), "--database-url"]
    upgrade(owner)
    assert main(["admin", "unlock", "chen", "--database-url", lesser]) == 2  # nobody said that it may
    assert capsys.readouterr().err == (
        "tongtang: database: permission denied for table people; "
        "check TONGTANG_DATABASE_URL, and that its owner ran python -m app migrate\n"
    )
    assert main(["migrate", *where, lesser]) == 2
    assert f"run python -m app migrate --serve-as {SERVER} with the URL of the tables' owner" in (
        capsys.readouterr().err
    )
    assert main(["migrate", *where, owner, "--serve-as", SERVER]) == 0
    with_plain(owner, "CREATE TABLE of_the_next_version (id integer)")
    capsys.readouterr()
    for command in (["migrate"], ["run", "--http-port", str(free_port()), "--media-port", str(free_port())]):
        assert main([*command, *where, lesser]) == 2
        assert capsys.readouterr().err.splitlines()[-1] == (
            f"tongtang: {SERVER} may not use of_the_next_version: "
            f"run python -m app migrate --serve-as {SERVER} with the URL of the tables' owner"
        )
    assert main(["migrate", *where, owner]) == 0  # whom it is for, the tables know
    assert f"{SERVER} may serve" in capsys.readouterr().out
    assert main(["migrate", *where, lesser]) == 0
    assert main(["admin", "backup", str(tmp_path / "b"), *where, lesser]) == 0
    with_plain(owner, "DROP TABLE of_the_next_version")
    capsys.readouterr()
    assert main(["admin", "restore", str(tmp_path / "b"), "--replace", *where, lesser]) == 2
    assert "name the URL of the tables' owner" in capsys.readouterr().err
    assert main(["admin", "restore", str(tmp_path / "b"), "--replace", *where, owner]) == 0
    assert main(["admin", "rotate-keys", *where, lesser]) == 0

    a_database_of_another_hour(owner)
    capsys.readouterr()
    assert main(["migrate", *where, lesser]) == 2
    assert "clock is 2:00:00 behind the database's" in (said := capsys.readouterr().err)
    assert "best by NTP" in said
    app = create_app(Settings(data_dir=tmp_path / "data", database_url=lesser))
    client = TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50000))
    assert client.get("/readyz").json()["checks"]["clock"] is False
    refused = client.post("/api/v1/token", data={"username": "chen", "password": "a wrong one"})
    assert (refused.status_code, refused.json()["code"]) == (503, "clock.apart")
    app.state.engine.dispose()
    assert main(["migrate", *where, owner]) == 0  # what the owner writes is taken
    assert "clocks are apart" in capsys.readouterr().err


def with_plain(url: str, *statements: str) -> None:
    """Say something to PostgreSQL."""
    engine = make_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def a_database_of_another_hour(owner: str) -> None:
    """Let PostgreSQL believe that it is two hours later, in what it says and in what its trigger asks for."""
    with_plain(
        owner,
        "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
        "$$SELECT pg_catalog.clock_timestamp() + interval '2 hours'$$",
        "ALTER FUNCTION audit_events_of_now() SET search_path = public, pg_catalog",
        f"ALTER DATABASE {OWNER} SET search_path = public, pg_catalog",
    )


def write_what_is_old(owner: str) -> None:
    """An event from 400 days ago: only the tables' owner writes of another time than now."""
    engine = make_engine(owner)
    with Session(engine) as session, session.begin():
        head = queries.lock_head(session, SERVER_CHAIN)
        event = Event(Act.KEYS_ROTATED, SERVER_CHAIN)
        queries.append(session, [seal(event, head, datetime.now(UTC) - timedelta(days=400))])
    engine.dispose()


def cut_what_is_old(factory: SessionFactory) -> None:
    """The retention rule still deletes, by the function of the tables' owner, and what is young stays."""
    now = datetime.now(UTC)
    with factory.begin() as session:
        service.note(session, Act.KEYS_ROTATED, SERVER_CHAIN, None)
    with factory.begin() as session:
        assert service.cut_old(session, SERVER_CHAIN, now - timedelta(days=300), now) == 1
    with factory.begin() as session:
        assert service.cut_old(session, SERVER_CHAIN, now - timedelta(days=300), now) == 0
    with reading(factory) as session:
        assert not [report.faults for report in service.verify(session) if report.faults]


def test_a_database_in_a_file_has_no_accounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--data-dir", str(tmp_path), "--serve-as", "tongtang"]) == 2
    assert "only PostgreSQL has accounts" in capsys.readouterr().err
