"""Guest links: the right to be in one lesson in one role, for whoever has the link. Lessons say who may make them."""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from app.accounts import pass_queries
from app.accounts.models import GuestLink
from app.accounts.rules import GuestRole
from app.accounts.tokens import TokenKind, sign
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.errors import Conflict, Unauthenticated
from app.keys import Keys

LINKS_PER_LESSON: Final = 50


@dataclass(frozen=True)
class Invitation:
    """A guest link to be made."""

    county_id: uuid.UUID
    lesson_id: uuid.UUID
    role: GuestRole
    name: str
    uses: int
    expires_at: datetime


class Made(NamedTuple):
    """A new link, and the secret that only its bearer will know."""

    link: GuestLink
    secret: str


class Admitted(NamedTuple):
    """A guest who was let in."""

    token: str
    link: GuestLink


def make(session: Session, wanted: Invitation, now: datetime) -> Made:
    """A link; raises `Conflict` when the lesson has too many."""
    if len(pass_queries.guest_links_of(session, wanted.lesson_id)) >= LINKS_PER_LESSON:
        raise Conflict(
            "guest.too_many", "Too many links", f"A lesson has up to {LINKS_PER_LESSON} guest links."
        )
    secret = secrets.token_urlsafe(32)
    link = GuestLink(
        county_id=wanted.county_id,
        lesson_id=wanted.lesson_id,
        role=wanted.role,
        name=wanted.name,
        uses=wanted.uses,
        secret_hash=_hash(secret),
        made_at=now,
        expires_at=wanted.expires_at,
    )
    session.add(link)
    session.flush()
    return Made(link, secret)


def of_lesson(session: Session, lesson_id: uuid.UUID) -> Sequence[GuestLink]:
    """All links of a lesson, in the order in which they were made."""
    return pass_queries.guest_links_of(session, lesson_id)


def find(session: Session, link_id: uuid.UUID) -> GuestLink | None:
    """A link by its id, or None."""
    return session.get(GuestLink, link_id)


def admit(session: Session, keys: Keys, secret: str, now: datetime) -> Admitted:
    """Let a guest in, which uses the link once; raises `Unauthenticated` when it is good for nothing any more."""
    link = pass_queries.use_guest_link(session, _hash(secret), now)
    if link is None:
        raise Unauthenticated(
            "guest.over",
            "Link over",
            "This link has run out, was taken back, or was used up; ask for another one.",
        )
    subject = Subject("guest_link", link.id)
    audit.note(session, Act.GUEST_ADMITTED, link.county_id, None, subject, after={"used": link.used})
    token = sign(keys, TokenKind.GUEST, {"sub": str(link.id)}, now=now, until=link.expires_at)
    return Admitted(token, link)


def revoke(session: Session, link: GuestLink, now: datetime) -> bool:
    """Take a link back; False when it was before."""
    if link.revoked_at is not None:
        return False
    link.revoked_at = now
    session.flush()
    return True


def _hash(secret: str) -> str:
    # 256 random bits need no salt and no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
