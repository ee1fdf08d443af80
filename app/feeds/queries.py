"""SQL of calendar feeds."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from app.feeds.models import CalendarFeed


def feed(session: Session, feed_id: UUID) -> CalendarFeed | None:
    return session.get(CalendarFeed, feed_id)


def feed_by_secret(session: Session, secret_hash: str) -> CalendarFeed | None:
    """The feed with this secret, unless it was revoked."""
    query = select(CalendarFeed).where(
        CalendarFeed.secret_hash == secret_hash, CalendarFeed.revoked_at.is_(None)
    )
    return session.scalar(query)


def feeds_of(
    session: Session,
    county_id: UUID,
    owner_id: UUID | None,
    after: tuple[dt.datetime, UUID] | None,
    limit: int,
) -> Sequence[CalendarFeed]:
    """Feeds that still work, oldest first; those of one owner, or of a whole county."""
    query = select(CalendarFeed).where(CalendarFeed.county_id == county_id, CalendarFeed.revoked_at.is_(None))
    if owner_id is not None:
        query = query.where(CalendarFeed.owner_id == owner_id)
    if after is not None:
        query = query.where(tuple_(CalendarFeed.created_at, CalendarFeed.id) > tuple_(*after))
    return session.scalars(query.order_by(CalendarFeed.created_at, CalendarFeed.id).limit(limit)).all()


def count_of(session: Session, owner_id: UUID) -> int:
    query = select(func.count(CalendarFeed.id)).where(
        CalendarFeed.owner_id == owner_id, CalendarFeed.revoked_at.is_(None)
    )
    return session.scalar(query) or 0
