"""Use cases of browser sessions: a page signs in, and scripts never see what proves it."""

import contextlib
import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from app.accounts import sign_in_queries as queries
from app.accounts.digests import digest
from app.accounts.models import BrowserSession
from app.accounts.rules import Principal, Used
from app.accounts.service import principal_of
from app.database import SessionFactory
from app.errors import DATABASE_TROUBLE, Unauthenticated

SEEN_EVERY: Final = timedelta(minutes=10)
LONGER: Final = timedelta(hours=4)
"""So much longer than others a page may stay signed in that is in a lesson; one that a program opened ends with it."""
LONGEST_SID: Final = 255
MOST: Final = 100
"""Sign-ins of one person's pages; the oldest end first."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How a browser was signed in, as its owner will see it in a list."""

    device: str = ""
    address: str = ""
    second_factor: bool = False
    """The identity provider asked for one."""
    by_provider: bool = False
    provider_sid: str | None = None
    """What the provider calls its own session, if it says so."""
    family_id: uuid.UUID | None = None
    """The sign-in of the program whose token opened it, and with which it ends."""


UNKNOWN: Final = Circumstances()


class Opened(NamedTuple):
    """A session that was just opened: its public name, the secret for the cookie, and its end."""

    name: str
    secret: str
    expires_at: datetime


def open_session(
    session: Session, person_id: uuid.UUID, life: timedelta, now: datetime, how: Circumstances = UNKNOWN
) -> Opened:
    """Sign a browser in; what ran out of the person's other sessions is forgotten.

    Raises `Unauthenticated` when the program's sign-in that lets it in has ended meanwhile.
    """
    queries.forget_sessions(session, person_id, now, MOST - 1)
    secret = secrets.token_urlsafe(32)
    expires_at = now + life
    if how.family_id is not None:
        until = queries.hold_family(session, how.family_id)
        if until is None or until <= now:
            raise Unauthenticated("token.void", "Token void", "This sign-in was ended; sign in again.")
        expires_at = min(expires_at, until)
    opened = BrowserSession(
        person_id=person_id,
        secret_hash=digest(secret),
        created_at=now,
        expires_at=expires_at,
        second_factor=how.second_factor,
        by_provider=how.by_provider,
        provider_sid=how.provider_sid,
        family_id=how.family_id,
        device=how.device or None,
        address=how.address or None,
        seen_at=now,
    )
    session.add(opened)
    session.flush()
    return Opened(_name(opened.id), secret, expires_at)


def renew(
    session: Session, used: Used, life: timedelta, now: datetime, address: str | None = None
) -> Opened | None:
    """Give a page's sign-in another secret and a whole life, for somebody who just showed their password.

    It stays what it was: where it was opened, and that the identity provider vouched, so that it ends when they sign
    out there. None when it was ended meanwhile.
    """
    secret = secrets.token_urlsafe(32)
    fresh = {
        "secret_hash": digest(secret),
        "created_at": now,
        "expires_at": now + life,
        "family_id": None,  # a program's token was the reason until the password was
        "address": address,
        "seen_at": now,
    }
    return Opened(_name(used.id), secret, now + life) if queries.renew(session, used.id, fresh) else None


def stay(factory: SessionFactory, used: Used | None, until: datetime, life: timedelta) -> None:
    """Let a page that is in a lesson stay signed in until then, at most `LONGER` than its life."""
    if used is None or until <= used.expires_at:
        return
    with factory.begin() as session:
        queries.prolong(session, used.id, until, life + LONGER)


def principal_of_session(session: Session, secret: str, now: datetime) -> Principal:
    """The person whose browser knows this secret; raises `Unauthenticated`."""
    found = queries.browser_session(session, digest(secret))
    if found is None or found.expires_at <= now:
        raise Unauthenticated("session.over", "Signed out", "This sign-in is over; sign in again.")
    principal = principal_of(session, found.person_id, now, issued_at=found.created_at.timestamp())
    return replace(
        principal, second_factor=found.second_factor, browser=Used(found.id, found.seen_at, found.expires_at)
    )


def end_session(session: Session, secret: str) -> None:
    """Sign a browser out; nothing happens when it was not signed in."""
    queries.end_session(session, digest(secret))


def forget_expired(session: Session, now: datetime) -> int:
    """Delete what ran out of everybody's sessions; says how many."""
    return queries.forget_all_sessions(session, now)


def _name(session_id: uuid.UUID) -> str:
    return session_id.hex[:12]


def note_seen(factory: SessionFactory, used: Used | None, now: datetime) -> None:
    """Write down that a page is in use, unless that was done a moment ago."""
    if used is None or (used.last_noted is not None and now < used.last_noted + SEEN_EVERY):
        return
    # The next use is noted if the database is too busy for this one.
    with contextlib.suppress(*DATABASE_TROUBLE), factory.begin() as session:
        queries.note_seen(session, used.id, now)


def over(session: Session, secrets_by_name: dict[str, str], now: datetime) -> Collection[str]:
    """The names of those sessions a browser still has cookies of that are over."""
    alive = queries.live_sessions(session, [digest(secret) for secret in secrets_by_name.values()], now)
    return [name for name, secret in secrets_by_name.items() if digest(secret) not in alive]
