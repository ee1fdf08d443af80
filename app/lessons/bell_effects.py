"""What a change of bells means for the lessons that are planned, and carrying it out.

A lesson is in a numbered period of its school's bells: when they ring otherwise, it moves; when they lose the
period, it falls out. When a site has no period at that time any more, nobody could carry it out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database import violated
from app.errors import Conflict
from app.lessons import bell_queries as queries
from app.lessons import changes as lesson_changes
from app.lessons.bell_clashes import Meetings, find_meetings
from app.lessons.carrying_out import call_off, open_all
from app.lessons.changes import Doing, Told, facts_of, facts_of_times
from app.lessons.models import OVERLAP_RULES, Lesson
from app.lessons.naming import MOST_NAMED, utc
from app.lessons.rules import ChangeKind, SiteState
from app.schools import service as schools
from app.timetables.places import Place, read_places
from app.timetables.rules import Interval, meets

NO_PERIOD = "作息时间调整 The bells have no such period any more"
"""Why a change of bells cancels a lesson, unless somebody gives another reason."""
_AWAY = timedelta(days=365 * 200)


@dataclass(frozen=True, slots=True)
class Concerned:
    """A lesson that a change of bells concerns: as it is, and when it would be."""

    lesson_id: UUID
    date: date
    period: int
    title: str
    was: Interval
    becomes: Interval | None = None
    site_id: UUID | None = None
    """The site that has no period at that time."""


@dataclass(frozen=True, slots=True)
class BellEffects:
    """What a change of bells means for planned lessons."""

    moving: tuple[Concerned, ...] = ()
    falling: tuple[Concerned, ...] = ()
    apart: tuple[Concerned, ...] = ()
    """Lessons outside of a site's periods by the change: it cannot be made while there are any."""
    clashes: Meetings = Meetings()
    """What lessons would meet where they move to: it cannot be made while there are any of these, either."""

    def __bool__(self) -> bool:
        return bool(self.moving or self.falling or self.apart)


@dataclass(frozen=True)
class Ahead:
    """The lessons to come that some bells may concern, and the places they are in."""

    lessons: Sequence[Lesson]
    first_day: date
    last_day: date
    skew: timedelta
    places: Mapping[UUID, Place] = field(default_factory=dict)


def look_ahead(session: Session, unit_ids: Collection[UUID], days: tuple[date, date], doing: Doing) -> Ahead:
    """The lessons of these units to come on some days, with the bells as they are now."""
    lessons = queries.to_come(session, unit_ids, *days, doing.now)
    ahead = Ahead(lessons, *days, doing.skew)
    return replace(ahead, places=_places(session, ahead))


def _places(session: Session, ahead: Ahead) -> Mapping[UUID, Place]:
    ids = {lesson.school_id for lesson in ahead.lessons}
    ids |= {site.site_id for lesson in ahead.lessons for site in lesson.sites}
    units = schools.org_units(session, ids).values()
    return read_places(session, units, ahead.first_day, ahead.last_day) if ids else {}


def effects_on(session: Session, ahead: Ahead) -> BellEffects:
    """What becomes of lessons by the bells as they are now, compared with those of when one looked ahead."""
    now = _places(session, ahead)
    moving, falling, apart = [], [], []
    for lesson in ahead.lessons:
        was = Interval(lesson.starts_at, lesson.ends_at)
        concerned = Concerned(lesson.id, lesson.date, lesson.period, lesson.title, was)
        becomes = now[lesson.school_id].interval(lesson.date, lesson.period)
        if becomes is None:
            if ahead.places[lesson.school_id].interval(lesson.date, lesson.period) is not None:
                falling.append(concerned)
            continue
        concerned = replace(concerned, becomes=becomes)
        if becomes != was:
            moving.append(concerned)
        for site_id in _sites(lesson):
            before, after = ahead.places[site_id].periods(lesson.date), now[site_id].periods(lesson.date)
            if not meets(becomes, after, ahead.skew) and meets(was, before, ahead.skew):
                apart.append(replace(concerned, site_id=site_id))
    times = {each.lesson_id: each.becomes for each in moving if each.becomes is not None}
    moved = [lesson for lesson in ahead.lessons if lesson.id in times]
    clashes = find_meetings(session, moved, times, [each.lesson_id for each in falling])
    return BellEffects(tuple(moving), tuple(falling), tuple(apart), clashes)


def _sites(lesson: Lesson) -> list[UUID]:
    return [site.site_id for site in lesson.sites if site.state is not SiteState.CANCELLED]


# --- carrying out -------------------------------------------------------------------------------------------


