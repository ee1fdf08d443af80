"""Use cases of many people at once: everybody of a county, and storing what was checked before.

What may be stored is decided by the same rules as for one (`service.require_fitting`, `appointing`); here it is written
in a few statements, and every admission and role is told to the trail.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy.orm import Session

from app.accounts import appointing, bulk_queries, given_mail, queries
from app.accounts.models import Assignment, Person
from app.accounts.passwords import NO_PASSWORD
from app.accounts.rules import Duty, Principal
from app.accounts.service import facts_of, note_person
from app.audit.rules import Act
from app.database import new_id
from app.versions import ANY


@dataclass(frozen=True, slots=True)
class Ending:
    """A role that is to end on a day."""

    person: Person
    assignment: Assignment
    last_day: date


def everybody(session: Session, county_id: uuid.UUID) -> Sequence[Person]:
    """All people of a county with their roles, by login; the erased ones too."""
    return bulk_queries.people(session, county_id)


def taken_logins(session: Session, logins: Collection[str]) -> set[str]:
    """Those of some logins that somebody has: they are unique on the whole server."""
    return bulk_queries.taken(session, logins)


def lasting_admins(session: Session, county_id: uuid.UUID, today: date) -> set[uuid.UUID]:
    """Who looks after the county without an end in sight."""
    return queries.bureau_admins(session, county_id, today)


def new_person(
    principal: Principal, login: str, name: str, duties: Sequence[Duty], email: str | None
) -> Person:
    """Somebody of the county who has no password yet, not stored."""
    return Person(
        id=new_id(),
        county_id=principal.county_id,
        login=login,
        name=name,
        password_hash=NO_PASSWORD,
        email=email,
        email_proven=email is None,
        active=True,
        created_at=datetime.now(UTC),
        assignments=[assignment_of(duty) for duty in duties],
    )


def assignment_of(duty: Duty) -> Assignment:
    """A role for somebody, not stored."""
    return Assignment(
        id=new_id(),
        role=duty.role,
        org_unit_id=duty.org_unit_id,
        valid_from=duty.valid_from,
        valid_to=duty.valid_to,
    )


def add_people(session: Session, principal: Principal, people: Sequence[Person]) -> None:
    """Store people with their roles."""
    session.add_all(people)
    session.flush()
    for person in people:
        note_person(session, Act.PERSON_ADMITTED, principal.person_id, person, after=facts_of(person))


def give(session: Session, principal: Principal, given: Sequence[tuple[Person, Duty]]) -> None:
    """Give people further roles."""
    for person in {person.id: person for person, _duty in given}.values():
        ANY.require(session, person)
    roles = [(person, assignment_of(duty)) for person, duty in given]
    for person, role in roles:
        role.person_id = person.id
    session.add_all(role for _person, role in roles)
    session.flush()
    for person, role in roles:
        appointing.note_given(session, principal, person, role)


def give_mail(session: Session, principal: Principal, entered: Sequence[tuple[Person, str]]) -> None:
    """Enter mail addresses for people who have none."""
    for person, address in entered:
        ANY.require(session, person)
        given_mail.store(session, principal, person, address)


def end(session: Session, principal: Principal, endings: Sequence[Ending]) -> None:
    """End roles."""
    for each in endings:
        ANY.require(session, each.person)
        appointing.finish(session, principal, each.person, each.assignment, each.last_day)
