"""Use cases of access tokens: what scripts show instead of a person's sign-in."""

import contextlib
import secrets
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from app.accounts import queries, token_queries
from app.accounts.digests import digest
from app.accounts.models import AccessToken
from app.accounts.permissions import Action
from app.accounts.reach import Target, require
from app.accounts.rules import Principal, Used
from app.accounts.scopes import ACCESS_TOKEN
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import SessionFactory
from app.errors import DATABASE_TROUBLE, Conflict, Forbidden, Invalid, NotFound

MOST: Final = 20
LONGEST: Final = timedelta(days=366)
NOTED_EVERY: Final = timedelta(minutes=10)
"""So seldom the time of a use is written: a script may call often."""


class Minted(NamedTuple):
    """A token that was just made: the only time its secret is known."""

    row: AccessToken
    secret: str


def mint(
    session: Session,
    principal: Principal,
    name: str,
    scopes: Collection[str],
    expires_at: datetime,
    now: datetime,
) -> Minted:
    """Make a token for oneself. It is good for no more than one may do oneself at the time it is used."""
    if principal.must_change_password:
        raise Forbidden(
            "password.change_first",
            "Change the password first",
            "Somebody else chose your password. Choose another one: `POST /api/v1/me/password`.",
        )
    if not now < expires_at <= now + LONGEST:
        raise Invalid(
            "access_token.life",
            "Too long or too short",
            f"An access token ends at some time within {LONGEST.days} days.",
        )
    if len(token_queries.access_tokens_of(session, principal.person_id)) >= MOST:
        raise Conflict(
            "access_token.too_many", "Too many", f"You have {MOST} access tokens; revoke one first."
        )
    secret = ACCESS_TOKEN + secrets.token_urlsafe(32)
    row = AccessToken(
        person_id=principal.person_id,
        name=name,
        scopes=" ".join(sorted(set(scopes))),
        secret_hash=digest(secret),
        created_at=now,
        expires_at=expires_at,
        last_used_at=None,
    )
    session.add(row)
    session.flush()
    facts = {"scopes": row.scopes, "expires_at": row.expires_at}
    _note(session, Act.ACCESS_TOKEN_MINTED, principal.county_id, row, after=facts)
    return Minted(row, secret)


def list_own(session: Session, principal: Principal) -> Sequence[AccessToken]:
    """One's own tokens, the newest first."""
    return token_queries.access_tokens_of(session, principal.person_id)


def revoke(session: Session, principal: Principal, token_id: uuid.UUID) -> None:
    """End one of one's own tokens at once; raises `NotFound`."""
    missing = NotFound(
        "access_token.not_found", "No such access token", f"There is no access token {token_id}."
    )
    row = token_queries.access_token_by_id(session, token_id)
    if row is None:
        raise missing
    # Somebody else's is looked at as if it were in no county: nobody may know of it.
    owner = Target(uuid.UUID(int=0), person_id=row.person_id)
    require(principal, Action.ACCESS_TOKEN_REVOKE, owner, missing)
    _end(session, row, principal.county_id)


def revoke_shown(session: Session, secret: str) -> None:
    """End the token that somebody shows, whoever they are (RFC 7009 §2.1): found ones should end."""
    row = token_queries.access_token(session, digest(secret))
    if row is None:
        return
    person = queries.person_with_assignments(session, row.person_id)
    assert person is not None  # the foreign key sees to it
    _end(session, row, person.county_id)


def note_use(factory: SessionFactory, used: Used | None, now: datetime) -> None:
    """Write down that a token is in use, unless that was done a moment ago."""
    if used is None or (used.last_noted is not None and now < used.last_noted + NOTED_EVERY):
        return
    # The next use is noted if the database is too busy for this one.
    with contextlib.suppress(*DATABASE_TROUBLE), factory.begin() as session:
        token_queries.note_use(session, used.id, now)


def forget_expired(session: Session, now: datetime) -> int:
    """Delete what ran out of everybody's tokens and refresh tokens; says how many."""
    return token_queries.forget_expired_tokens(session, now)


def _end(session: Session, row: AccessToken, county_id: uuid.UUID) -> None:
    _note(session, Act.ACCESS_TOKEN_REVOKED, county_id, row)
    session.delete(row)
    session.flush()


def _note(
    session: Session,
    act: Act,
    county_id: uuid.UUID,
    row: AccessToken,
    after: dict[str, object] | None = None,
) -> None:
    audit.note(session, act, county_id, row.person_id, Subject("access_token", row.id), after=after)