def carry_out(session: Session, ahead: Ahead, effects: BellEffects, doing: Doing) -> None:
    """Move what moves, cancel what falls out, and let it be known. Raises `Conflict`; then nothing has happened."""
    if impossible := obstacle(effects):
        raise impossible
    lessons = {lesson.id: lesson for lesson in ahead.lessons}
    falling = [lessons[each.lesson_id] for each in effects.falling]
    moving = [lessons[each.lesson_id] for each in effects.moving]
    call_off(session, falling, replace(doing, reason=doing.reason or NO_PERIOD))
    if not moving:
        return
    before = {lesson.id: facts_of(lesson) for lesson in moving}
    open_all(session, moving)
    try:
        with session.begin_nested():
            queries.set_times(session, steps(effects.moving))
    except IntegrityError as error:
        if violated(error) not in OVERLAP_RULES:
            raise
        raise Conflict(
            "bells.clash",
            "Already taken",
            "A lesson was planned a moment ago where one would move; try again.",
        ) from None
    times = {each.lesson_id: each.becomes for each in effects.moving if each.becomes is not None}
    told = [
        Told(key, *about, before[key], {**before[key], **facts_of_times(times[key])})
        for key, about in queries.known_of(session, before.keys()).items()
    ]
    lesson_changes.lessons_changed(session, told, doing, ChangeKind.EDITED)


def steps(moving: Iterable[Concerned]) -> list[tuple[UUID, Interval]]:
    """In which order lessons get their new times, so that none lands on another on the way.

    Those that move later go from the last, those that move earlier from the first; when there are both, the latter
    wait far away until all others have gone, since a lesson may take the place of one that takes its.
    """
    shifts = [(each.lesson_id, each.was, each.becomes) for each in moving if each.becomes is not None]
    later = sorted((e for e in shifts if e[2].starts_at > e[1].starts_at), key=lambda e: e[2], reverse=True)
    earlier = sorted((e for e in shifts if e[2].starts_at <= e[1].starts_at), key=lambda e: e[2])
    aside = [(key, Interval(was.starts_at + _AWAY, was.ends_at + _AWAY)) for key, was, _ in earlier]
    return [
        *(aside if later else ()),
        *((key, becomes) for key, _, becomes in later),
        *((key, becomes) for key, _, becomes in earlier),
    ]


# --- telling ------------------------------------------------------------------------------------------------


def obstacle(effects: BellEffects) -> Conflict | None:
    """Why a change of bells cannot be made, even where lessons shall follow."""
    if effects.apart:
        return _apart(effects)
    return _clash(effects) if effects.clashes.total else None


def refusal(effects: BellEffects) -> Conflict:
    """The answer to whoever changes bells under planned lessons without saying that these shall follow."""
    if impossible := obstacle(effects):
        return impossible
    told = [
        f"{len(found)} lessons would {what}, the first “{found[0].title}” on {found[0].date}"
        for found, what in ((effects.moving, "move"), (effects.falling, "lose their period"))
        if found
    ]
    return Conflict(
        "bells.lessons_planned",
        "Lessons are planned",
        f"{'; '.join(told)}. Say `lessons=follow` to move them, cancel those without a period, and tell everybody.",
        **described(effects),
    )


def described(effects: BellEffects) -> dict[str, Any]:
    """What a change of bells means, as it is answered: the first lessons of each kind, and how many there are."""
    return {
        "moving": [_shown(each) for each in effects.moving[:MOST_NAMED]],
        "falling": [_shown(each) for each in effects.falling[:MOST_NAMED]],
        "apart": [_shown(each) for each in effects.apart[:MOST_NAMED]],
        "clashes": _met(effects),
        "total_moving": len(effects.moving),
        "total_falling": len(effects.falling),
        "total_apart": len(effects.apart),
        "total_clashes": effects.clashes.total,
    }


def _apart(effects: BellEffects) -> Conflict:
    first = effects.apart[0]
    return Conflict(
        "bells.sites_apart",
        "Sites have other bells",
        f"{len(effects.apart)} lessons would lie outside of the periods of a site, the first “{first.title}” on "
        f"{first.date}; give that site the same bells, or plan these lessons otherwise, first.",
        **described(effects),
    )


def _clash(effects: BellEffects) -> Conflict:
    first = effects.clashes.first[0]
    moving = next(each for each in effects.moving if each.lesson_id == first.moving_id)
    others = effects.clashes.total - 1
    return Conflict(
        "bells.clash",
        "Already taken",
        f"“{moving.title}” on {moving.date} would move to where {first.name} is taken by “{first.title}”"
        f"{f', and {others} more clash' if others else ''}; plan these otherwise first.",
        **described(effects),
    )


def _met(effects: BellEffects) -> list[dict[str, Any]]:
    moving = {each.lesson_id: each for each in effects.moving}
    return [
        {
            "moving": _shown(moving[each.moving_id]),
            "resource": each.resource.value,
            "id": str(each.resource_id),
            "name": each.name,
            "lesson_id": str(each.lesson_id),
            "title": each.title,
            "starts_at": utc(each.interval.starts_at),
            "ends_at": utc(each.interval.ends_at),
        }
        for each in effects.clashes.first
    ]


def _shown(each: Concerned) -> dict[str, Any]:
    return {
        "lesson_id": str(each.lesson_id),
        "date": each.date.isoformat(),
        "period": each.period,
        "title": each.title,
        "starts_at": utc(each.was.starts_at),
        "new_starts_at": utc(each.becomes.starts_at) if each.becomes else None,
        "new_ends_at": utc(each.becomes.ends_at) if each.becomes else None,
        "site_id": str(each.site_id) if each.site_id else None,
    }
