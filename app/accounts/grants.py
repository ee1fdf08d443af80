"""Lesson grants: the right to publish or watch one stream of one lesson for a short while.

A grant is all a media client needs, and it is checked without a database.
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from app.accounts.tokens import TokenKind, read, sign
from app.errors import Unauthenticated
from app.keys import Keys

Direction = Literal["publish", "watch"]


@dataclass(frozen=True)
class Grant:
    """What a grant allows, and to whom it was given."""

    lesson_id: uuid.UUID
    stream: str
    direction: Direction
    person_id: uuid.UUID
    until: datetime
    viewer: str = ""
    """The page or program it was given to: all grants of one answer share it, and their media share a link."""


def new_viewer() -> str:
    """A name for a page or program that joins, which nobody can guess."""
    return secrets.token_urlsafe(12)


def issue_grant(
    keys: Keys,
    *,
    lesson_id: uuid.UUID,
    stream: str,
    direction: Direction,
    person_id: uuid.UUID,
    until: datetime,
    viewer: str = "",
    now: datetime | None = None,
) -> str:
    """A grant as a bearer token."""
    claims = {"sub": str(person_id), "lesson": str(lesson_id), "stream": stream, "dir": direction}
    if viewer:
        claims["viewer"] = viewer
    return sign(keys, TokenKind.GRANT, claims, now=now or datetime.now(UTC), until=until)


def read_grant(keys: Keys, token: str, now: datetime | None = None) -> Grant:
    """Read a grant; raises `Unauthenticated` unless it is ours, a grant, and still good."""
    claims = read(keys, TokenKind.GRANT, token, now=now or datetime.now(UTC))
    try:
        return Grant(
            lesson_id=uuid.UUID(claims["lesson"]),
            stream=claims["stream"],
            direction=claims["dir"],
            person_id=uuid.UUID(claims["sub"]),
            until=datetime.fromtimestamp(claims["exp"], UTC),
            viewer=str(claims.get("viewer", "")),
        )
    except (KeyError, ValueError):
        raise Unauthenticated("token.invalid", "Unknown token", "The grant is incomplete.") from None
