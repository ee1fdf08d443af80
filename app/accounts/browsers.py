"""Use cases of browser sessions: a page signs in, and scripts never see what proves it."""

import secrets
import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.digests import digest
from app.accounts.models import BrowserSession
from app.accounts.rules import Principal
from app.accounts.service import principal_of
from app.errors import Unauthenticated


class Opened(NamedTuple):
    """A session that was just opened: its public name, and the secret for the cookie."""

    name: str
    secret: str


def open_session(
    session: Session, person_id: uuid.UUID, life: timedelta, now: datetime, *, second_factor: bool = False
) -> Opened:
    """Sign a browser in; what ran out of the person's other sessions is forgotten.

    `second_factor`: the identity provider asked for one.
    """
    queries.forget_sessions(session, person_id, now)
    secret = secrets.token_urlsafe(32)
    opened = BrowserSession(
        person_id=person_id,
        secret_hash=digest(secret),
        created_at=now,
        expires_at=now + life,
        second_factor=second_factor,
    )
    session.add(opened)
    session.flush()
    return Opened(opened.id.hex[:12], secret)


def principal_of_session(session: Session, secret: str, now: datetime) -> Principal:
    """The person whose browser knows this secret; raises `Unauthenticated`."""
    found = queries.browser_session(session, digest(secret))
    if found is None or found.expires_at <= now:
        raise Unauthenticated("session.over", "Signed out", "This sign-in is over; sign in again.")
    principal = principal_of(session, found.person_id, now, issued_at=found.created_at.timestamp())
    return replace(principal, second_factor=True) if found.second_factor else principal


def end_session(session: Session, secret: str) -> None:
    """Sign a browser out; nothing happens when it was not signed in."""
    queries.end_session(session, digest(secret))


def forget_expired(session: Session, now: datetime) -> int:
    """Delete what ran out of everybody's sessions; says how many."""
    return queries.forget_all_sessions(session, now)


def over(session: Session, secrets_by_name: dict[str, str], now: datetime) -> Collection[str]:
    """The names of those sessions a browser still has cookies of that are over."""
    alive = queries.live_sessions(session, [digest(secret) for secret in secrets_by_name.values()], now)
    return [name for name, secret in secrets_by_name.items() if digest(secret) not in alive]
