"""SQL of what holds teachers, rooms and pupils, and of putting whole sets of lessons down."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.rules import FREES_RESOURCES, SiteState
from app.timetables.clashes import Booking, Resource
from app.timetables.rules import Interval

# No lesson is longer: with it, an index over starts alone finds what reaches into a span.
_LONGEST = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Needs:
    """Who and what lessons need."""

    teacher_ids: frozenset[UUID]
    main_room_ids: frozenset[UUID]
    receiving_room_ids: frozenset[UUID]
    pupil_group_ids: frozenset[UUID]

    @classmethod
    def of_all(cls, needs: Collection["Needs"]) -> "Needs":
        """Of all together."""
        nothing: frozenset[UUID] = frozenset()
        return cls(
            nothing.union(*(each.teacher_ids for each in needs)),
            nothing.union(*(each.main_room_ids for each in needs)),
            nothing.union(*(each.receiving_room_ids for each in needs)),
            nothing.union(*(each.pupil_group_ids for each in needs)),
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """Lessons with their sites and groups, as they are put down."""

    lessons: list[dict[str, Any]]
    sites: list[dict[str, Any]]
    groups: list[dict[str, Any]]


def bookings(
    session: Session, needs: Needs, within: Interval, apart_from: Collection[UUID] = ()
) -> list[Booking]:
    """What already holds these people and rooms anywhere in a span, but for some lessons."""
    found = [
        *_of_lessons(session, needs, within),
        *_of_sites(session, needs, within),
        *(_of_groups(session, needs, within) if needs.pupil_group_ids else ()),
    ]
    without = frozenset(apart_from)
    return [each for each in found if each.lesson_id not in without]


def _of_lessons(session: Session, needs: Needs, within: Interval) -> list[Booking]:
    query = select(Lesson.id, Lesson.teacher_id, Lesson.main_room_id, Lesson.starts_at, Lesson.ends_at).where(
        or_(Lesson.teacher_id.in_(needs.teacher_ids), Lesson.main_room_id.in_(needs.main_room_ids)),
        Lesson.starts_at < within.ends_at,
        Lesson.starts_at > within.starts_at - _LONGEST,
        Lesson.ends_at > within.starts_at,
        Lesson.state.not_in(FREES_RESOURCES),
    )
    found = []
    for lesson_id, teacher, room, start, end in session.execute(query).all():
        if teacher in needs.teacher_ids:
            found.append(Booking(Resource.TEACHER, teacher, lesson_id, Interval(start, end)))
        if room in needs.main_room_ids:
            found.append(Booking(Resource.MAIN_ROOM, room, lesson_id, Interval(start, end)))
    return found


def _of_sites(session: Session, needs: Needs, within: Interval) -> list[Booking]:
    query = select(
        LessonSite.lesson_id, LessonSite.receiving_room_id, LessonSite.starts_at, LessonSite.ends_at
    ).where(
        LessonSite.receiving_room_id.in_(needs.receiving_room_ids),
        LessonSite.starts_at < within.ends_at,
        LessonSite.starts_at > within.starts_at - _LONGEST,
        LessonSite.ends_at > within.starts_at,
        LessonSite.state != SiteState.CANCELLED,
    )
    return [
        Booking(Resource.RECEIVING_ROOM, room, lesson_id, Interval(start, end))
        for lesson_id, room, start, end in session.execute(query).all()
    ]


def _of_groups(session: Session, needs: Needs, within: Interval) -> list[Booking]:
    query = select(
        LessonGroup.lesson_id, LessonGroup.pupil_group_id, LessonGroup.starts_at, LessonGroup.ends_at
    ).where(
        LessonGroup.pupil_group_id.in_(needs.pupil_group_ids),
        LessonGroup.starts_at < within.ends_at,
        LessonGroup.starts_at > within.starts_at - _LONGEST,
        LessonGroup.ends_at > within.starts_at,
        LessonGroup.released.is_(False),
    )
    return [
        Booking(Resource.PUPIL_GROUP, group, lesson_id, Interval(start, end))
        for lesson_id, group, start, end in session.execute(query).all()
    ]


def titles(session: Session, lesson_ids: Collection[UUID]) -> dict[UUID, str]:
    """What lessons are called."""
    rows = session.execute(select(Lesson.id, Lesson.title).where(Lesson.id.in_(lesson_ids)))
    return dict(rows.all())


def entries_of(session: Session, lesson_ids: Collection[UUID]) -> dict[UUID, UUID | None]:
    """Of which weekly lesson each is, if of one."""
    rows = session.execute(select(Lesson.id, Lesson.entry_id).where(Lesson.id.in_(lesson_ids)))
    return dict(rows.all())


def add_lessons(session: Session, rows: Rows) -> None:
    """Insert whole sets at once. Raises IntegrityError for an overlap (see `models.OVERLAP_RULES`)."""
    sets: Sequence[tuple[type[Lesson | LessonSite | LessonGroup], list[dict[str, Any]]]] = (
        (Lesson, rows.lessons),
        (LessonSite, rows.sites),
        (LessonGroup, rows.groups),
    )
    for table, values in sets:
        if values:
            session.execute(insert(table), values)
