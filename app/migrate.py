"""The database's shape: bring it to the newest revision, and tell whether it is there."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import OperationalError

from app.database import read_only
from app.errors import StartupError

_ROOT = Path(__file__).resolve().parent.parent


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


@cache
def newest_revision() -> str | None:
    """The revision this code expects."""
    return ScriptDirectory.from_config(Config(_ROOT / "alembic.ini")).get_current_head()


def is_up_to_date(engine: Engine) -> bool:
    """Whether the database is at the newest revision. Raises when it cannot be reached."""
    with read_only(engine).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest_revision()
