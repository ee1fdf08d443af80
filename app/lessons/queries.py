"""SQL of lessons and their sites."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    Update,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session, aliased, selectinload

from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import (
    AWAITS_TEACHER,
    CLOSES_AFTER,
    FREES_RESOURCES,
    MISSED_AFTER,
    ON_THE_AIR,
    OPENS_BEFORE,
    TRANSITIONS,
    LessonState,
    SiteState,
)
from app.timetables.clashes import Booking, Resource
from app.timetables.rules import Interval

HERE = frozenset({SiteState.JOINED, SiteState.RECONNECTING})


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose lessons are looked for: a lesson is in reach when any of these finds it."""

    county: bool = False
    teacher_id: UUID | None = None
    school_ids: frozenset[UUID] = field(default_factory=frozenset)
    site_ids: frozenset[UUID] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Search:
    """What a list of lessons is narrowed by; the interval is half-open."""

    county_id: UUID
    reach: Reach
    starts_from: dt.datetime | None = None
    starts_before: dt.datetime | None = None
    ends_after: dt.datetime | None = None
    states: frozenset[LessonState] = field(default_factory=frozenset)
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """The last lesson of a page."""

    starts_at: dt.datetime
    lesson_id: UUID


def position(lesson: Lesson) -> Position:
    return Position(lesson.starts_at, lesson.id)


def lesson(session: Session, lesson_id: UUID) -> Lesson | None:
    return session.scalar(select(Lesson).where(Lesson.id == lesson_id).options(selectinload(Lesson.sites)))


def lessons_by_ids(session: Session, ids: Collection[UUID]) -> Sequence[Lesson]:
    return session.scalars(select(Lesson).where(Lesson.id.in_(ids)).options(selectinload(Lesson.sites))).all()


def lessons_page(session: Session, search: Search, after: Position | None, limit: int) -> Sequence[Lesson]:
    """Lessons in order of their start."""
    query = _matching(search)
    if after is not None:
        query = query.where(tuple_(Lesson.starts_at, Lesson.id) > tuple_(after.starts_at, after.lesson_id))
    query = query.order_by(Lesson.starts_at, Lesson.id).limit(limit).options(selectinload(Lesson.sites))
    return session.scalars(query).all()


def _matching(search: Search) -> Select[Lesson]:
    query = select(Lesson).where(Lesson.county_id == search.county_id)
    if not search.reach.county:
        query = query.where(_in_reach(search.reach))
    if search.starts_from is not None:
        query = query.where(Lesson.starts_at >= search.starts_from)
    if search.starts_before is not None:
        query = query.where(Lesson.starts_at < search.starts_before)
    if search.ends_after is not None:
        query = query.where(Lesson.ends_at > search.ends_after)
    if search.states:
        query = query.where(Lesson.state.in_(search.states))
    if search.entry_id is not None:
        query = query.where(Lesson.entry_id == search.entry_id)
    return query


def _in_reach(reach: Reach) -> ColumnElement[bool]:
    of_site = aliased(Lesson)
    served = (
        select(LessonSite.lesson_id)
        .join(of_site, of_site.id == LessonSite.lesson_id)
        .where(
            LessonSite.site_id.in_(reach.site_ids),
            # the same as rules.belongs
            or_(LessonSite.state != SiteState.CANCELLED, of_site.state.in_(FREES_RESOURCES)),
        )
    )
    return or_(
        Lesson.teacher_id == reach.teacher_id,
        Lesson.school_id.in_(reach.school_ids),
        Lesson.id.in_(served),
    )


def bookings(
    session: Session,
    *,
    teacher_id: UUID,
    main_room_id: UUID,
    receiving_room_ids: Collection[UUID],
    within: Interval,
) -> list[Booking]:
    """What already holds this teacher and these rooms anywhere in a span."""
    lessons = session.execute(
        select(Lesson.id, Lesson.teacher_id, Lesson.main_room_id, Lesson.starts_at, Lesson.ends_at).where(
            or_(Lesson.teacher_id == teacher_id, Lesson.main_room_id == main_room_id),
            Lesson.starts_at < within.ends_at,
            Lesson.ends_at > within.starts_at,
            Lesson.state.not_in(FREES_RESOURCES),
        )
    ).all()
    sites = session.execute(
        select(
            LessonSite.lesson_id, LessonSite.receiving_room_id, LessonSite.starts_at, LessonSite.ends_at
        ).where(
            LessonSite.receiving_room_id.in_(receiving_room_ids),
            LessonSite.starts_at < within.ends_at,
            LessonSite.ends_at > within.starts_at,
            LessonSite.state != SiteState.CANCELLED,
        )
    ).all()
    found = [
        Booking(Resource.RECEIVING_ROOM, room, lesson_id, Interval(start, end))
        for lesson_id, room, start, end in sites
    ]
    for lesson_id, teacher, room, start, end in lessons:
        if teacher == teacher_id:
            found.append(Booking(Resource.TEACHER, teacher, lesson_id, Interval(start, end)))
        if room == main_room_id:
            found.append(Booking(Resource.MAIN_ROOM, room, lesson_id, Interval(start, end)))
    return found


