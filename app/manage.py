"""Commands on the database that end when they are done: migrate, seed, create a county."""

import secrets
import sys
from datetime import UTC, datetime

from app import migrate as migrations
from app.accounts import service as accounts
from app.accounts.rules import Role
from app.accounts.service import PersonDraft
from app.database import make_engine, make_session_factory
from app.logs import configure_logging
from app.run import check_data_folder
from app.schools import service as schools
from app.settings import Settings


def migrate(settings: Settings, revision: str) -> None:
    """Bring the database to a revision."""
    _prepare(settings, revision)
    sys.stdout.write("The database is up to date.\n")


def seed(settings: Settings) -> None:
    """Put the demo county in, or bring the one that is there up to now."""
    from app.seeds.small import ensure_demo  # needed by no other command

    _prepare(settings)
    engine = make_engine(settings.database_url)
    with make_session_factory(engine).begin() as session:
        demo = ensure_demo(session, settings, datetime.now(UTC))
    engine.dispose()
    sys.stdout.write(f"The demo county is there; everybody's password is {demo.password}\n")


def create_county(settings: Settings, code: str, name: str, time_zone: str, admin: str) -> None:
    """Found a county and its first bureau admin, whose password is shown once."""
    _prepare(settings)
    password = secrets.token_urlsafe(12)
    engine = make_engine(settings.database_url)
    with make_session_factory(engine).begin() as session:
        county = schools.create_county(session, code, name, time_zone)
        today = accounts.county_today(session, county.id, datetime.now(UTC))
        draft = PersonDraft(admin, name, password, ((Role.BUREAU_ADMIN, county.id, None, None),))
        accounts.create_person(session, county.id, draft, today)
    engine.dispose()
    sys.stdout.write(f"County {name} is there. Sign in as {admin} with the password {password}\n")


def _prepare(settings: Settings, revision: str = "head") -> None:
    configure_logging(settings.log_level, settings.log_format)
    check_data_folder(settings.data_dir)
    migrations.upgrade(settings.database_url, revision)
