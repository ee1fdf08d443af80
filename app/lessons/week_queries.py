"""SQL of one week of the timetable: the lessons of a room, a site, a teacher or a pupil group."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.queries import known
from app.lessons.showing_queries import LESSONS, ShownLesson, served_lessons, whole

_ANY_ZONE = dt.timedelta(days=2)
"""A local day lies within so much of the same day of UTC."""

_lessons = Lesson.__table__.c
_sites = LessonSite.__table__.c
_groups = LessonGroup.__table__.c


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose week is looked at: one of these is given."""

    room_id: UUID | None = None
    site_id: UUID | None = None
    teacher_id: UUID | None = None
    group_id: UUID | None = None


def week(
    session: Session, county_id: UUID, whose: Whose, first_day: dt.date, last_day: dt.date, drafts: bool
) -> Sequence[ShownLesson]:
    """The lessons of a room, a site, a teacher or a pupil group on some days, in order."""
    begin = dt.datetime.combine(first_day, dt.time(), dt.UTC) - _ANY_ZONE
    end = dt.datetime.combine(last_day, dt.time(), dt.UTC) + _ANY_ZONE
    query = LESSONS.where(
        _lessons.county_id == county_id,
        _lessons.starts_at > begin,
        _lessons.starts_at < end,
        _lessons.date.between(first_day, last_day),
        _of(whose, begin, end),
    )
    if not drafts:
        query = query.where(known())
    return whole(session, session.execute(query).all())


def _of(whose: Whose, begin: dt.datetime, end: dt.datetime) -> ColumnElement[bool]:
    if whose.teacher_id is not None:
        return or_(_lessons.teacher_id == whose.teacher_id, _lessons.substitute_for == whose.teacher_id)
    if whose.group_id is not None:
        groups = select(_groups.lesson_id).where(
            _groups.pupil_group_id == whose.group_id, _groups.starts_at > begin, _groups.starts_at < end
        )
        return _lessons.id.in_(groups)
    served = served_lessons().where(_sites.starts_at > begin, _sites.starts_at < end)
    if whose.site_id is not None:
        return _lessons.id.in_(served.where(_sites.site_id == whose.site_id))
    received = served.where(_sites.receiving_room_id == whose.room_id)
    return or_(_lessons.main_room_id == whose.room_id, _lessons.id.in_(received))
