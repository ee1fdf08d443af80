"""The database's shape: bring it to the newest revision, and tell whether it is there."""

from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from app.database import make_engine, read_only
from app.errors import StartupError

_ROOT = Path(__file__).resolve().parent.parent
# What the account that serves has of each table beyond reading it; of all others, everything but the table itself.
_OF_THE_TRAIL: Final = {
    "audit_events": "INSERT",
    "audit_chains": "INSERT, UPDATE",  # whose numbers only grow
    "audit_cuts": "",  # `audit_cut` cuts
    "alembic_version": "",
}
_RIGHTS: Final = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
_CUT: Final = "audit_cut(uuid, integer, text, timestamptz)"


def alembic_config(url: str) -> Config:
    """Alembic's configuration for this database."""
    config = Config(_ROOT / "alembic.ini")
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Run all migrations that are missing; raise `StartupError` when the database cannot be reached."""
    try:
        command.upgrade(alembic_config(url), revision)
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        shown = make_url(url).render_as_string(hide_password=True)
        raise StartupError(f"database {shown}: {reason}; check TONGTANG_DATABASE_URL") from None
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        raise StartupError(
            "the database has to be migrated, which this account may not: "
            "run python -m app migrate --serve-as ACCOUNT with the URL of its owner"
        ) from None


def serve_as(url: str, account: str) -> None:
    """Let an account of PostgreSQL serve, and no more: it changes no table, and nothing that the trail says.

    Run by the owner of the tables, after each migration. Raises `StartupError` when the account cannot be used so.
    """
    engine = make_engine(url)
    try:
        if engine.dialect.name != "postgresql":
            raise StartupError("only PostgreSQL has accounts: SQLite's file belongs to who runs the server")
        with engine.begin() as connection:
            _require_lesser(connection, account)
            _grant(connection, engine.dialect.identifier_preparer.quote(account))
            _require_no_more(connection, account)
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StartupError(f"{account} cannot be let serve: {reason}") from None
    finally:
        engine.dispose()


def _require_lesser(connection: Connection, account: str) -> None:
    """Whoever owns the tables, or may act as who does, cannot be kept from anything."""
    query = text(
        "SELECT rolsuper OR rolcreaterole OR "
        "pg_has_role(oid, (SELECT relowner FROM pg_class WHERE oid = to_regclass('audit_events')), "
        "'MEMBER') FROM pg_roles WHERE rolname = :who"
    )
    owns = connection.scalar(query, {"who": account})
    if owns is None:
        raise StartupError(f"the database has no account {account}: CREATE ROLE {account} LOGIN PASSWORD …")
    if owns:
        raise StartupError(f"{account} owns the tables, or may do everything: name another account")


def _require_no_more(connection: Connection, account: str) -> None:
    """What it was not given here it may have from a group, PUBLIC or a role like `pg_write_all_data`."""
    if connection.scalar(
        text("SELECT has_schema_privilege(:who, current_schema(), 'CREATE')"), {"who": account}
    ):
        raise StartupError(f"{account} may still make tables: it has a right to that from somewhere else")
    beyond = text(
        "SELECT has_table_privilege(:who, :trail, :right) OR CASE WHEN :right IN ('INSERT', 'UPDATE') "
        "THEN has_any_column_privilege(:who, :trail, :right) ELSE false END"
    )
    # A role that it may become without inheriting from it counts as well.
    roles = text(
        "SELECT rolname, rolsuper OR rolcreaterole FROM pg_roles WHERE pg_has_role(:who, oid, 'MEMBER')"
    )
    for role, may_all in connection.execute(roles, {"who": account}).all():
        if may_all:
            raise StartupError(f"{account} may become {role}, which may give itself every right")
        for table, given in _OF_THE_TRAIL.items():
            for right in _RIGHTS:
                if right not in given.split(", ") and connection.scalar(
                    beyond, {"who": role, "trail": table, "right": right}
                ):
                    raise StartupError(
                        f"{account} may still {right} {table}: it has a right to that from {role}"
                    )


def _grant(connection: Connection, account: str) -> None:
    """`account` is a quoted name."""
    schema = connection.dialect.identifier_preparer.quote(
        connection.scalar(text("SELECT current_schema()")) or ""
    )
    said = [
        f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {account}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC, {account}",
        f"GRANT USAGE ON SCHEMA {schema} TO {account}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {account}",
        f"GRANT EXECUTE ON FUNCTION {_CUT} TO {account}",
    ]
    for table, more in _OF_THE_TRAIL.items():
        said.append(f"REVOKE ALL ON {table} FROM {account}")
        said.append(f"GRANT SELECT{', ' * bool(more)}{more} ON {table} TO {account}")
    for each in said:
        connection.exec_driver_sql(each)


@cache
def newest_revision() -> str | None:
    """The revision this code expects."""
    return ScriptDirectory.from_config(Config(_ROOT / "alembic.ini")).get_current_head()


def is_up_to_date(engine: Engine) -> bool:
    """Whether the database is at the newest revision. Raises when it cannot be reached."""
    with read_only(engine).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest_revision()
