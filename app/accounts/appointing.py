"""Use cases of roles after admission: giving one, and ending one, at once or on a day."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.models import Assignment, Person
from app.accounts.permissions import Action
from app.accounts.reach import Path, Target, may_appoint, require
from app.accounts.rules import Duty, Principal, Role, Source
from app.accounts.service import PersonDraft, check_places, get_person, note_person
from app.audit.rules import Act, Facts
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.versions import ANY

MOST: int = 50
"""Roles one person may have had; those that are over count, because the trail of a county refers to them."""


def give(session: Session, principal: Principal, person_id: uuid.UUID, duty: Duty) -> Assignment:
    """Give somebody one looks after another role, which one must have the office to give."""
    person = get_person(session, principal, person_id)
    _require(session, principal, person, duty.role, duty.org_unit_id)
    draft = PersonDraft("", "", "", ((duty.role, duty.org_unit_id, duty.valid_from, duty.valid_to),))
    check_places(session, person.county_id, draft)
    ANY.require(session, person)
    if len(person.assignments) >= MOST:
        raise Conflict("assignment.too_many", "Too many roles", f"One person has {MOST} roles at most.")
    require_free(person.assignments, duty)
    given = Assignment(
        person_id=person.id,
        role=duty.role,
        org_unit_id=duty.org_unit_id,
        valid_from=duty.valid_from,
        valid_to=duty.valid_to,
    )
    session.add(given)
    session.flush()
    note_given(session, principal, person, given)
    return given


def note_given(session: Session, principal: Principal, person: Person, given: Assignment) -> None:
    """Tell the trail of a role that was given."""
    note_person(session, Act.ASSIGNMENT_GIVEN, principal.person_id, person, after=_facts(given))


def require_free(assignments: Iterable[Assignment], duty: Duty) -> None:
    """Raise `Conflict` when one of somebody's roles is this one, on a day of it."""
    if any(_overlap(each, duty) for each in assignments):
        raise Conflict("assignment.there", "Role given already", "They have this role there on such a day.")


def end(
    session: Session, principal: Principal, assignment_id: uuid.UUID, last_day: date | None
) -> Assignment:
    """End a role: on a day, which is its last one, or at once. The rights that came with it end with it."""
    missing = NotFound("assignment.not_found", "No such role", f"There is no assignment {assignment_id}.")
    found = queries.assignment(session, assignment_id)
    person = queries.person_with_assignments(session, found.person_id) if found else None
    if found is None or person is None:
        raise missing
    units = queries.units(session, {item.org_unit_id for item in person.assignments})
    target = Target(person.county_id, tuple(unit.org_path for unit in units.values()), person_id=person.id)
    require(principal, Action.ASSIGNMENT_CHANGE, target, missing)
    _require(session, principal, person, found.role, found.org_unit_id)
    last = last_day or principal.today - timedelta(days=1)
    require_endable(found, last, principal.today)
    _require_another_admin(session, person, found, principal.today)
    ANY.require(session, person)
    finish(session, principal, person, found, last)
    return found


def require_endable(found: Assignment, last: date, today: date) -> None:
    """Raise `Invalid` or `Conflict` when a role cannot end on a day."""
    if found.source is Source.PROVIDER:
        raise Conflict(
            "assignment.of_provider",
            "The provider's to end",
            "The identity provider's claims give this role: end it there, or close the account here.",
        )
    if last < today - timedelta(days=1):
        raise Invalid(
            "assignment.past", "In the past", "What was so yesterday stays so: end it at once instead."
        )
    if found.valid_to is not None and found.valid_to <= last:
        raise Conflict("assignment.over", "Ends earlier", f"This role ends on {found.valid_to} already.")


def finish(session: Session, principal: Principal, person: Person, found: Assignment, last: date) -> None:
    """Let a role end on a day, and tell the trail."""
    before = _facts(found)
    if last < found.valid_from:
        session.delete(found)  # it never came into force
    else:
        found.valid_to = last
    session.flush()
    after = None if last < found.valid_from else _facts(found)
    note_person(session, Act.ASSIGNMENT_ENDED, principal.person_id, person, before=before, after=after)


def is_last_admin(session: Session, person: Person, today: date) -> bool:
    """Whether nobody would be left to look after the county without this person."""
    admins = queries.bureau_admins(session, person.county_id, today)
    return person.id in admins and len(admins) == 1


def last_admin() -> Conflict:
    """The refusal of what would leave a county without anybody to look after it."""
    return Conflict(
        "person.last_admin", "The last bureau admin", "Appoint another bureau admin of the county first."
    )


def _require_another_admin(session: Session, person: Person, role: Assignment, today: date) -> None:
    if role.role is Role.BUREAU_ADMIN and is_last_admin(session, person, today):
        raise last_admin()


def _require(
    session: Session, principal: Principal, person: Person, role: Role, org_unit_id: uuid.UUID
) -> None:
    require_changeable(principal, person)
    unit = queries.units(session, {org_unit_id}).get(org_unit_id)
    if unit is None or unit.county_id != principal.county_id:
        raise NotFound("org_unit.not_found", "No such org unit", f"There is no org unit {org_unit_id}.")
    require_office(principal, role, org_unit_id, unit.org_path)


def require_changeable(principal: Principal, person: Person) -> None:
    """Raise `Conflict` when nobody, or not this one, can change somebody's roles."""
    if person.erased_at is not None:
        raise Conflict("person.erased", "Erased", "This person was erased; that cannot be undone.")
    if person.id == principal.person_id:
        raise Conflict("person.oneself", "Your own account", "Somebody else has to do this to your account.")


def require_office(principal: Principal, role: Role, org_unit_id: uuid.UUID, path: Path) -> None:
    """Raise `Forbidden` unless a role on the unit at the end of a path is theirs to give and to end."""
    if not may_appoint(principal, role, path):
        raise Forbidden(
            "person.may_not_appoint",
            "Not yours to give",
            f"You may not give or end the role {role.value} on org unit {org_unit_id}.",
        )


def require_all_offices(principal: Principal, person: Person, paths: Mapping[uuid.UUID, Path]) -> None:
    """Raise `Forbidden` unless each role that somebody has, or will, is theirs to give; `paths` are of its units."""
    for item in person.assignments:
        lasts = item.valid_to is None or item.valid_to >= principal.today
        if lasts and not may_appoint(principal, item.role, paths[item.org_unit_id]):
            raise Forbidden(
                "person.may_not_manage",
                "Not yours to change",
                f"They hold the role {item.role} beyond your office.",
            )


def _overlap(one: Assignment, other: Duty) -> bool:
    same = one.role is other.role and one.org_unit_id == other.org_unit_id
    begins_in_time = other.valid_to is None or one.valid_from <= other.valid_to
    return same and begins_in_time and (one.valid_to is None or other.valid_from <= one.valid_to)


def _facts(item: Assignment) -> Facts:
    return {
        "role": item.role,
        "org_unit_id": item.org_unit_id,
        "valid_from": item.valid_from,
        "valid_to": item.valid_to,
    }
