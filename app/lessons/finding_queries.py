"""SQL of lessons as they are shown: with the names of everything in them, by columns and in three statements.

Lists are what people look at most. Loading rows as objects that are followed for changes would cost several times what
the database takes, so here they are plain values.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    String,
    Uuid,
    bindparam,
    column,
    false,
    or_,
    select,
    table,
    union,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.database import Id, written
from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.queries import known
from app.lessons.rules import FREES_RESOURCES, LessonState, SiteState
from app.listing import Paging, Slice, both_ways, page_of, rows_of_page
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


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose lessons are looked for: a lesson is in reach when any of these finds it."""

    county: bool = False
    teacher_id: UUID | None = None
    school_ids: frozenset[UUID] = field(default_factory=frozenset)
    site_ids: frozenset[UUID] = field(default_factory=frozenset)
    room_id: UUID | None = None
    lesson_id: UUID | None = None


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
    term_id: UUID | None = None
    teacher_id: UUID | None = None
    room_id: UUID | None = None
    subject: str | None = None
    org_unit_ids: frozenset[UUID] | None = None
    drafts: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """The last lesson of a page."""

    starts_at: dt.datetime
    lesson_id: UUID


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose week is looked at: one of these is given."""

    room_id: UUID | None = None
    site_id: UUID | None = None
    teacher_id: UUID | None = None
    group_id: UUID | None = None


_ANY_ZONE = dt.timedelta(days=2)
"""A local day lies within so much of the same day of UTC."""

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


_LESSONS = (
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
_NONE = select(_lessons.id, _lessons.starts_at).where(false())
_OWN = len(ShownLesson._fields) - 2
ORDERS = both_ways(starts_at=(_lessons.starts_at, _lessons.id))
_ORDERS_BY_SITE = both_ways(starts_at=(_sites.starts_at, _sites.lesson_id))


def _takes_part(lessons: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """Whether a site has a part in a lesson, be it one that does not take place: the same as `rules.belongs`."""
    stays = _sites.state.not_in(written([SiteState.CANCELLED]))
    return or_(stays, lessons.state.in_(written(FREES_RESOURCES)))


_REACHED = (
    select(_sites.lesson_id.label("id"), _sites.starts_at)
    .join(Lesson.__table__, _lessons.id == _sites.lesson_id)
    .where(_takes_part(_lessons))
)


def _id(name: str) -> BindParameter[UUID]:
    """An id that is given. A column that refers to another table has no type until that one is imported."""
    return bindparam(name, type_=Id())


def _ids(name: str) -> BindParameter[UUID]:
    return bindparam(name, type_=Id(), expanding=True)


_NARROWING: Final[Mapping[str, ColumnElement[bool]]] = {
    "starts_from": _lessons.starts_at >= bindparam("starts_from"),
    "starts_before": _lessons.starts_at < bindparam("starts_before"),
    "ends_after": _lessons.ends_at > bindparam("ends_after"),
    "states": _lessons.state.in_(bindparam("states", expanding=True)),
    "entry_id": _lessons.entry_id == _id("entry_id"),
    "term_id": _lessons.term_id == _id("term_id"),
    "teacher_id": _lessons.teacher_id == _id("teacher_id"),
    "subject": _lessons.subject == bindparam("subject"),
}
# What leads to lessons, by lessons and by their sites: a lesson is in reach when any of somebody's ways finds it.
_WAYS: Final[Mapping[str, ColumnElement[UUID]]] = {
    "by_teacher": _lessons.teacher_id,
    "by_school": _lessons.school_id,
    "by_room": _lessons.main_room_id,
    "by_lesson": _lessons.id,
}
_WAYS_BY_SITE: Final[Mapping[str, ColumnElement[UUID]]] = {
    "by_site": _sites.site_id,
    "by_room": _sites.receiving_room_id,
}
_APART: Final = 16
"""Up to so many schools, or sites, each is a way of its own, which an index leads along in order and no further than a
page; of more together all lessons are found before the first ones are taken."""
_SHAPES: Final = 256
"""Of lists, as many are remembered; some kinds of narrowing are asked for together time and again."""
_BY_ID = _LESSONS.where(_lessons.id.in_(bindparam("ids", expanding=True)))


def by_ids(session: Session, ids: Collection[UUID]) -> Sequence[ShownLesson]:
    """Lessons as they are now, in order; what the session has changed has to be flushed before."""
    return _whole(session, session.execute(_BY_ID, {"ids": list(ids)}).all())


def page(session: Session, search: Search, paging: Paging) -> Slice[ShownLesson]:
    """Lessons in one of the `ORDERS`."""
    wanted = {
        "county_id": search.county_id,
        "starts_from": search.starts_from,
        "starts_before": search.starts_before,
        "ends_after": search.ends_after,
        "states": list(search.states) or None,
        "entry_id": search.entry_id,
        "term_id": search.term_id,
        "teacher_id": search.teacher_id,
        "room_id": search.room_id,
        "subject": search.subject,
        "org_unit_ids": None if search.org_unit_ids is None else list(search.org_unit_ids),
        **_ways_of(search.reach),
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    statement = _page(
        frozenset(given),
        paging.sort,
        everywhere=search.reach.county,
        drafts=search.drafts,
        goes_on=paging.after is not None,
    )
    found = rows_of_page(session, statement, ORDERS[paging.sort], paging, given)
    return Slice(_whole(session, found.items), found.next)


@lru_cache(maxsize=_SHAPES)
def _page(given: frozenset[str], sort: str, *, everywhere: bool, drafts: bool, goes_on: bool) -> Select[Any]:
    """One statement for all lists that are narrowed by the same things: to build it takes longer than to run it."""
    conditions = [] if drafts else [known()]
    conditions += _conditions(given)
    order = ORDERS[sort]
    in_county = [_lessons.county_id == _id("county_id"), *conditions]
    if everywhere:
        wanted = in_county
    else:
        wanted = [_lessons.id.in_(_first_in_reach(given, in_county, sort, goes_on=goes_on))]
    return page_of(_LESSONS.where(*wanted).add_columns(*order.columns), order, goes_on=goes_on)


def _ways_of(reach: Reach) -> dict[str, Any]:
    """Those ways to lessons that somebody has, as parameters: one for each id, or one for many of a kind."""
    if reach.county:
        return {}
    kinds: dict[str, Collection[UUID | None]] = {
        "by_teacher": (reach.teacher_id,),
        "by_school": reach.school_ids,
        "by_site": reach.site_ids,
        "by_room": (reach.room_id,),
        "by_lesson": (reach.lesson_id,),
    }
    ways: dict[str, Any] = {}
    for kind, ids in kinds.items():
        apart = len(ids) <= _APART
        ways |= {f"{kind}_{at}": each for at, each in enumerate(ids)} if apart else {f"{kind}_any": list(ids)}
    return ways


def week(
    session: Session, county_id: UUID, whose: Whose, first_day: dt.date, last_day: dt.date, drafts: bool
) -> Sequence[ShownLesson]:
    """The lessons of a room, a site, a teacher or a pupil group on some days, in order."""
    begin = dt.datetime.combine(first_day, dt.time(), dt.UTC) - _ANY_ZONE
    end = dt.datetime.combine(last_day, dt.time(), dt.UTC) + _ANY_ZONE
    query = _LESSONS.where(
        _lessons.county_id == county_id,
        _lessons.starts_at > begin,
        _lessons.starts_at < end,
        _lessons.date.between(first_day, last_day),
        _of(whose, begin, end),
    )
    if not drafts:
        query = query.where(known())
    return _whole(session, session.execute(query).all())


def _whole(session: Session, rows: Sequence[Any]) -> Sequence[ShownLesson]:
    """Lessons with what belongs to them."""
    ids = {"ids": [row.id for row in rows]}
    groups: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for lesson_id, group_id in session.execute(_GROUPS, ids).all() if rows else ():
        groups[lesson_id].append(group_id)
    sites: defaultdict[UUID, list[ShownSite]] = defaultdict(list)
    for each in session.execute(_SITES, ids).all() if rows else ():
        sites[each[0]].append(ShownSite(*each))
    return [ShownLesson._make((*row[:_OWN], groups[row[0]], sites[row[0]])) for row in rows]


def _conditions(given: frozenset[str]) -> Iterator[ColumnElement[bool]]:
    """What narrows a list, by parameters of these names."""
    for name, condition in _NARROWING.items():
        if name in given:
            yield condition
    on_time = list(_on_time(given))
    if "room_id" in given:
        room = _id("room_id")
        received = _served().where(*on_time, _sites.receiving_room_id == room)
        yield or_(_lessons.main_room_id == room, _lessons.id.in_(received))
    if "org_unit_ids" in given:
        units = _ids("org_unit_ids")
        received = _served().where(*on_time, _sites.site_id.in_(units))
        yield or_(_lessons.school_id.in_(units), _lessons.id.in_(received))


def _on_time(given: frozenset[str]) -> Iterator[ColumnElement[bool]]:
    """The interval once more, for the times that sites have of their lessons."""
    if "starts_from" in given:
        yield _sites.starts_at >= bindparam("starts_from")
    if "starts_before" in given:
        yield _sites.starts_at < bindparam("starts_before")


def _first_in_reach(
    given: frozenset[str], conditions: Sequence[ColumnElement[bool]], sort: str, *, goes_on: bool
) -> Select[UUID]:
    """The ids of the first lessons on all ways that lead to some.

    Each way has an index in the order of time; one condition of them all would be tried lesson by lesson.
    """
    order, by_site = ORDERS[sort], _ORDERS_BY_SITE[sort]
    ways = [
        page_of(select(_lessons.id, _lessons.starts_at).where(*conditions, way), order, goes_on=goes_on)
        for way, _ in _on_ways(given, _WAYS)
    ]
    # A lesson is there once for a site and once for a room, but for several sites several times.
    ways += [
        page_of(
            (_REACHED.distinct() if many else _REACHED).where(*conditions, *_on_time(given), way),
            by_site,
            goes_on=goes_on,
        )
        for way, many in _on_ways(given, _WAYS_BY_SITE)
    ]
    found = union(*(select(*way.subquery().c) for way in ways or [_NONE])).subquery()
    # The first of them all, before names are joined to them: a database does not see that more are not wanted.
    first = both_ways(starts_at=(found.c.starts_at, found.c.id))[sort]
    return page_of(select(found.c.id), first, goes_on=False)


def _on_ways(
    given: frozenset[str], kinds: Mapping[str, ColumnElement[UUID]]
) -> Iterator[tuple[ColumnElement[bool], bool]]:
    """What leads along each way of some kinds, and whether to many at once; always in the same order."""
    for name in sorted(given):
        kind, _, which = name.rpartition("_")
        if kind in kinds:
            many = which == "any"
            yield (kinds[kind].in_(_ids(name)) if many else kinds[kind] == _id(name)), many


def _of(whose: Whose, begin: dt.datetime, end: dt.datetime) -> ColumnElement[bool]:
    if whose.teacher_id is not None:
        return or_(_lessons.teacher_id == whose.teacher_id, _lessons.substitute_for == whose.teacher_id)
    if whose.group_id is not None:
        groups = select(_groups.lesson_id).where(
            _groups.pupil_group_id == whose.group_id, _groups.starts_at > begin, _groups.starts_at < end
        )
        return _lessons.id.in_(groups)
    served = _served().where(_sites.starts_at > begin, _sites.starts_at < end)
    if whose.site_id is not None:
        return _lessons.id.in_(served.where(_sites.site_id == whose.site_id))
    received = served.where(_sites.receiving_room_id == whose.room_id)
    return or_(_lessons.main_room_id == whose.room_id, _lessons.id.in_(received))


def _served() -> Select[UUID]:
    """The lessons that sites take part in."""
    return select(_sites.lesson_id).join(_freed, _freed.c.id == _sites.lesson_id).where(_takes_part(_freed.c))
