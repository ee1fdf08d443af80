"""SQL of how many lessons a term has, and which they are."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    Uuid,
    and_,
    case,
    cast,
    exists,
    extract,
    func,
    literal,
    or_,
    outerjoin,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.queries import takes_place
from app.lessons.rules import FREES_RESOURCES, LessonState, SiteState
from app.timetables.rules import LessonMode

HELD = frozenset({LessonState.ENDED, LessonState.ARCHIVED})
_NOT_PLANNED = FREES_RESOURCES | {LessonState.DRAFT}
_NOT_RECEIVED = frozenset({SiteState.CANCELLED, SiteState.CAUGHT_UP, SiteState.MISSED})

_Seconds = ColumnElement[int] | InstrumentedAttribute[int]
_Id = ColumnElement[UUID] | InstrumentedAttribute[UUID]
Tally = tuple[bool, UUID, str, int, int, int, int, int]
"""Whether it is about a pupil group, or about a unit; which, and a subject; how many lessons are planned, are over by
now, and reached it; the seconds of those that are over, as planned, and those that reached it."""
RoomTally = tuple[UUID, int, int, int, int, int]
"""A room; its lessons and seconds likewise."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Which lessons are counted: those of a pupil group, those that reach a unit and name no group of it, or both;
    or those in a room."""

    term_id: UUID
    group_id: UUID | None = None
    unit_id: UUID | None = None
    subject: str | None = None
    main_room_id: UUID | None = None
    receiving_room_id: UUID | None = None
    delivered: bool = False
    place_id: UUID | None = None
    """Where those pupils are: the unit, or that of the group."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last lesson of a page."""

    starts_at: dt.datetime
    lesson_id: UUID


def reached(
    session: Session, term_id: UUID, now: dt.datetime, unit_ids: Collection[UUID] | None = None
) -> Sequence[Tally]:
    """Lessons by pupil group and subject, and by unit and subject where they name no group of it: one statement, so
    that a term's lessons are gone through once. Of the groups and units of some places, or of all."""
    present = _present(_planned_lessons(term_id, now), unit_ids).subquery("present")
    named = and_(
        LessonGroup.lesson_id == present.c.lesson_id,
        LessonGroup.org_unit_id == present.c.unit_id,
        LessonGroup.released.is_(False),
    )
    whose = func.coalesce(LessonGroup.pupil_group_id, present.c.unit_id)
    query = (
        select(func.count(LessonGroup.pupil_group_id) > 0, whose, present.c.subject, *_counts(present.c))
        .select_from(outerjoin(present, LessonGroup, named))
        .group_by(whose, present.c.subject)
    )
    return [tuple(row) for row in session.execute(query).all()]


def by_main_room(session: Session, term_id: UUID, now: dt.datetime) -> Sequence[RoomTally]:
    """Lessons that each main room gives."""
    lessons = _planned_lessons(term_id, now)
    room_id = lessons.c.main_room_id
    query = select(room_id, *_counts(lessons.c)).group_by(room_id)
    return [tuple(row) for row in session.execute(query)]


def by_receiving_room(session: Session, term_id: UUID, now: dt.datetime) -> Sequence[RoomTally]:
    """Lessons that each receiving room takes."""
    sites = _at_sites(_planned_lessons(term_id, now), LessonSite.receiving_room_id).subquery("sites")
    room_id = sites.c.receiving_room_id
    query = select(room_id, *_counts(sites.c)).group_by(room_id)
    return [tuple(row) for row in session.execute(query)]


def lessons(
    session: Session, counted: Counted, after: Position | None, limit: int
) -> list[tuple[Lesson, int]]:
    """The lessons behind a count with the seconds that were delivered, in order."""
    seconds = case((Lesson.state.in_(HELD), _seconds_of(counted)), else_=0)
    query = select(Lesson, seconds).where(*_planned(counted.term_id), or_(*_whose(counted)))
    if counted.subject is not None:
        query = query.where(Lesson.subject == counted.subject)
    if counted.delivered:
        query = query.where(Lesson.state.in_(HELD))
    if after is not None:
        query = query.where(tuple_(Lesson.starts_at, Lesson.id) > tuple_(after.starts_at, after.lesson_id))
    rows = session.execute(query.order_by(Lesson.starts_at, Lesson.id).limit(limit))
    return [(lesson, seconds) for lesson, seconds in rows]


def _seconds_of(counted: Counted) -> _Seconds:
    """What reached whom the count is of."""
    if counted.main_room_id is not None:
        return Lesson.live_seconds
    if counted.receiving_room_id is not None:
        there = (LessonSite.lesson_id == Lesson.id, LessonSite.receiving_room_id == counted.receiving_room_id)
        query = select(LessonSite.received_seconds).where(*there, _received()).correlate(Lesson)
        return func.coalesce(query.scalar_subquery(), 0)
    unit = literal(counted.place_id, Uuid())
    return case((_own_class(unit), Lesson.live_seconds), else_=_at_site(unit))


