"""Use cases of one's own sign-ins: to see where one is signed in, and to end what one does not know."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from app.accounts import sign_in_queries as queries
from app.accounts.models import BrowserSession, TokenFamily
from app.accounts.rules import Principal
from app.accounts.service import find_person, get_person, note_person
from app.accounts.sign_in_queries import Row
from app.audit.rules import Act
from app.errors import NotFound


class SignInKind(StrEnum):
    """What is signed in."""

    PAGE = "page"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One place where somebody is signed in."""

    id: uuid.UUID
    kind: SignInKind
    by_provider: bool
    device: str | None
    address: str | None
    signed_in_at: datetime
    last_seen_at: datetime | None
    expires_at: datetime
    opened_by_id: uuid.UUID | None
    """The program's sign-in whose token opened the page, and with which it ends."""
    current: bool
    """It is the one that asks."""


def list_own(session: Session, principal: Principal, now: datetime) -> Sequence[SignIn]:
    """Where one is signed in, the newest first."""
    return [_shown(row, principal) for row in _own(session, principal, now)]


def end(session: Session, principal: Principal, sign_in_id: uuid.UUID, now: datetime) -> None:
    """End one of one's own sign-ins, with all it opened; raises `NotFound`."""
    for row in _own(session, principal, now):
        if row.id == sign_in_id and _end(session, principal, row):
            return
    raise NotFound("sign_in.not_found", "No such sign-in", f"You have no sign-in {sign_in_id}.")


def end_others(session: Session, principal: Principal, now: datetime) -> int:
    """End all of one's own sign-ins but the one that asks, and the one it came of; says how many."""
    rows = _own(session, principal, now)
    kept = {principal.basis.id} if principal.basis else set()
    kept |= {opened_by for row in rows if row.id in kept and (opened_by := _opened_by(row))}
    # Pages first: those that a program opened end with it, and count, too.
    others = sorted((row for row in rows if row.id not in kept), key=lambda row: isinstance(row, TokenFamily))
    return sum(_end(session, principal, row) for row in others)


def end_by_provider(session: Session, person_id: uuid.UUID | None, sid: str | None) -> int:
    """End the pages that the identity provider let in: of its session `sid`, of a person, or of both; says how many."""
    assert person_id is not None or sid is not None
    rows = [row for row in queries.of_provider(session, person_id, sid) if queries.end(session, row)]
    for row in rows:
        person = find_person(session, row.person_id)
        assert person is not None  # the foreign key sees to it
        note_person(session, Act.SIGNED_OUT, None, person, after={"sign_in": row.id, "by": "provider"})
    return len(rows)


def part_from_provider(session: Session, principal: Principal) -> None:
    """End one's pages that the identity provider let in, whose logouts nobody would know as one's own any more.

    The one that asks stays, by the password that was asked for.
    """
    for row in queries.of_provider(session, principal.person_id, None):
        if _is_current(row, principal):
            row.by_provider, row.provider_sid = False, None
        else:
            _end(session, principal, row)
    session.flush()


def _own(session: Session, principal: Principal, now: datetime) -> Sequence[Row]:
    return queries.sign_ins_of(session, principal.person_id, principal.void_before, now)


def _end(session: Session, principal: Principal, row: Row) -> bool:
    ended = queries.end(session, row)
    if ended:
        person = get_person(session, principal, principal.person_id)
        note_person(session, Act.SIGNED_OUT, person.id, person, after={"sign_in": row.id, "by": "list"})
    return ended


def _is_current(row: Row, principal: Principal) -> bool:
    return principal.basis is not None and principal.basis.id == row.id


def _opened_by(row: Row) -> uuid.UUID | None:
    return row.family_id if isinstance(row, BrowserSession) else None


def _shown(row: Row, principal: Principal) -> SignIn:
    page = isinstance(row, BrowserSession)
    return SignIn(
        id=row.id,
        kind=SignInKind.PAGE if page else SignInKind.PROGRAM,
        by_provider=isinstance(row, BrowserSession) and row.by_provider,
        device=row.device,
        address=row.address,
        signed_in_at=row.created_at,
        last_seen_at=row.seen_at,
        expires_at=row.expires_at,
        opened_by_id=_opened_by(row),
        current=_is_current(row, principal),
    )
