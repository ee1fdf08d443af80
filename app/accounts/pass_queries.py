"""SQL of what lets in without an account: rooms' terminals and guest links."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import (
    select,
    update,
)
from sqlalchemy.orm import Session

from app.accounts.models import (
    GuestLink,
    RoomTerminal,
)


def terminals_by_ids(session: Session, ids: Collection[uuid.UUID]) -> Sequence[RoomTerminal]:
    return session.scalars(select(RoomTerminal).where(RoomTerminal.id.in_(ids))).all()


def guest_links_by_ids(session: Session, ids: Collection[uuid.UUID]) -> Sequence[GuestLink]:
    return session.scalars(select(GuestLink).where(GuestLink.id.in_(ids))).all()


def guest_links_of(session: Session, lesson_id: uuid.UUID) -> Sequence[GuestLink]:
    query = select(GuestLink).where(GuestLink.lesson_id == lesson_id)
    return session.scalars(query.order_by(GuestLink.made_at, GuestLink.id)).all()


def use_guest_link(session: Session, secret_hash: str, now: datetime) -> GuestLink | None:
    """Count one use of a link that is good; None when none is."""
    good = (
        GuestLink.secret_hash == secret_hash,
        GuestLink.revoked_at.is_(None),
        GuestLink.expires_at > now,
        GuestLink.used < GuestLink.uses,
    )
    used = update(GuestLink).where(*good).values(used=GuestLink.used + 1).returning(GuestLink)
    return session.scalars(used).one_or_none()
