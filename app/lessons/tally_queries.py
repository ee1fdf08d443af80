"""SQL of how many lessons a term has, and which they are."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Uuid,
    and_,
    case,
    cast,
    exists,
    extract,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.lessons.finding_queries import Position
from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.queries import takes_place
from app.lessons.rules import FREES_RESOURCES, LessonState, SiteState
from app.timetables.rules import LessonMode

HELD = frozenset({LessonState.ENDED, LessonState.ARCHIVED})
_NOT_PLANNED = FREES_RESOURCES | {LessonState.DRAFT}
_NOT_RECEIVED = frozenset({SiteState.CANCELLED, SiteState.CAUGHT_UP, SiteState.MISSED})

_Seconds = ColumnElement[int] | InstrumentedAttribute[int]
Tally = tuple[UUID, str, int, int, int, int, int]
"""A group or a unit, a subject; how many lessons are planned, are over by now, and reached it; the seconds of those
that are over, as planned, and those that reached it."""
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


def by_group(session: Session, term_id: UUID, now: dt.datetime) -> Sequence[Tally]:
    """Lessons by pupil group and subject."""
    seconds = case(
        (LessonGroup.org_unit_id == Lesson.school_id, Lesson.live_seconds),
        else_=_at_site(LessonGroup.org_unit_id),
    )
    query = (
        select(LessonGroup.pupil_group_id, Lesson.subject, *_counts(now, _reached_group(), seconds))
        .join(Lesson, Lesson.id == LessonGroup.lesson_id)
        .where(*_planned(term_id), LessonGroup.released.is_(False))
        .group_by(LessonGroup.pupil_group_id, Lesson.subject)
    )
    return [tuple(row) for row in session.execute(query)]


def by_unit_without_groups(session: Session, term_id: UUID, now: dt.datetime) -> Sequence[Tally]:
    """Lessons that reach a site, or teach the main school's own class, and name no group there, by unit and subject."""
    of_site = (
        select(LessonSite.site_id, Lesson.subject, *_counts(now, _received(), LessonSite.received_seconds))
        .join(Lesson, Lesson.id == LessonSite.lesson_id)
        .where(*_planned(term_id), LessonSite.state != SiteState.CANCELLED, ~_names(LessonSite.site_id))
        .group_by(LessonSite.site_id, Lesson.subject)
    )
    of_school = (
        select(Lesson.school_id, Lesson.subject, *_counts(now, None, Lesson.live_seconds))
        .where(*_planned(term_id), *_own_class())
        .group_by(Lesson.school_id, Lesson.subject)
    )
    return [tuple(row) for query in (of_site, of_school) for row in session.execute(query)]


def by_main_room(session: Session, term_id: UUID, now: dt.datetime) -> Sequence[RoomTally]:
    """Lessons that each main room gives."""
    query = select(Lesson.main_room_id, *_counts(now, None, Lesson.live_seconds)).where(*_planned(term_id))
    return [tuple(row) for row in session.execute(query.group_by(Lesson.main_room_id))]


def by_receiving_room(session: Session, term_id: UUID, now: dt.datetime) -> Sequence[RoomTally]:
    """Lessons that each receiving room takes."""
    query = (
        select(LessonSite.receiving_room_id, *_counts(now, _received(), LessonSite.received_seconds))
        .join(Lesson, Lesson.id == LessonSite.lesson_id)
        .where(*_planned(term_id), LessonSite.state != SiteState.CANCELLED)
        .group_by(LessonSite.receiving_room_id)
    )
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
    return case((Lesson.school_id == unit, Lesson.live_seconds), else_=_at_site(unit))


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
        at_school = and_(Lesson.school_id == counted.unit_id, Lesson.mode == LessonMode.SYNCHRONOUS)
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


def _own_class() -> tuple[ColumnElement[bool], ...]:
    return Lesson.mode == LessonMode.SYNCHRONOUS, ~_names(Lesson.school_id)


def _counts(
    now: dt.datetime, reached: ColumnElement[bool] | None, seconds: _Seconds
) -> tuple[ColumnElement[int], ...]:
    """All, those that are over, and those that were held and reached whom they are for; and the seconds of both."""
    delivered = _held(reached)
    planned = cast(extract("epoch", Lesson.ends_at) - extract("epoch", Lesson.starts_at), Integer)
    counted = ((_over(now), 1), (delivered, 1), (_over(now), planned), (delivered, seconds))
    return func.count(), *(func.sum(case((when, what), else_=0)) for when, what in counted)


def _held(reached: ColumnElement[bool] | None) -> ColumnElement[bool]:
    held = Lesson.state.in_(HELD)
    return held if reached is None else and_(held, reached)


def _over(now: dt.datetime) -> ColumnElement[bool]:
    """By the clock, or ended before that: whatever is delivered is due."""
    return or_(Lesson.ends_at <= now, Lesson.state.in_(HELD))


def _at_site(site_id: ColumnElement[UUID] | InstrumentedAttribute[UUID]) -> ColumnElement[int]:
    """Seconds that a site received of a lesson."""
    query = select(LessonSite.received_seconds).where(
        LessonSite.lesson_id == Lesson.id, _unindexed(LessonSite.site_id) == site_id, _received()
    )
    return func.coalesce(query.correlate(Lesson, LessonGroup).scalar_subquery(), 0)


def _received() -> ColumnElement[bool]:
    return and_(LessonSite.joined_at.is_not(None), LessonSite.state.not_in(_NOT_RECEIVED))


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
    return or_(LessonGroup.org_unit_id == Lesson.school_id, at_site)


def _names(unit_id: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    return exists().where(
        LessonGroup.lesson_id == Lesson.id,
        _unindexed(LessonGroup.org_unit_id) == unit_id,
        LessonGroup.released.is_(False),
    )


def _unindexed(column: InstrumentedAttribute[UUID]) -> ColumnElement[UUID]:
    """The column itself, which is looked at in the few rows of a lesson.

    SQLite would rather take the column's own index, and go through all of a unit's lessons for each lesson.
    """
    return func.coalesce(column, column)
