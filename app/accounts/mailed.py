"""Use cases of links that are mailed: to a new password for whoever forgot it, and to prove an address.

A link is good once and for half an hour; the database keeps its hash. Letters that come back from here are posted by
the caller after the transaction.
"""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.accounts import letters, mail_queries
from app.accounts.digests import digest
from app.accounts.managing import set_by_link
from app.accounts.models import MailedLink, Person
from app.accounts.rules import LOGIN, Duty, MailPurpose, Principal, mail_opens
from app.accounts.service import county_today, find_person, get_person, note_person
from app.audit.rules import Act
from app.errors import NotFound
from app.mail import Letter

LIFE: Final = timedelta(minutes=30)
BACK_FOR: Final = timedelta(days=7)
"""So long the address from before an admin's change takes it back: over a week's leave, and no longer."""
MOST_AT_ONE_ADDRESS: Final = 3
"""Accounts that share a mail address and are written to: some schools have one for all."""
_MINUTES: Final = int(LIFE.total_seconds() / 60)


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody's mail address is."""

    address: str | None
    waiting: str | None
    """The one they have yet to confirm."""
    proven: bool
    """False for an address that an administrator entered."""


def whom_to_write(session: Session, who: str) -> Sequence[Person]:
    """The accounts meant by a login or a mail address, as somebody typed it who may be anybody."""
    typed = who.strip().lower()
    if "@" in typed:
        return mail_queries.people_with_mail(session, None, typed, MOST_AT_ONE_ADDRESS)
    if not LOGIN.fullmatch(typed):
        return ()
    return mail_queries.people_with_mail(session, typed, None, 1)


def ask_for_password(session: Session, person_id: uuid.UUID, origin: str, now: datetime) -> Letter | None:
    """A letter with a link to a new password, which voids those from before; None when nobody can be written to."""
    person = find_person(session, person_id)
    if person is None or not person.active or person.email is None:
        return None
    duties = [
        Duty(each.role, each.org_unit_id, each.valid_from, each.valid_to) for each in person.assignments
    ]
    if not mail_opens(person.email_proven, duties, county_today(session, person.county_id, now)):
        return None
    mail_queries.forget_links(session, person.id, (MailPurpose.PASSWORD,))
    secret = _add(session, person, MailPurpose.PASSWORD, person.email, now)
    note_person(session, Act.PASSWORD_RESET_ASKED, None, person)
    return letters.new_password(person.email, person.login, f"{origin}/new-password#{secret}", _MINUTES)


def whose_password(session: Session, secret: str, now: datetime) -> Person:
    """Whom a link is for; raises `NotFound` for one that is used, too old, or none."""
    return _leading_in(session, secret, now)[0]


def set_password(session: Session, secret: str, new_hash: str, now: datetime) -> tuple[str, Sequence[Letter]]:
    """Use a link up for another password; every sign-in and token from before is void. Answers login and letters.

    A link to an address that an admin replaced brings that back, too.
    """
    person, found = _leading_in(session, secret, now)
    if not mail_queries.use_link(session, found.id):
        raise _no_link()
    told = []
    if found.purpose is MailPurpose.TAKE_BACK and (letter := _take_back(session, person, found)):
        told.append(letter)
    set_by_link(session, person, new_hash)
    if person.email:
        told.append(letters.password_was_set(person.email, person.login))
    return person.login, told


def way_back(session: Session, person: Person, address: str, origin: str, now: datetime) -> Letter:
    """A letter to the proven address from before an admin's change: its link gives the account back to its reader."""
    secret = _add(session, person, MailPurpose.TAKE_BACK, address, now, BACK_FOR)
    return letters.address_was_replaced(
        address, person.login, f"{origin}/new-password#{secret}", BACK_FOR.days
    )


def standing(session: Session, principal: Principal, now: datetime) -> Standing:
    """One's own address, and the one to be confirmed."""
    person = get_person(session, principal, principal.person_id)
    waiting = mail_queries.waiting_address(session, person.id, now)
    return Standing(person.email, waiting, person.email_proven)


def ask_for_address(
    session: Session, principal: Principal, address: str, origin: str, now: datetime
) -> Letter:
    """A letter that proves an address of one's own, which counts once its link was opened."""
    person = get_person(session, principal, principal.person_id)
    mail_queries.forget_links(session, person.id, (MailPurpose.CONFIRM,))
    secret = _add(session, person, MailPurpose.CONFIRM, address, now)
    return letters.confirm_address(address, person.login, f"{origin}/confirm-mail#{secret}", _MINUTES)


def confirm_address(session: Session, secret: str, now: datetime) -> Letter | None:
    """Let an address count whose owner got the letter; answers a letter to the address from before."""
    found = mail_queries.link(session, digest(secret), (MailPurpose.CONFIRM,), now)
    person = find_person(session, found.person_id) if found else None
    if found is None or person is None or not person.active or not mail_queries.use_link(session, found.id):
        raise _no_link()
    return _change(session, person, found.email)


def remove_address(session: Session, principal: Principal) -> Letter | None:
    """Do without mail from now on."""
    person = get_person(session, principal, principal.person_id)
    mail_queries.forget_links(session, person.id, (MailPurpose.CONFIRM,))
    return _change(session, person, None)


def _change(session: Session, person: Person, address: str | None) -> Letter | None:
    before, person.email, person.email_proven = person.email, address, True
    mail_queries.forget_links(session, person.id, (MailPurpose.PASSWORD,))  # they lie in the other mailbox
    session.flush()
    note_person(session, Act.MAIL_ADDRESS_CHANGED, person.id, person, after={"has_one": address is not None})
    return letters.address_was_changed(before, person.login) if before and before != address else None


def _leading_in(session: Session, secret: str, now: datetime) -> tuple[Person, MailedLink]:
    purposes = (MailPurpose.PASSWORD, MailPurpose.TAKE_BACK)
    found = mail_queries.link(session, digest(secret), purposes, now)
    person = find_person(session, found.person_id) if found else None
    if found is None or person is None or not person.active:
        raise _no_link()
    return person, found


def _take_back(session: Session, person: Person, link: MailedLink) -> Letter | None:
    """Put the address of a link in its place again; answers a letter to the one that was there."""
    replaced, person.email, person.email_proven = person.email, link.email, True
    mail_queries.forget_later(session, link)  # addresses that counted only since have no say
    session.flush()
    facts = {"has_one": True, "by": "taken_back"}
    note_person(session, Act.MAIL_ADDRESS_CHANGED, person.id, person, after=facts)
    if replaced is None or replaced == link.email:
        return None
    return letters.address_was_changed(replaced, person.login)


def _add(
    session: Session,
    person: Person,
    purpose: MailPurpose,
    address: str,
    now: datetime,
    life: timedelta = LIFE,
) -> str:
    secret = secrets.token_urlsafe(32)
    link = MailedLink(
        person_id=person.id,
        purpose=purpose,
        email=address,
        secret_hash=digest(secret),
        created_at=now,
        expires_at=now + life,
    )
    session.add(link)
    session.flush()
    return secret


def _no_link() -> NotFound:
    return NotFound(
        "link.over", "Link over", "This link was used already, is too old, or was never one; ask for another."
    )
