"""SQL of notices."""

import datetime as dt
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from app.database import rows_of
from app.notices.models import Notice


def notices_of_acts(session: Session, act_ids: Collection[UUID]) -> Sequence[Notice]:
    return session.scalars(select(Notice).where(Notice.act_id.in_(act_ids))).all()


def notice(session: Session, notice_id: UUID) -> Notice | None:
    return session.get(Notice, notice_id)


def notices_page(
    session: Session,
    person_id: UUID,
    unread: bool,
    before: tuple[dt.datetime, UUID] | None,
    limit: int,
) -> Sequence[Notice]:
    """A person's notices, the newest first."""
    query = select(Notice).where(Notice.person_id == person_id)
    if unread:
        query = query.where(Notice.read_at.is_(None))
    if before is not None:
        query = query.where(tuple_(Notice.told_at, Notice.id) < tuple_(*before))
    return session.scalars(query.order_by(Notice.told_at.desc(), Notice.id.desc()).limit(limit)).all()


def unread(session: Session, person_id: UUID) -> int:
    query = select(func.count(Notice.id)).where(Notice.person_id == person_id, Notice.read_at.is_(None))
    return session.scalar(query) or 0


def mark_read(session: Session, person_id: UUID, told_until: dt.datetime, now: dt.datetime) -> int:
    """Note that a person has read all they were told until then; says how many that were not read."""
    new = (Notice.person_id == person_id, Notice.read_at.is_(None), Notice.told_at <= told_until)
    return rows_of(session.execute(update(Notice).where(*new).values(read_at=now)))


def forget_old(session: Session, told_before: dt.datetime) -> int:
    return rows_of(session.execute(delete(Notice).where(Notice.told_at < told_before)))


def forget_beyond(session: Session, most: int) -> int:
    """Delete what is beyond so many notices of one person, the oldest."""
    crowded = select(Notice.person_id).group_by(Notice.person_id).having(func.count(Notice.id) > most)
    place = func.row_number().over(
        partition_by=Notice.person_id, order_by=(Notice.told_at.desc(), Notice.id.desc())
    )
    ranked = select(Notice.id, place.label("place")).where(Notice.person_id.in_(crowded)).subquery()
    beyond = select(ranked.c.id).where(ranked.c.place > most)
    return rows_of(session.execute(delete(Notice).where(Notice.id.in_(beyond))))
