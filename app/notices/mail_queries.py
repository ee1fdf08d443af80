"""SQL of notices by mail."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.notices.models import Notice, NoticeLetter, NoticeSettings

_WAITING = NoticeLetter.done_at.is_(None)
"""The same as the state of that name, in the words of the index."""


def settings(session: Session, person_ids: Collection[UUID]) -> dict[UUID, NoticeSettings]:
    """What people said about being told."""
    query = select(NoticeSettings).where(NoticeSettings.person_id.in_(person_ids))
    return {each.person_id: each for each in session.scalars(query)}


def notices(session: Session, ids: Collection[UUID]) -> Sequence[Notice]:
    """Notices by id, the oldest first."""
    return session.scalars(select(Notice).where(Notice.id.in_(ids)).order_by(Notice.told_at, Notice.id)).all()


def anything_due(session: Session, now: dt.datetime) -> bool:
    query = select(NoticeLetter.id).where(_WAITING, NoticeLetter.next_at <= now).limit(1)
    return session.scalar(query) is not None


def waiting(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(NoticeLetter).where(_WAITING)) or 0


def claim(session: Session, now: dt.datetime, until: dt.datetime, limit: int) -> Sequence[NoticeLetter]:
    """The letters that are due longest, for an attempt of ours; two who claim at once get different ones."""
    query = (
        select(NoticeLetter)
        .where(_WAITING, NoticeLetter.next_at <= now)
        .order_by(NoticeLetter.next_at, NoticeLetter.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    found = session.scalars(query).all()
    for each in found:
        each.attempts += 1
        each.next_at = until
    session.flush()
    return found


def settle(session: Session, letter_ids: Collection[UUID], values: Mapping[str, object]) -> None:
    """Write how it went, to those that are not settled yet."""
    own = (NoticeLetter.id.in_(letter_ids), _WAITING)
    session.execute(update(NoticeLetter).where(*own).values(values))
