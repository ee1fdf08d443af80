"""Use cases of refresh tokens: each is good once, and one that is shown again ends all that came of its sign-in.

A thief and the owner of a stolen refresh token both use it sooner or later; whoever comes second shows that there are
two of them (RFC 9700 §4.14.2). Nothing tells which one is the thief, so both have to sign in again.
"""

import base64
import binascii
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from app.accounts import token_queries
from app.accounts.digests import digest
from app.accounts.models import Person, TokenFamily
from app.accounts.service import find_person, note_person, principal_of
from app.audit.rules import Act
from app.errors import BadRequest, Unauthenticated

PREFIX: Final = "tongtang_refresh_"
_ID_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_LENGTH: Final = len(PREFIX) + 4 * (_ID_BYTES + _SECRET_BYTES) // 3
MOST: Final = 100
"""Families of one person; the oldest end first."""


class Given(NamedTuple):
    """A refresh token that was just made: the only time it is known whole."""

    family_id: uuid.UUID
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Turned:
    """What a good refresh token is exchanged for."""

    person: Person
    given: Given


class _Parts(NamedTuple):
    family_id: uuid.UUID
    hash: str


def open_family(
    session: Session,
    person_id: uuid.UUID,
    life: timedelta,
    now: datetime,
    *,
    device: str = "",
    address: str = "",
) -> Given:
    """Begin with a sign-in; nothing that comes of it lasts longer than this life."""
    token_queries.forget_families(session, person_id, MOST - 1)
    family_id = uuid.uuid4()
    token = _new_token(family_id)
    session.add(
        TokenFamily(
            id=family_id,
            person_id=person_id,
            secret_hash=digest(token),
            created_at=now,
            expires_at=now + life,
            device=device or None,
            address=address or None,
            seen_at=now,
        )
    )
    session.flush()
    return Given(family_id, token, now + life)


def turn(session: Session, token: str, now: datetime) -> Turned | None:
    """Exchange a refresh token for the next one.

    None: it was exchanged before, and its family has just been ended, which has to be committed. Raises `BadRequest`
    when it is none of ours, has run out, or its account was closed or its password changed.
    """
    parts = _parts(token)
    family = token_queries.token_family(session, parts.family_id)
    if family is None or family.expires_at <= now:
        raise refused()
    fresh = _new_token(family.id)
    person = find_person(session, family.person_id)
    assert person is not None  # the foreign key sees to it
    if not token_queries.turn_family(session, family.id, parts.hash, digest(fresh), now):
        token_queries.end_family(session, family.id)
        note_person(session, Act.TOKEN_REPLAYED, None, person, after={"family": family.id})
        return None
    try:
        principal_of(session, person.id, now, issued_at=family.created_at.timestamp())
    except Unauthenticated:
        raise refused() from None
    return Turned(person, Given(family.id, fresh, family.expires_at))


def family_of(token: str) -> uuid.UUID | None:
    """The family a refresh token names; None when this is none."""
    try:
        return _parts(token).family_id
    except BadRequest:
        return None


def end_family(session: Session, family_id: uuid.UUID) -> None:
    """Sign a program out; nothing happens when it was not signed in."""
    family = token_queries.token_family(session, family_id)
    if family is None or not token_queries.end_family(session, family_id):
        return
    person = find_person(session, family.person_id)
    assert person is not None
    note_person(session, Act.SIGNED_OUT, person.id, person, after={"family": family_id})


def refused() -> BadRequest:
    """The answer to every refresh token that is of no use, whatever the reason."""
    return BadRequest(
        "token.refresh_refused",
        "Refresh token refused",
        "The refresh token is unknown, has run out or was used before; sign in again.",
        error="invalid_grant",  # RFC 6749 §5.2
    )


def _new_token(family_id: uuid.UUID) -> str:
    raw = family_id.bytes + secrets.token_bytes(_SECRET_BYTES)
    return PREFIX + base64.urlsafe_b64encode(raw).decode()


def _parts(token: str) -> _Parts:
    if len(token) != _LENGTH or not token.startswith(PREFIX) or not token.isascii():
        raise refused()
    try:
        raw = base64.b64decode(token.removeprefix(PREFIX), altchars=b"-_", validate=True)
    except binascii.Error:
        raise refused() from None
    if len(raw) != _ID_BYTES + _SECRET_BYTES:
        raise refused()
    return _Parts(uuid.UUID(bytes=raw[:_ID_BYTES]), digest(token))