def _whose(counted: Counted) -> list[ColumnElement[bool]]:
    """Each of these makes a lesson one that is counted."""
    found: list[ColumnElement[bool]] = []
    of_lesson = LessonSite.lesson_id == Lesson.id
    there = [of_lesson, LessonSite.state != SiteState.CANCELLED]
    there += [_received()] if counted.delivered else []
    if counted.main_room_id is not None:
        found.append(Lesson.main_room_id == counted.main_room_id)
    if counted.receiving_room_id is not None:
        found.append(
            exists()
            .where(*there, LessonSite.receiving_room_id == counted.receiving_room_id)
            .correlate(Lesson)
        )
    if counted.group_id is not None:
        own = [LessonGroup.lesson_id == Lesson.id, LessonGroup.pupil_group_id == counted.group_id]
        own += [LessonGroup.released.is_(False)] + ([_reached_group()] if counted.delivered else [])
        found.append(exists().where(*own).correlate(Lesson))
    if counted.unit_id is not None:
        at_site = exists().where(*there, LessonSite.site_id == counted.unit_id).correlate(Lesson)
        at_school = _own_class(literal(counted.unit_id, Uuid()))
        named = exists().where(
            LessonGroup.lesson_id == Lesson.id,
            LessonGroup.org_unit_id == counted.unit_id,
            LessonGroup.released.is_(False),
        )
        found.append(and_(or_(at_site, at_school), ~named.correlate(Lesson)))
    return found


def _planned(term_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return Lesson.term_id == term_id, Lesson.state.not_in(_NOT_PLANNED), ~_made_up()


def _made_up() -> ColumnElement[bool]:
    """A missed lesson that another one makes up for: that one counts in its place."""
    other = aliased(Lesson)
    instead = exists().where(other.makes_up_id == Lesson.id, takes_place(other.state))
    return and_(Lesson.state == LessonState.MISSED, instead.correlate(Lesson))


def _planned_lessons(term_id: UUID, now: dt.datetime) -> CTE:
    """What is to be known of each lesson of a term, worked out once; seconds are told of those that were held."""
    planned = cast(extract("epoch", Lesson.ends_at) - extract("epoch", Lesson.starts_at), Integer)
    over = _over(now)
    return (
        select(
            *(
                Lesson.id.label("lesson_id"),
                Lesson.subject,
                Lesson.school_id,
                Lesson.mode,
                Lesson.main_room_id,
            ),
            case((over, 1), else_=0).label("over"),
            case((over, planned), else_=0).label("over_seconds"),
            case((Lesson.state.in_(HELD), Lesson.live_seconds)).label("seconds"),
        )
        .where(*_planned(term_id))
        .cte("planned")
    )


def _present(lessons: CTE, unit_ids: Collection[UUID] | None) -> CompoundSelect[Any]:
    """Lessons with each unit whose pupils they are for: the main school and the sites, each once."""
    at_school = select(*_facts(lessons), lessons.c.school_id.label("unit_id"), lessons.c.seconds)
    at_school = at_school.where(lessons.c.mode == LessonMode.SYNCHRONOUS)
    at_sites = _at_sites(lessons, LessonSite.site_id).where(
        or_(lessons.c.mode != LessonMode.SYNCHRONOUS, LessonSite.site_id != lessons.c.school_id)
    )
    if unit_ids is not None:
        at_school = at_school.where(lessons.c.school_id.in_(unit_ids))
        at_sites = at_sites.where(LessonSite.site_id.in_(unit_ids))
    return union_all(at_school, at_sites)


def _at_sites(lessons: CTE, place: InstrumentedAttribute[UUID]) -> Select[Any]:
    """Lessons with each site that takes part, by one of its columns; seconds of those that were received."""
    seconds = case((and_(lessons.c.seconds.is_not(None), _received()), LessonSite.received_seconds))
    return (
        select(*_facts(lessons), place, seconds.label("seconds"))
        .join(LessonSite, LessonSite.lesson_id == lessons.c.lesson_id)
        .where(LessonSite.state != SiteState.CANCELLED)
    )


def _facts(lessons: CTE) -> tuple[ColumnElement[Any], ...]:
    return lessons.c.lesson_id, lessons.c.subject, lessons.c.over, lessons.c.over_seconds


def _counts(of: ReadOnlyColumnCollection[str, Any]) -> tuple[ColumnElement[int], ...]:
    """All, those that are over, and those that were held and reached whom they are for; and the seconds of both."""
    return (
        func.count(),
        func.sum(of.over),
        func.count(of.seconds),
        func.sum(of.over_seconds),
        func.coalesce(func.sum(of.seconds), 0),
    )


def _over(now: dt.datetime) -> ColumnElement[bool]:
    """By the clock, or ended before that: whatever is delivered is due."""
    return or_(Lesson.ends_at <= now, Lesson.state.in_(HELD))


def _at_site(site_id: _Id) -> ColumnElement[int]:
    """Seconds that a site received of a lesson."""
    query = select(LessonSite.received_seconds).where(
        LessonSite.lesson_id == Lesson.id, _unindexed(LessonSite.site_id) == site_id, _received()
    )
    return func.coalesce(query.correlate(Lesson, LessonGroup).scalar_subquery(), 0)


def _received() -> ColumnElement[bool]:
    return and_(LessonSite.joined_at.is_not(None), LessonSite.state.not_in(_NOT_RECEIVED))


def _own_class(unit_id: _Id) -> ColumnElement[bool]:
    """Whether pupils of a unit sit in the main room."""
    return and_(Lesson.school_id == unit_id, Lesson.mode == LessonMode.SYNCHRONOUS)


def _reached_group() -> ColumnElement[bool]:
    """Pupils in the main room are taught when the lesson is held, those at a site when the site was there."""
    at_site = (
        exists()
        .where(
            LessonSite.lesson_id == LessonGroup.lesson_id,
            _unindexed(LessonSite.site_id) == LessonGroup.org_unit_id,
        )
        .where(_received())
        .correlate(LessonGroup)
    )
    return or_(_own_class(LessonGroup.org_unit_id), at_site)


def _unindexed(column: InstrumentedAttribute[UUID]) -> ColumnElement[UUID]:
    """The column itself, which is looked at in the few rows of a lesson.

    SQLite would rather take the column's own index, and go through all of a unit's lessons for each lesson.
    """
    return func.coalesce(column, column)
