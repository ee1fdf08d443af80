"""The database's shape: bring it to the newest revision, and tell whether it is there."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import InsufficientPrivilege, InvalidSchemaName
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import OperationalError, ProgrammingError

from app import serving
from app.database import read_only
from app.errors import StartupError

_ROOT = Path(__file__).resolve().parent.parent


def alembic_config(url: str) -> Config:
    """Alembic's configuration for this database."""
    config = Config(_ROOT / "alembic.ini")
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Run all migrations that are missing, and let the accounts that serve go on serving.

    Raises `StartupError` when the database cannot be reached, or cannot be served by this account.
    """
    try:
        command.upgrade(alembic_config(url), revision)
        serving.check(url)
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        shown = make_url(url).render_as_string(hide_password=True)
        raise StartupError(f"database {shown}: {reason}; check TONGTANG_DATABASE_URL") from None
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege | InvalidSchemaName):
            raise
        account = make_url(url).username or "ACCOUNT"
        raise StartupError(
            "the database has to be migrated, which this account may not: "
            f"run python -m app migrate --serve-as {account} with the URL of the tables' owner"
        ) from None


def anew(url: str) -> None:
    """Drop all tables and make them again, empty; whoever served before may serve afterwards."""
    accounts = serving.accounts_of(url)
    command.downgrade(alembic_config(url), "base")
    upgrade(url)
    for account in accounts:
        serving.serve_as(url, account)


@cache
def newest_revision() -> str | None:
    """The revision this code expects."""
    return ScriptDirectory.from_config(Config(_ROOT / "alembic.ini")).get_current_head()


def is_up_to_date(engine: Engine) -> bool:
    """Whether the database is at the newest revision. Raises when it cannot be reached."""
    with read_only(engine).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest_revision()
