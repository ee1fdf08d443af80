"""What an operator does to the accounts and the data of a server: ``python -m app admin …``."""

import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

from app.accounts import service as accounts
from app.accounts.lockouts import unlock
from app.accounts.passwords import hash_password
from app.accounts.rules import Role
from app.accounts.service import PersonDraft
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.backups import server as backups
from app.backups.archive import Manifest
from app.database import make_engine, make_session_factory
from app.errors import NotFound
from app.logs import configure_logging
from app.schools import service as schools
from app.settings import Settings


def unlock_account(settings: Settings, login: str) -> None:
    """Let somebody sign in again at once who was locked out by wrong passwords."""
    configure_logging(settings.log_level, settings.log_format)
    engine = make_engine(settings.database_url)
    try:
        with make_session_factory(engine).begin() as session:
            unlock(session, login.strip().lower())
    finally:
        engine.dispose()
    sys.stdout.write(f"{login} may sign in again; a running server knows within seconds.\n")


def create_admin(settings: Settings, county_code: str, login: str, name: str) -> None:
    """One more bureau admin for a county, such as when nobody is left who can sign in; the password is shown once."""
    configure_logging(settings.log_level, settings.log_format)
    password = secrets.token_urlsafe(12)
    hashed = hash_password(password)
    engine = make_engine(settings.database_url)
    try:
        with make_session_factory(engine).begin() as session:
            county = schools.find_county(session, county_code)
            if county is None:
                raise NotFound("county.not_found", "No such county", f"There is no county {county_code}.")
            today = accounts.county_today(session, county.id, datetime.now(UTC))
            duty = (Role.BUREAU_ADMIN, county.id, None, None)
            draft = PersonDraft(login, name, hashed, (duty,), must_change_password=True)
            person = accounts.create_person(session, county.id, draft, today)
            audit.note(session, Act.ADMIN_APPOINTED, county.id, None, Subject("person", person.id, county.id))
    finally:
        engine.dispose()
    sys.stdout.write(
        f"Sign in as {login} with the password {password}; it is changed at the first sign-in.\n"
    )


def back_up(settings: Settings, target: Path) -> None:
    """Write a backup, beside a server that may be running."""
    configure_logging(settings.log_level, settings.log_format)
    manifest = backups.back_up(settings, target)
    rows = sum(part.rows for part in manifest.parts.values())
    sys.stdout.write(f"{target}: {rows} rows and {_files(manifest)} files as of {manifest.made_at}\n")


def restore(settings: Settings, source: Path, *, replace: bool) -> None:
    """Make this server what a backup says."""
    configure_logging(settings.log_level, settings.log_format)
    manifest = backups.restore(settings, source, replace=replace)
    sys.stdout.write(f"Restored as of {manifest.made_at}; the trail is whole. The server may be started.\n")


def _files(manifest: Manifest) -> int:
    return sum(1 for name in manifest.parts if name.startswith("files/"))
