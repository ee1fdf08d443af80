"""SQL of the changes people have to be told."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from app.lessons.models import LessonChange


def add_changes(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write many changes; what the session has changed has to be flushed before."""
    if rows:
        session.execute(insert(LessonChange), rows)


def take_waiting(session: Session, limit: int, now: dt.datetime) -> Sequence[LessonChange]:
    """The oldest waiting changes; two takers at once get different ones."""
    query = select(LessonChange).where(LessonChange.taken_at.is_(None))
    query = query.order_by(LessonChange.at, LessonChange.id).limit(limit)
    rows = session.scalars(query.with_for_update(skip_locked=True)).all()
    taken = update(LessonChange).where(LessonChange.id.in_([row.id for row in rows]))
    session.execute(taken.values(taken_at=now))
    return rows


def changes_of(session: Session, lesson_id: UUID, limit: int) -> Sequence[LessonChange]:
    """The newest changes of a lesson."""
    query = select(LessonChange).where(LessonChange.lesson_id == lesson_id)
    return session.scalars(query.order_by(LessonChange.at.desc(), LessonChange.id).limit(limit)).all()


def waiting(session: Session) -> int:
    """How many changes nobody has taken."""
    return session.scalar(select(func.count(LessonChange.id)).where(LessonChange.taken_at.is_(None))) or 0
