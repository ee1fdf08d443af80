"""Lesson grants: the right to publish or watch one stream of one lesson for a short while.

A grant is all a media client needs, and it is checked without a database.
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from app.accounts.rules import Basis, BasisKind, Holder, HolderKind
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
    holder: Holder
    given_at: datetime
    until: datetime
    viewer: str = ""
    """The page or program it was given to: all grants of one answer share it, and their media share a link."""
    basis: Basis | None = None
    """What that program was let in by."""


def new_viewer() -> str:
    """A name for a page or program that joins, which nobody can guess."""
    return secrets.token_urlsafe(12)


def issue_grant(
    keys: Keys,
    *,
    lesson_id: uuid.UUID,
    stream: str,
    direction: Direction,
    holder: Holder,
    until: datetime,
    viewer: str = "",
    basis: Basis | None = None,
    now: datetime | None = None,
) -> str:
    """A grant as a bearer token."""
    claims = {"sub": str(holder.id), "lesson": str(lesson_id), "stream": stream, "dir": direction}
    if holder.kind is not HolderKind.PERSON:
        claims["of"] = holder.kind
    if viewer:
        claims["viewer"] = viewer
    if basis is not None:
        claims["by"] = f"{basis.kind}:{basis.id}"
    return sign(keys, TokenKind.GRANT, claims, now=now or datetime.now(UTC), until=until)


def read_grant(keys: Keys, token: str, now: datetime | None = None) -> Grant:
    """Read a grant; raises `Unauthenticated` unless it is ours, a grant, and still good."""
    claims = read(keys, TokenKind.GRANT, token, now=now or datetime.now(UTC))
    try:
        return Grant(
            lesson_id=uuid.UUID(claims["lesson"]),
            stream=claims["stream"],
            direction=claims["dir"],
            holder=Holder(HolderKind(claims.get("of", HolderKind.PERSON)), uuid.UUID(claims["sub"])),
            given_at=datetime.fromtimestamp(claims["iat"], UTC),
            until=datetime.fromtimestamp(claims["exp"], UTC),
            viewer=str(claims.get("viewer", "")),
            basis=_basis_of(claims.get("by")),
        )
    except (KeyError, ValueError):
        raise Unauthenticated("token.invalid", "Unknown token", "The grant is incomplete.") from None


def _basis_of(written: str | None) -> Basis | None:
    if written is None:
        return None
    kind, _, named = written.partition(":")
    return Basis(BasisKind(kind), uuid.UUID(named))
