"""SQL of whole series of lessons: publishing them, and finding those of entries."""

import datetime as dt
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, and_, func, select, update
from sqlalchemy.orm import Session

from app.lessons.models import Lesson
from app.lessons.queries import WHOLE
from app.lessons.rules import FREES_RESOURCES, LessonState


def cancel_drafts_over(session: Session, entry_ids: Collection[UUID], now: dt.datetime) -> Sequence[UUID]:
    """Drafts whose time has passed, which nobody will be told of."""
    statement = update(Lesson).where(*_drafts(entry_ids), Lesson.ends_at <= now)
    return session.scalars(statement.values(state=LessonState.CANCELLED).returning(Lesson.id)).all()


def publish_drafts(session: Session, entry_ids: Collection[UUID]) -> int:
    """Let people see the drafts of entries; how many there were."""
    result = session.execute(update(Lesson).where(*_drafts(entry_ids)).values(state=LessonState.PUBLISHED))
    assert isinstance(result, CursorResult)
    return result.rowcount


def _drafts(entry_ids: Collection[UUID]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Lesson.entry_id.in_(entry_ids), Lesson.state == LessonState.DRAFT


def lessons_of_entries(
    session: Session, entry_ids: Collection[UUID], first_day: dt.date, last_day: dt.date
) -> Sequence[Lesson]:
    """All lessons of entries on some days, in whatever state, by date."""
    query = select(Lesson).where(
        Lesson.entry_id.in_(entry_ids), Lesson.date >= first_day, Lesson.date <= last_day
    )
    query = query.order_by(Lesson.date, Lesson.starts_at, Lesson.id).options(*WHOLE)
    return session.scalars(query, execution_options={"populate_existing": True}).all()


def entries_with_lessons(session: Session, term_ids: Collection[UUID]) -> frozenset[UUID]:
    """Entries of terms that have a lesson which was not called off."""
    off = LessonState.CANCELLED, LessonState.MOVED
    query = select(Lesson.entry_id).where(Lesson.term_id.in_(term_ids), Lesson.state.not_in(off)).distinct()
    return frozenset(each for each in session.scalars(query) if each is not None)


def entries_called_off(
    session: Session, term_ids: Collection[UUID], today: dt.date, last_day: dt.date = dt.date.max
) -> frozenset[UUID]:
    """Entries of terms whose lessons from a day on, until another, were all called off, one by one."""
    return _called_off(session, Lesson.term_id.in_(term_ids), today, last_day)


def called_off_of(session: Session, entry_ids: Collection[UUID], today: dt.date) -> frozenset[UUID]:
    """Those of some entries of which that is so."""
    return _called_off(session, Lesson.entry_id.in_(entry_ids), today, dt.date.max)


def _called_off(
    session: Session, which: ColumnElement[bool], first_day: dt.date, last_day: dt.date
) -> frozenset[UUID]:
    off = (func.min(Lesson.state) == LessonState.CANCELLED, func.max(Lesson.state) == LessonState.CANCELLED)
    query = select(Lesson.entry_id).where(which, Lesson.date.between(first_day, last_day))
    found = session.scalars(query.group_by(Lesson.entry_id).having(and_(*off)))
    return frozenset(each for each in found if each is not None)


def lessons_of_term(
    session: Session, term_id: UUID, first_day: dt.date, last_day: dt.date
) -> Sequence[Lesson]:
    """Lessons of a term on some days that take place or took place, by date."""
    query = select(Lesson).where(
        Lesson.term_id == term_id,
        Lesson.date.between(first_day, last_day),
        Lesson.state.not_in(FREES_RESOURCES),
    )
    query = query.order_by(Lesson.date, Lesson.starts_at, Lesson.id).options(*WHOLE)
    return session.scalars(query, execution_options={"populate_existing": True}).all()


def entries_with_lessons_on(
    session: Session, entry_ids: Collection[UUID], days: Collection[dt.date]
) -> frozenset[UUID]:
    """Those of some entries that have a lesson on one of some days."""
    query = select(Lesson.entry_id).where(Lesson.entry_id.in_(entry_ids), Lesson.date.in_(days))
    query = query.where(Lesson.state.not_in(FREES_RESOURCES)).distinct()
    return frozenset(each for each in session.scalars(query) if each is not None)


def hand_over(session: Session, lesson_ids: Collection[UUID], entry_id: UUID) -> None:
    """Let another entry have these lessons."""
    session.execute(update(Lesson).where(Lesson.id.in_(lesson_ids)).values(entry_id=entry_id))
