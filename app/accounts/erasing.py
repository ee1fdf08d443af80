"""Use cases of a person's own data: everything as a file, and erasing it (PIPL Art. 45 and 47, GDPR Art. 15 and 17)."""

import io
import json
import uuid
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from app.accounts import dossier, queries
from app.accounts.appointing import is_last_admin, last_admin
from app.accounts.models import Person
from app.accounts.permissions import Action
from app.accounts.reach import Target, require
from app.accounts.rules import Principal
from app.accounts.service import county_today, note_person
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.schemas import AuditEventOut
from app.audit.service import Search
from app.database import take_turns
from app.errors import Conflict, Invalid, NotFound

AT_ONCE: Final = 100
"""Accounts that one run of the chore erases."""


def export_person(session: Session, principal: Principal, person_id: uuid.UUID) -> bytes:
    """All that is kept about somebody one may ask for, as a ZIP of JSON files; the trail tells that it was taken."""
    person = _require(session, principal, Action.PERSON_EXPORT, person_id)
    return export_of(session, person, principal.person_id)


def erase_person(session: Session, principal: Principal, person_id: uuid.UUID, login: str) -> None:
    """Forget who somebody is, for good; `login` says once more who is meant."""
    person = _require(session, principal, Action.PERSON_ERASE, person_id)
    if person.id == principal.person_id:
        raise Conflict("person.oneself", "Your own account", "Somebody else has to do this to your account.")
    if person.login != login:
        raise Invalid("person.not_confirmed", "Not confirmed", "Give the login of the person to be erased.")
    erase(session, person, principal.person_id, datetime.now(UTC))


def export_of(session: Session, person: Person, by: uuid.UUID | None) -> bytes:
    """The file, without asking who wants it: for the command line."""
    files: dict[str, Any] = dossier.collect(session, person.id)
    files["audit_events"] = _events(session, person)
    note_person(session, Act.PERSON_EXPORTED, by, person)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in files.items():
            archive.writestr(f"{name}.json", json.dumps(rows, ensure_ascii=False, indent=1, default=str))
    return packed.getvalue()


def erase(session: Session, person: Person, by: uuid.UUID | None, now: datetime) -> None:
    """Forget who somebody is: name, login, roles, sign-ins and secrets go; what refers to them names a pseudonym.

    Raises `Conflict` for the last bureau admin, and for somebody who was erased before.
    """
    take_turns(session, (person.county_id,))
    if person.erased_at is not None:
        raise Conflict("person.erased", "Erased", "This person was erased; that cannot be undone.")
    if is_last_admin(session, person, county_today(session, person.county_id, now)):
        raise last_admin()
    pseudonym = {
        "login": f"erased-{person.id.hex}",
        "name": f"erased-{person.id.hex[:8]}",
        "password_hash": "erased",
        "must_change_password": True,
        "active": False,
        "erased_at": now,
        "tokens_since": now,
    }
    dossier.forget(session, person, pseudonym)
    session.expire(person)
    note_person(session, Act.PERSON_ERASED, by, session.get_one(Person, person.id))


def erase_closed(session: Session, now: datetime, kept: timedelta) -> int:
    """Forget people whose accounts have been closed for so long; says how many."""
    count = 0
    for person_id in dossier.closed_since(session, now - kept, AT_ONCE):
        erase(session, session.get_one(Person, person_id), None, now)
        count += 1
    return count


def _require(session: Session, principal: Principal, action: Action, person_id: uuid.UUID) -> Person:
    missing = NotFound("person.not_found", "No such person", f"There is no person {person_id}.")
    person = queries.person_with_assignments(session, person_id)
    if person is None:
        raise missing
    units = queries.units(session, {item.org_unit_id for item in person.assignments})
    paths = tuple(unit.org_path for unit in units.values())
    require(principal, action, Target(person.county_id, paths, person_id=person.id), missing)
    return person


def _events(session: Session, person: Person) -> list[dict[str, Any]]:
    """What the trail knows of somebody: what they did, and what was done to their account."""
    searches = (
        Search(person.county_id, person_id=person.id),
        Search(person.county_id, subject_id=person.id),
    )
    found = {
        row.number: row
        for search in searches
        for row in audit.list_events(session, search, None, dossier.MOST_ROWS)[0]
    }
    return [AuditEventOut.of(row).model_dump(mode="json") for _, row in sorted(found.items())]
