"""SQL of lessons as people's calendars show them: two statements, no table objects."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app.lessons.models import Lesson, LessonChange, LessonSite
from app.lessons.queries import known
from app.lessons.rules import FREES_RESOURCES, LessonState, SiteState

Condition = ColumnElement[bool]


def lessons(
    session: Session,
    county_id: UUID,
    whose: Condition | None,
    starts_from: dt.datetime,
    starts_before: dt.datetime,
    limit: int,
) -> Sequence[Row[Lesson, dt.datetime | None]]:
    """Lessons that people know of, by their start; those that moved away are found where they moved to."""
    changed = (
        select(func.max(LessonChange.at))
        .where(LessonChange.lesson_id == Lesson.id)
        .correlate(Lesson)
        .scalar_subquery()
    )
    query = select(Lesson, changed).where(
        Lesson.county_id == county_id,
        known(),
        Lesson.state != LessonState.MOVED,
        Lesson.starts_at >= starts_from,
        Lesson.starts_at < starts_before,
    )
    if whose is not None:
        query = query.where(whose)
    return session.execute(query.order_by(Lesson.starts_at, Lesson.id).limit(limit)).all()


class Duty(NamedTuple):
    """Org units somebody assists at, from one day through another."""

    first_day: dt.date
    last_day: dt.date | None
    unit_ids: Sequence[UUID]


def of_person(person_id: UUID, duties: Sequence[Duty]) -> Condition:
    """Lessons somebody teaches, and those that reach where they assist on the day."""
    return or_(Lesson.teacher_id == person_id, *(_on_duty(each) for each in duties))


def _on_duty(duty: Duty) -> Condition:
    from_then_on = and_(Lesson.date >= duty.first_day, _reaching(LessonSite.site_id.in_(duty.unit_ids)))
    return from_then_on if duty.last_day is None else and_(from_then_on, Lesson.date <= duty.last_day)


def of_room(room_id: UUID) -> Condition:
    """Lessons given in a room or reaching it."""
    return or_(Lesson.main_room_id == room_id, _reaching(LessonSite.receiving_room_id == room_id))


def of_site(unit_ids: Sequence[UUID]) -> Condition:
    """Lessons given at these org units or reaching them."""
    return or_(Lesson.school_id.in_(unit_ids), _reaching(LessonSite.site_id.in_(unit_ids)))


def _reaching(place: Condition) -> Condition:
    # A site that was dropped is out of it; the sites of a lesson that was cancelled are told so.
    return exists().where(
        LessonSite.lesson_id == Lesson.id,
        place,
        or_(LessonSite.state != SiteState.CANCELLED, Lesson.state.in_(FREES_RESOURCES)),
    )


def site_rooms(session: Session, lesson_ids: Sequence[UUID]) -> Mapping[UUID, list[UUID]]:
    """The receiving rooms of each lesson, by the code of their site."""
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for start in range(0, len(lesson_ids), 500):  # SQLite takes a bounded number of parameters
        query = (
            select(LessonSite.lesson_id, LessonSite.receiving_room_id)
            .join(Lesson, Lesson.id == LessonSite.lesson_id)
            .where(
                LessonSite.lesson_id.in_(lesson_ids[start : start + 500]),
                or_(LessonSite.state != SiteState.CANCELLED, Lesson.state.in_(FREES_RESOURCES)),
            )
            .order_by(LessonSite.site_code)
        )
        for lesson_id, room_id in session.execute(query):
            found[lesson_id].append(room_id)
    return found
