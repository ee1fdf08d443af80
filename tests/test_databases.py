"""A database that served one test is as new for the next."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text

from app.database import make_engine, make_session_factory
from tests import factories
from tests.databases import PostgresDatabases


def rows_in(url: str, table: str) -> int:
    engine = make_engine(url)
    with engine.connect() as connection:
        found: int = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    engine.dispose()
    return found


def test_nothing_is_left_of_a_test_not_even_who_still_writes(
    postgres_databases: PostgresDatabases, tmp_path: Path
) -> None:
    with postgres_databases.fresh(tmp_path) as url:
        engine = make_engine(url)
        with make_session_factory(engine).begin() as session:
            factories.school(session, factories.county(session))
        engine.dispose()
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        left = psycopg.connect(plain)
        left.execute("SELECT 1 FROM org_units FOR UPDATE")
    with postgres_databases.fresh(tmp_path) as url:
        assert rows_in(url, "org_units") == 0
        assert rows_in(url, "alembic_version") == 1
        with pytest.raises(psycopg.OperationalError):
            left.execute("SELECT 1")
        left.close()


def test_a_database_of_another_shape_is_thrown_away(
    postgres_databases: PostgresDatabases, tmp_path: Path
) -> None:
    with postgres_databases.fresh(tmp_path) as changed:
        engine = make_engine(changed)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE audit_events DISABLE TRIGGER ALL"))
        engine.dispose()
    with postgres_databases.fresh(tmp_path) as url:
        assert url != changed
