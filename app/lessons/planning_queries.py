"""SQL of whole series of lessons: publishing them, and finding those of entries."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, or_, select, update
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.queries import WHOLE, known
from app.lessons.rules import FREES_RESOURCES, LessonState, SiteState

_ANY_ZONE = dt.timedelta(days=2)
"""A local day lies within so much of the same day of UTC."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose week is looked at: one of these is given."""

    room_id: UUID | None = None
    site_id: UUID | None = None
    teacher_id: UUID | None = None
    group_id: UUID | None = None


def week_of(
    session: Session, county_id: UUID, whose: Whose, first_day: dt.date, last_day: dt.date, drafts: bool
) -> Sequence[Lesson]:
    """The lessons of a room, a site, a teacher or a pupil group on some days, in order."""
    begin = dt.datetime.combine(first_day, dt.time(), dt.UTC) - _ANY_ZONE
    end = dt.datetime.combine(last_day, dt.time(), dt.UTC) + _ANY_ZONE
    query = select(Lesson).where(
        Lesson.county_id == county_id,
        Lesson.starts_at > begin,
        Lesson.starts_at < end,
        Lesson.date.between(first_day, last_day),
        _of(whose, begin, end),
    )
    if not drafts:
        query = query.where(known())
    whole = (joinedload(Lesson.sites), selectinload(Lesson.groups))
    return session.scalars(query.order_by(Lesson.starts_at, Lesson.id).options(*whole)).unique().all()


def _of(whose: Whose, begin: dt.datetime, end: dt.datetime) -> ColumnElement[bool]:
    if whose.teacher_id is not None:
        return or_(Lesson.teacher_id == whose.teacher_id, Lesson.substitute_for == whose.teacher_id)
    if whose.group_id is not None:
        groups = select(LessonGroup.lesson_id).where(
            LessonGroup.pupil_group_id == whose.group_id,
            LessonGroup.starts_at > begin,
            LessonGroup.starts_at < end,
        )
        return Lesson.id.in_(groups)
    freed = aliased(Lesson)
    sites = (
        select(LessonSite.lesson_id)
        .join(freed, freed.id == LessonSite.lesson_id)
        .where(
            LessonSite.starts_at > begin,
            LessonSite.starts_at < end,
            # the same as rules.belongs
            or_(LessonSite.state != SiteState.CANCELLED, freed.state.in_(FREES_RESOURCES)),
        )
    )
    if whose.site_id is not None:
        return Lesson.id.in_(sites.where(LessonSite.site_id == whose.site_id))
    received = sites.where(LessonSite.receiving_room_id == whose.room_id)
    return or_(Lesson.main_room_id == whose.room_id, Lesson.id.in_(received))


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


def hand_over(session: Session, lesson_ids: Collection[UUID], entry_id: UUID) -> None:
    """Let another entry have these lessons."""
    session.execute(update(Lesson).where(Lesson.id.in_(lesson_ids)).values(entry_id=entry_id))
