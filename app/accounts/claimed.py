"""Roles that the identity provider's claims give: they last as long as the claims do. Local ones are left alone."""

import uuid
from collections.abc import Collection
from datetime import date, timedelta

from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.appointing import MOST
from app.accounts.models import Assignment, Person
from app.accounts.rules import Duty, Role, Source
from app.accounts.service import note_person
from app.audit.rules import Act, Facts
from app.versions import ANY


def settle(
    session: Session, person_id: uuid.UUID, wanted: Collection[tuple[Role, uuid.UUID]], today: date
) -> Person:
    """Let somebody have these roles from the provider from today on, and no others from it; answers the person.

    A role that somebody here gave is not given again. The caller sees to it that the roles fit their org units.
    """
    queries.lock_person(session, person_id)
    person = queries.person_with_assignments(session, person_id)
    assert person is not None  # whoever was locked is there
    lasting = [each for each in person.assignments if each.source is Source.PROVIDER and _lasts(each, today)]
    over = [each for each in lasting if (each.role, each.org_unit_id) not in wanted]
    held = {(each.role, each.org_unit_id) for each in person.assignments if _holds(each, today)}
    new = [each for each in wanted if each not in held]
    if over or new:
        ANY.require(session, person)  # counted as a change of the person
    for item in over:
        _end(session, person, item, today)
    for role, unit_id in new:
        _give(session, person, role, unit_id, today)
    session.flush()
    return person


def _give(session: Session, person: Person, role: Role, unit_id: uuid.UUID, today: date) -> None:
    over = [each for each in person.assignments if each.source is Source.PROVIDER and not _lasts(each, today)]
    if len(person.assignments) >= MOST and over:  # claims that come and go do not fill the list
        person.assignments.remove(min(over, key=lambda each: each.valid_from))
    given = Assignment(
        role=role, org_unit_id=unit_id, valid_from=today, valid_to=None, source=Source.PROVIDER
    )
    person.assignments.append(given)
    note_person(session, Act.ASSIGNMENT_GIVEN, None, person, after=_facts(given))


def _end(session: Session, person: Person, item: Assignment, today: date) -> None:
    before = _facts(item)
    yesterday = today - timedelta(days=1)
    if item.valid_from > yesterday:
        person.assignments.remove(item)
        after = None
    else:
        item.valid_to = yesterday
        after = _facts(item)
    note_person(session, Act.ASSIGNMENT_ENDED, None, person, before=before, after=after)


def _lasts(item: Assignment, today: date) -> bool:
    return item.valid_to is None or item.valid_to >= today


def _holds(item: Assignment, today: date) -> bool:
    return Duty(item.role, item.org_unit_id, item.valid_from, item.valid_to).holds_on(today)


def _facts(item: Assignment) -> Facts:
    return {
        "role": item.role,
        "org_unit_id": item.org_unit_id,
        "valid_from": item.valid_from,
        "valid_to": item.valid_to,
        "source": Source.PROVIDER,
    }
