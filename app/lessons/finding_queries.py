"""SQL of lists of lessons: those in somebody's reach, narrowed, page by page."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, false, or_, select, union
from sqlalchemy.orm import Session

from app.database import Id
from app.lessons.models import Lesson, LessonSite
from app.lessons.queries import known
from app.lessons.rules import LessonState
from app.lessons.showing_queries import LESSONS, ShownLesson, served_lessons, takes_part, whole
from app.lessons.teacherless import WITHOUT_TEACHER
from app.listing import Paging, Slice, both_ways, page_of, rows_of_page


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
    without_teacher: bool = False
    drafts: bool = False


# By column: naming one of a class would make SQLAlchemy load by objects again.
_lessons = Lesson.__table__.c
_sites = LessonSite.__table__.c
_NONE = select(_lessons.id, _lessons.starts_at).where(false())
ORDERS = both_ways(starts_at=(_lessons.starts_at, _lessons.id))
_ORDERS_BY_SITE = both_ways(starts_at=(_sites.starts_at, _sites.lesson_id))
_REACHED = (
    select(_sites.lesson_id.label("id"), _sites.starts_at)
    .join(Lesson.__table__, _lessons.id == _sites.lesson_id)
    .where(takes_part(_lessons))
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
    "without_teacher": WITHOUT_TEACHER,
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
        "without_teacher": search.without_teacher or None,
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
    return Slice(whole(session, found.items), found.next)


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
    return page_of(LESSONS.where(*wanted).add_columns(*order.columns), order, goes_on=goes_on)


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


def _conditions(given: frozenset[str]) -> Iterator[ColumnElement[bool]]:
    """What narrows a list, by parameters of these names."""
    for name, condition in _NARROWING.items():
        if name in given:
            yield condition
    on_time = list(_on_time(given))
    if "room_id" in given:
        room = _id("room_id")
        received = served_lessons().where(*on_time, _sites.receiving_room_id == room)
        yield or_(_lessons.main_room_id == room, _lessons.id.in_(received))
    if "org_unit_ids" in given:
        units = _ids("org_unit_ids")
        received = served_lessons().where(*on_time, _sites.site_id.in_(units))
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