def standing_on(session: Session, county_id: UUID, days: Collection[dt.date]) -> Sequence[Lesson]:
    """Lessons of the weekly timetable that take place on these days, or took place, in order."""
    query = select(Lesson).where(
        Lesson.county_id == county_id,
        Lesson.date.in_(days),
        Lesson.entry_id.is_not(None),
        Lesson.state.not_in(FREES_RESOURCES),
    )
    return session.scalars(query.order_by(Lesson.starts_at, Lesson.id)).all()


def titles(session: Session, lesson_ids: Collection[UUID]) -> dict[UUID, str]:
    rows = session.execute(select(Lesson.id, Lesson.title).where(Lesson.id.in_(lesson_ids)))
    return dict(rows.all())


def add_lessons(session: Session, lessons: Sequence[dict[str, Any]], sites: Sequence[dict[str, Any]]) -> None:
    """Insert whole sets at once. Raises IntegrityError for an overlap (see `models.OVERLAP_RULES`)."""
    session.execute(insert(Lesson), lessons)
    if sites:
        session.execute(insert(LessonSite), sites)


def change_state(
    session: Session, lesson_id: UUID, target: LessonState, values: dict[str, Any] | None = None
) -> bool:
    """Take a step of the state machine if the lesson is where the step starts; False when it is not."""
    sources = [state for state, targets in TRANSITIONS.items() if target in targets]
    statement = (
        update(Lesson)
        .where(Lesson.id == lesson_id, Lesson.state.in_(sources))
        .values(state=target, **(values or {}))
    )
    return _changed(session, statement) > 0


def went_live(session: Session, lesson_id: UUID, now: dt.datetime) -> bool:
    first = func.coalesce(Lesson.went_live_at, now)
    return change_state(session, lesson_id, LessonState.LIVE, {"went_live_at": first})


def ended(session: Session, lesson_id: UUID, now: dt.datetime) -> bool:
    return change_state(session, lesson_id, LessonState.ENDED, {"ended_at": now})


def site_joined(session: Session, lesson_id: UUID, site_code: str, now: dt.datetime) -> bool:
    values = {"joined_at": func.coalesce(LessonSite.joined_at, now), "left_at": None}
    statement = _site(lesson_id, site_code).where(LessonSite.state != SiteState.CANCELLED)
    return _changed(session, statement.values(state=SiteState.JOINED, **values)) > 0


def site_left(session: Session, lesson_id: UUID, site_code: str, now: dt.datetime) -> bool:
    statement = _site(lesson_id, site_code).where(LessonSite.state.in_(HERE))
    return _changed(session, statement.values(state=SiteState.LEFT, left_at=now)) > 0


def _site(lesson_id: UUID, site_code: str) -> Update:
    return update(LessonSite).where(LessonSite.lesson_id == lesson_id, LessonSite.site_code == site_code)


def release_sites(session: Session, lesson_id: UUID) -> None:
    """Free the receiving rooms of a lesson that will not take place."""
    statement = update(LessonSite).where(LessonSite.lesson_id == lesson_id)
    session.execute(statement.values(state=SiteState.CANCELLED))


def prepare_due(session: Session, now: dt.datetime) -> int:
    due = (Lesson.state == LessonState.PUBLISHED, Lesson.starts_at <= now + OPENS_BEFORE)
    return _changed(session, update(Lesson).where(*due).values(state=LessonState.PREPARING))


def miss_overdue(session: Session, now: dt.datetime) -> int:
    due = (Lesson.state.in_(AWAITS_TEACHER), Lesson.starts_at <= now - MISSED_AFTER)
    return _changed(session, update(Lesson).where(*due).values(state=LessonState.MISSED))


def end_overdue(session: Session, now: dt.datetime) -> Sequence[UUID]:
    due = (Lesson.state.in_(ON_THE_AIR), Lesson.ends_at <= now - CLOSES_AFTER)
    ending = update(Lesson).where(*due).values(state=LessonState.ENDED, ended_at=now).returning(Lesson.id)
    return session.scalars(ending).all()


def dismiss_sites(session: Session, lesson_ids: Collection[UUID], now: dt.datetime) -> None:
    """Everybody who is still there leaves."""
    there = (LessonSite.lesson_id.in_(lesson_ids), LessonSite.state.in_(HERE))
    session.execute(update(LessonSite).where(*there).values(state=SiteState.LEFT, left_at=now))


def _changed(session: Session, statement: Update) -> int:
    """Run an update and count the rows it found."""
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount
