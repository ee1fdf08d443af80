"""Commands on the database that end when they are done: migrate, seed, create a county, check the trail."""

import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import key_rotation, serving
from app import migrate as migrations
from app.accounts import erasing
from app.accounts import service as accounts
from app.accounts.models import Person
from app.accounts.passwords import hash_password
from app.accounts.rules import Role
from app.accounts.service import PersonDraft
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import make_engine, make_session_factory, measure_tables, reading
from app.errors import StartupError
from app.keyring import RingFile
from app.logs import configure_logging
from app.run import check_data_folder
from app.schools import service as schools
from app.settings import Settings


def migrate(settings: Settings, revision: str, account: str) -> None:
    """Bring the database to a revision, and let another account serve it, if one is named."""
    _prepare(settings, revision)
    if account:
        serving.serve_as(settings.database_url, account)
    for each in serving.accounts_of(settings.database_url):
        sys.stdout.write(f"{each} may serve, and change neither tables nor the trail.\n")
    sys.stdout.write("The database is up to date.\n")


def seed(settings: Settings, name: str) -> None:
    """Put a county in; the small one that is there already is brought up to now."""
    {"small": _seed_small, "jinzhai": _seed_jinzhai}[name](settings)


def _seed_small(settings: Settings) -> None:
    from app.seeds.small import ensure_demo  # needed by no other command

    _prepare(settings)
    engine = make_engine(settings.database_url)
    with make_session_factory(engine).begin() as session:
        demo = ensure_demo(session, settings, datetime.now(UTC))
    engine.dispose()
    sys.stdout.write(f"The demo county is there; everybody's password is {demo.password}\n")


def _seed_jinzhai(settings: Settings) -> None:
    from app.seeds.jinzhai import ADMIN, ensure_jinzhai  # needed by no other command

    _prepare(settings)
    engine = make_engine(settings.database_url)
    with make_session_factory(engine).begin() as session:
        county = ensure_jinzhai(session, settings, datetime.now(UTC))
    measure_tables(engine)
    engine.dispose()
    sys.stdout.write(
        f"The county of Jinzhai's size is there. Sign in as {ADMIN}; everybody's password is {county.password}\n"
    )


def create_county(
    settings: Settings, code: str, name: str, time_zone: str, admin: str, *, password_stays: bool
) -> None:
    """Found a county and its first bureau admin, whose password is shown once."""
    _prepare(settings)
    password = secrets.token_urlsafe(12)
    hashed = hash_password(password)
    engine = make_engine(settings.database_url)
    with make_session_factory(engine).begin() as session:
        county = schools.create_county(session, code, name, time_zone)
        today = accounts.county_today(session, county.id, datetime.now(UTC))
        duty = (Role.BUREAU_ADMIN, county.id, None, None)
        draft = PersonDraft(admin, name, hashed, (duty,), must_change_password=not password_stays)
        person = accounts.create_person(session, county.id, draft, today)
        subject = Subject("county", county.id, county.id)
        facts = {"code": code, "time_zone": time_zone, "first_admin": person.id}
        audit.note(session, Act.COUNTY_FOUNDED, county.id, None, subject, after=facts)
    engine.dispose()
    sys.stdout.write(f"County {name} is there. Sign in as {admin} with the password {password}\n")


def rotate_keys(settings: Settings, *, at_once: bool) -> None:
    """Let a new key sign tokens; a server that runs takes it up within a second."""
    _prepare(settings)
    engine = make_engine(settings.database_url)
    with make_session_factory(engine).begin() as session:
        key = key_rotation.rotate(session, RingFile(settings.data_dir), datetime.now(UTC), at_once=at_once)
    engine.dispose()
    older = (
        "what older ones signed is void" if at_once else "older ones are good until what they signed runs out"
    )
    sys.stdout.write(f"Key {key.kid} signs from now on; {older}.\n")


def export_person(settings: Settings, login: str, file: Path) -> None:
    """Write everything that is kept about a person to a new file that only its owner can read."""
    engine = make_engine(settings.database_url)
    try:
        with make_session_factory(engine).begin() as session:
            packed = erasing.export_of(session, _person(session, login), None)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(packed)
    except OSError as error:
        raise StartupError(f"{file} cannot be written ({error.strerror})") from None
    finally:
        engine.dispose()
    sys.stdout.write(f"All that is kept about them is in {file}\n")


def erase_person(settings: Settings, login: str) -> None:
    """Forget who a person is."""
    engine = make_engine(settings.database_url)
    try:
        with make_session_factory(engine).begin() as session:
            erasing.erase(session, _person(session, login), None, datetime.now(UTC))
    finally:
        engine.dispose()
    sys.stdout.write("Name, login, roles and sign-ins are gone; what refers to them names a pseudonym.\n")


def _person(session: Session, login: str) -> Person:
    person = accounts.find_by_login(session, login)
    if person is None:
        raise StartupError(f"nobody has the login {login}")
    return person


def verify_audit(settings: Settings, anchors: Sequence[str]) -> bool:
    """Check the trail, and that it still has the heads that were noted elsewhere; whether it is whole."""
    configure_logging(settings.log_level, settings.log_format)
    engine = make_engine(settings.database_url)
    try:
        with reading(make_session_factory(engine)) as session:
            found = [line for anchor in anchors for line in _anchor_faults(session, anchor)]
            for report in audit.verify(session):
                sys.stdout.write(f"{report.name}:{report.head.number}:{report.head.hash}\n")
                found += [f"{report.name}: {fault.words}" for fault in report.faults]
    except SQLAlchemyError as error:
        raise StartupError(
            f"the trail cannot be read: {str(error.__cause__ or error).splitlines()[0]}"
        ) from None
    finally:
        engine.dispose()
    for line in found:
        sys.stderr.write(f"tongtang: {line}\n")
    return not found


def _anchor_faults(session: Session, anchor: str) -> list[str]:
    name, _, rest = anchor.partition(":")
    number, _, digest = rest.partition(":")
    if not number.isdecimal() or not digest:
        raise StartupError(f"{anchor} is not a line of an earlier verify-audit, like 341524:4711:9f86d0…")
    fault = audit.check_anchor(session, name, int(number), digest)
    return [f"{name}: {fault.words}"] if fault else []


def _prepare(settings: Settings, revision: str = "head") -> None:
    configure_logging(settings.log_level, settings.log_format)
    check_data_folder(settings.data_dir)
    migrations.upgrade(settings.database_url, revision)
