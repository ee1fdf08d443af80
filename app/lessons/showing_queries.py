"""SQL of lessons as they are shown: with the names of everything in them, by columns and in three statements.

Lists are what people look at most. Loading rows as objects that are followed for changes would cost several times what
the database takes, so here they are plain values.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, String, Uuid, bindparam, column, or_, select, table
from sqlalchemy.orm import Session
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.database import written
from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.rules import FREES_RESOURCES, LessonState, SiteState
from app.timetables.rules import LessonMode


class ShownSite(NamedTuple):
    """A teaching site's part in a lesson."""

    lesson_id: UUID
    site_id: UUID
    site_code: str
    name: str
    path: str
    receiving_room_id: UUID
    state: SiteState
    joined_at: dt.datetime | None
    left_at: dt.datetime | None


class ShownLesson(NamedTuple):
    """A lesson with the names of its school, room and people, and with its sites."""

    id: UUID
    version: int
    county_id: UUID
    entry_id: UUID | None
    term_id: UUID
    date: dt.date
    period: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    subject: str
    title: str
    mode: LessonMode
    state: LessonState
    state_reason: str | None
    sequence: int
    calendar_uid: UUID
    moved_from_id: UUID | None
    makes_up_id: UUID | None
    went_live_at: dt.datetime | None
    ended_at: dt.datetime | None
    school_id: UUID
    school_name: str
    school_path: str
    main_room_id: UUID
    main_room_name: str
    teacher_id: UUID
    teacher_name: str
    substitute_for: UUID | None
    substitute_name: str | None
    """What the one is called who was to teach it."""
    pupil_group_ids: Sequence[UUID]
    sites: Sequence[ShownSite]


# By column: naming one of a class would make SQLAlchemy load by objects again.
_lessons = Lesson.__table__.c
_sites = LessonSite.__table__.c
_groups = LessonGroup.__table__.c
_freed = Lesson.__table__.alias("freed")


def _named(name: str, alias: str) -> FromClause:
    """A table of another domain, of which only names are read."""
    return table(name, column("id", Uuid()), column("name", String()), column("path", String())).alias(alias)


_school, _unit = _named("org_units", "school"), _named("org_units", "unit")
_room = _named("rooms", "main_room")
_teacher, _substituted = _named("people", "teacher"), _named("people", "substituted")


def _columns(
    shown: Sequence[str], own: ReadOnlyColumnCollection[str, Any], names: Mapping[str, ColumnElement[Any]]
) -> list[ColumnElement[Any]]:
    """What is selected, in the order of a value's fields."""
    return [names[field] if field in names else own[field] for field in shown]


LESSONS = (
    select(
        *_columns(
            ShownLesson._fields[:-2],
            _lessons,
            {
                "school_name": _school.c.name,
                "school_path": _school.c.path,
                "main_room_name": _room.c.name,
                "teacher_name": _teacher.c.name,
                "substitute_name": _substituted.c.name,
            },
        )
    )
    .select_from(Lesson.__table__)
    .join(_school, _school.c.id == _lessons.school_id)
    .join(_room, _room.c.id == _lessons.main_room_id)
    .join(_teacher, _teacher.c.id == _lessons.teacher_id)
    .outerjoin(_substituted, _substituted.c.id == _lessons.substitute_for)
    .order_by(_lessons.starts_at, _lessons.id)
)
_SITES = (
    select(*_columns(ShownSite._fields, _sites, {"name": _unit.c.name, "path": _unit.c.path}))
    .select_from(LessonSite.__table__)
    .join(_unit, _unit.c.id == _sites.site_id)
    .where(_sites.lesson_id.in_(bindparam("ids", expanding=True)))
    .order_by(_sites.site_code)
)
_GROUPS = (
    select(_groups.lesson_id, _groups.pupil_group_id)
    .where(_groups.lesson_id.in_(bindparam("ids", expanding=True)), _groups.released.is_(False))
    .order_by(_groups.pupil_group_id)
)
_OWN = len(ShownLesson._fields) - 2
_BY_ID = LESSONS.where(_lessons.id.in_(bindparam("ids", expanding=True)))


def by_ids(session: Session, ids: Collection[UUID]) -> Sequence[ShownLesson]:
    """Lessons as they are now, in order; what the session has changed has to be flushed before."""
    return whole(session, session.execute(_BY_ID, {"ids": list(ids)}).all())


def whole(session: Session, rows: Sequence[Any]) -> Sequence[ShownLesson]:
    """Lessons with what belongs to them."""
    ids = {"ids": [row.id for row in rows]}
    groups: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for lesson_id, group_id in session.execute(_GROUPS, ids).all() if rows else ():
        groups[lesson_id].append(group_id)
    sites: defaultdict[UUID, list[ShownSite]] = defaultdict(list)
    for each in session.execute(_SITES, ids).all() if rows else ():
        sites[each[0]].append(ShownSite(*each))
    return [ShownLesson._make((*row[:_OWN], groups[row[0]], sites[row[0]])) for row in rows]


def takes_part(lessons: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """Whether a site has a part in a lesson, be it one that does not take place: the same as `rules.belongs`."""
    stays = _sites.state.not_in(written([SiteState.CANCELLED]))
    return or_(stays, lessons.state.in_(written(FREES_RESOURCES)))


def served_lessons() -> Select[UUID]:
    """The lessons that sites take part in."""
    return select(_sites.lesson_id).join(_freed, _freed.c.id == _sites.lesson_id).where(takes_part(_freed.c))
