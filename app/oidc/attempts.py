"""An attempt to sign in by the provider: begun here, away at the provider, back within minutes.

What it takes to recognise it lies in a cookie that we signed, so that nobody makes us remember anything; when it
comes back, its state is used up (`service.use_state`).
"""

import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from app.accounts.tokens import TokenKind, read, sign
from app.errors import Unauthenticated
from app.keys import Keys

LIFE: Final = timedelta(minutes=15)
COOKIE: Final = "provider"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What ties the provider's answer to the browser that asked."""

    state: str
    nonce: str
    verifier: str
    """RFC 7636: the code is of use only to whoever knows it."""
    person_id: uuid.UUID | None = None
    """Who is signed in already, and wants to connect the provider's account with their own."""

    @classmethod
    def new(cls, person_id: uuid.UUID | None = None) -> "Attempt":
        """One that nobody can guess."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), person_id)

    def is_answered_by(self, state: str) -> bool:
        """Whether an answer is to this attempt."""
        return hmac.compare_digest(self.state.encode(), state.encode("utf-8", "replace"))


def written(keys: Keys, attempt: Attempt, now: datetime) -> str:
    """The attempt as its cookie holds it."""
    claims = {"state": attempt.state, "nonce": attempt.nonce, "verifier": attempt.verifier}
    if attempt.person_id is not None:
        claims["person"] = str(attempt.person_id)
    return sign(keys, TokenKind.ATTEMPT, claims, now=now, until=now + LIFE)


def recognised(keys: Keys, cookie: str, now: datetime) -> Attempt | None:
    """The attempt of a cookie; None when it is not ours or too old."""
    try:
        claims = read(keys, TokenKind.ATTEMPT, cookie, now=now)
    except Unauthenticated:
        return None
    person = claims.get("person")
    return Attempt(
        claims["state"],
        claims["nonce"],
        claims["verifier"],
        uuid.UUID(person) if person is not None else None,
    )


class Halfway(NamedTuple):
    """Who owes a code, what the provider calls its session, and when it vouched."""

    person_id: uuid.UUID
    sid: str | None
    vouched_at: datetime


def halfway(keys: Keys, person_id: uuid.UUID, sid: str | None, now: datetime) -> str:
    """What a cookie holds until the code was given; the provider vouched now."""
    claims = {"sub": str(person_id), **({"sid": sid} if sid else {})}
    return sign(keys, TokenKind.HALFWAY, claims, now=now, until=now + LIFE)


def who_is_halfway(keys: Keys, cookie: str, now: datetime) -> Halfway | None:
    """Who owes a code; None when the cookie is not ours or too old."""
    try:
        claims = read(keys, TokenKind.HALFWAY, cookie, now=now)
    except Unauthenticated:
        return None
    vouched_at = datetime.fromtimestamp(claims["iat"], UTC)
    return Halfway(uuid.UUID(claims["sub"]), claims.get("sid"), vouched_at)
