"""Use cases of mail addresses that an administrator enters for somebody.

Whoever can enter one could as well give the person a password (`managing.managed`): so it takes the same right, is told
to the trail and to the address from before, which can take it back for some days if it was proven
(`mailed.way_back`), and voids every other link that waits in a mailbox. It counts for a forgotten
password at once, but not for those who look after others (`rules.mail_opens`); notices go to proven addresses only.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.accounts import letters, mail_queries, mailed
from app.accounts.managing import managed
from app.accounts.models import Person
from app.accounts.permissions import Action
from app.accounts.rules import WAITING, Principal
from app.accounts.service import note_person
from app.audit.rules import Act
from app.mail import Letter
from app.versions import Seen


class Entered(NamedTuple):
    """Somebody with another mail address, and the letters to post once that is stored."""

    person: Person
    letters: Sequence[Letter]


def enter(
    session: Session,
    principal: Principal,
    person_id: uuid.UUID,
    address: str | None,
    seen: Seen,
    origin: str,
    now: datetime,
) -> Entered:
    """Give somebody one looks after a mail address, or none; raises `NotFound`, `Forbidden` or `Conflict`."""
    person = managed(session, principal, Action.PERSON_CHANGE, person_id)
    seen.require(session, person)
    before, proven = person.email, person.email_proven
    if before == address:
        return Entered(person, ())
    store(session, principal, person, address)
    told = []
    if before is not None and proven:
        told.append(mailed.way_back(session, person, before, origin, now))
    elif before is not None:  # perhaps the typing error that is mended here
        told.append(letters.address_was_changed(before, person.login))
    return Entered(person, [*told, *welcome(person)])


def store(session: Session, principal: Principal, person: Person, address: str | None) -> None:
    """Put an address in the place of the one from before; every mailed link that the person asked for is void."""
    person.email, person.email_proven = address, address is None
    mail_queries.forget_links(session, person.id, WAITING)
    session.flush()
    facts = {"has_one": address is not None, "by": "admin"}
    note_person(session, Act.MAIL_ADDRESS_CHANGED, principal.person_id, person, after=facts)


def welcome(person: Person) -> Sequence[Letter]:
    """Word to an address that it was entered, so that a stranger's owner can say so."""
    return [letters.address_was_given(person.email, person.login)] if person.email else []
