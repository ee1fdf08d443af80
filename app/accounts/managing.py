"""Use cases of looking after accounts: passwords, closing, opening again."""

import secrets
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from app.accounts import mail_queries, queries
from app.accounts.appointing import require_all_offices
from app.accounts.models import Person
from app.accounts.permissions import Action
from app.accounts.reach import Target, require
from app.accounts.rules import WAITING, MailPurpose, Principal
from app.accounts.service import get_person, note_person
from app.audit.rules import Act
from app.errors import Conflict, NotFound
from app.versions import ANY, Seen

_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aeiou"


def temporary_password() -> str:
    """Such as "kota-ribu-semo-lagi-pane": 63 bits that can be read out over the telephone."""
    return "-".join(_syllable() + _syllable() for _ in range(5))


def change_password(session: Session, principal: Principal, old_hash: str, new_hash: str) -> Person:
    """Give oneself another password; every token and mailed link from before is void.

    `old_hash` is the hash that the old password was checked against: a change in between is not overwritten.
    """
    person = get_person(session, principal, principal.person_id)
    if person.password_hash != old_hash:
        raise Conflict("password.changed", "Password changed", "The password was changed a moment ago.")
    _set(session, person, new_hash, must_change=False)
    note_person(session, Act.PASSWORD_CHANGED, principal.person_id, person)
    return person


def reset_password(session: Session, principal: Principal, person_id: uuid.UUID, new_hash: str) -> Person:
    """Give somebody one looks after a password they have to change; every token and mailed link of theirs is void."""
    person = managed(session, principal, Action.PERSON_RESET, person_id)
    _set(session, person, new_hash, must_change=True)
    note_person(session, Act.PASSWORD_RESET, principal.person_id, person)
    return person


def set_by_link(session: Session, person: Person, new_hash: str) -> None:
    """Give somebody the password they chose by a mailed link; every token and other link is void."""
    _set(session, person, new_hash, must_change=False)
    note_person(session, Act.PASSWORD_RESET, person.id, person, after={"by": "mail"})


def close_account(session: Session, principal: Principal, person_id: uuid.UUID, seen: Seen = ANY) -> Person:
    """Let somebody sign in no more; every token and mailed link of theirs is void at once."""
    person = managed(session, principal, Action.PERSON_CLOSE, person_id)
    seen.require(session, person)
    return _switch(session, principal, person, active=False)


def open_account(session: Session, principal: Principal, person_id: uuid.UUID, seen: Seen = ANY) -> Person:
    """Let somebody whose account was closed sign in again, with the password they had."""
    person = managed(session, principal, Action.PERSON_CLOSE, person_id)
    seen.require(session, person)
    return _switch(session, principal, person, active=True)


def _set(session: Session, person: Person, new_hash: str, *, must_change: bool) -> None:
    person.password_hash = new_hash
    person.must_change_password = must_change
    # Only an admin's word is the last one: a password of whoever took the account over leaves the owner a way back.
    _void_what_was_given(session, person, MailPurpose if must_change else WAITING)


def _switch(session: Session, principal: Principal, person: Person, *, active: bool) -> Person:
    before = person.active
    person.active = active
    _void_what_was_given(
        session, person, MailPurpose
    )  # what is from before a closure stays void when it is undone
    act = Act.ACCOUNT_OPENED if active else Act.ACCOUNT_CLOSED
    if before is not active:
        note_person(
            session, act, principal.person_id, person, before={"active": before}, after={"active": active}
        )
    return person


def _void_what_was_given(session: Session, person: Person, mailed: Iterable[MailPurpose]) -> None:
    """Void every token, and mailed links: whoever asked for one need not be whom the account belongs to."""
    person.tokens_since = datetime.now(UTC)
    mail_queries.forget_links(session, person.id, tuple(mailed))
    session.flush()


def managed(session: Session, principal: Principal, action: Action, person_id: uuid.UUID) -> Person:
    """Somebody whose account one may change; raises `NotFound` or `Forbidden`.

    Whoever changes an account could sign in to it. So it takes the right to give each of its roles: a school's
    admin looks after its teachers, but not after a teacher who is also an admin of the bureau.
    """
    missing = NotFound("person.not_found", "No such person", f"There is no person {person_id}.")
    person = queries.person_with_assignments(session, person_id)
    if person is None:
        raise missing
    units = queries.units(session, {item.org_unit_id for item in person.assignments})
    paths = tuple(unit.org_path for unit in units.values())
    require(principal, action, Target(person.county_id, paths, person_id=person.id), missing)
    if person.erased_at is not None:
        raise Conflict("person.erased", "Erased", "This person was erased; that cannot be undone.")
    if person.id == principal.person_id:
        raise Conflict("person.oneself", "Your own account", "Somebody else has to do this to your account.")
    require_all_offices(principal, person, {unit_id: unit.org_path for unit_id, unit in units.items()})
    return person


def _syllable() -> str:
    return secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS)
