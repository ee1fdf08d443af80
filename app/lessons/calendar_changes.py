"""Changing the school calendar, as far as lessons stand on the days that change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.errors import Conflict
from app.lessons import queries
from app.lessons.carrying_out import call_off
from app.lessons.changes import Doing
from app.lessons.models import Lesson
from app.lessons.naming import MOST_NAMED, named
from app.lessons.replanning import NO_SCHOOL, NOTHING, Replanned, Unplanned, replan_days
from app.lessons.rules import CHANGEABLE
from app.schools import service as schools
from app.timetables import special_days
from app.timetables.models import CalendarDay, TimetableEntry
from app.timetables.special_days import DayDraft, Turn
from app.versions import ANY

Days = Mapping[date, DayDraft | None]
"""What days are to be; None: like any other."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What changing some days means for the timetable."""

    turns: Sequence[Turn]
    falling: Sequence[Lesson]
    """Lessons that stand on days which will no longer have them."""
    missing: Sequence[tuple[date, TimetableEntry]]
    """Weekly lessons that those days will have, and have not yet."""


@dataclass(frozen=True, slots=True)
class Marked:
    """Days that were marked, and what became of lessons."""

    days: Sequence[CalendarDay]
    lessons: Replanned = NOTHING


def effects_of(session: Session, principal: Principal, days: Days) -> Effects:
    """What would follow from changing these days (None: as any other day). Nothing is changed.

    Raises `Invalid` for a day that cannot become what is wanted.
    """
    schools.require_at(session, principal, Action.CALENDAR_SET, principal.county_id)
    wanted = {day: draft.wanted if draft else None for day, draft in days.items()}
    changes = special_days.turns(session, principal.county_id, wanted)
    standing = queries.standing_on(session, principal.county_id, [turn.date for turn in changes])
    empty = {turn.date for turn in changes if turn.after is None}
    falling = [each for each in standing if each.date in empty or not _has_its_own_day(each)]
    missing = special_days.entries_following(session, principal.county_id, changes)
    return Effects(changes, falling, missing)


def try_days(
    session: Session, principal: Principal, days: Days, doing: Doing
) -> tuple[Effects, tuple[Unplanned, ...]]:
    """The same, and which of the missing lessons could not be added and why: the change is made and taken back."""
    effects = effects_of(session, principal, days)
    if held(effects, doing):
        return effects, ()  # it would be refused anyhow
    with audit.trial(session):
        _put(session, principal.county_id, days)
        unplanned = _follow(session, principal.county_id, effects, doing).unplanned
    return effects_of(session, principal, days), unplanned


def mark_days(
    session: Session, principal: Principal, days: Days, doing: Doing, *, follow: bool = False
) -> Marked:
    """Make days special, or (None) like any other, all or none, as a bureau admin.

    Raises `Conflict` with the lessons that stand on them, or that the timetable would have on them, unless lessons
    shall follow: those that fall out are cancelled, the others added, as far as nothing is in their way.
    """
    schools.require_at(session, principal, Action.CALENDAR_SET, principal.county_id)
    take_turns(session, [principal.county_id])
    special_days.count_change(session, principal.county_id, doing.seen)
    doing = replace(doing, seen=ANY)  # the calendar, not each of the lessons
    effects = effects_of(session, principal, days)
    if not follow:
        _refuse_effects(effects)
    marked, gone = _put(session, principal.county_id, days)
    lessons = _follow(session, principal.county_id, effects, doing)
    if marked:
        _note(session, principal, Act.CALENDAR_MARKED, marked, lessons)
    if gone:
        _note(session, principal, Act.CALENDAR_UNMARKED, gone, lessons)
    return Marked(marked, lessons)


def _put(
    session: Session, county_id: UUID, days: Days
) -> tuple[Sequence[CalendarDay], Sequence[CalendarDay]]:
    drafts = {day: draft for day, draft in days.items() if draft is not None}
    plain = days.keys() - drafts.keys()
    gone = special_days.unmark(session, county_id, plain) if plain else []
    return special_days.mark(session, county_id, drafts), gone


def _follow(session: Session, county_id: UUID, effects: Effects, doing: Doing) -> Replanned:
    """Let lessons be as the calendar says now. Raises `Conflict` when some of these days were held already."""
    if not effects.falling and not effects.missing:
        return NOTHING
    if begun := held(effects, doing):
        raise _held_refusal(begun)
    # Lessons that were moved to a day without school fall out like all others of the day.
    empty = {turn.date for turn in effects.turns if turn.after is None}
    special = [each.id for each in effects.falling if each.date in empty and _has_its_own_day(each)]
    off = replace(doing, reason=doing.reason or NO_SCHOOL)
    call_off(session, queries.lessons_by_ids(session, special), off)
    done = replan_days(session, county_id, [turn.date for turn in effects.turns], doing)
    return replace(done, cancelled=done.cancelled + len(special))


def _has_its_own_day(lesson: Lesson) -> bool:
    """Whether somebody put a lesson on its day, whatever weekday that follows."""
    return lesson.moved_from_id is not None or lesson.makes_up_id is not None


def _note(
    session: Session, principal: Principal, act: Act, days: Collection[CalendarDay], lessons: Replanned
) -> None:
    facts: dict[str, object] = {
        each.date.isoformat(): f"{each.kind}:{each.follows_weekday}" if each.follows_weekday else each.kind
        for each in days
    }
    if lessons != NOTHING:
        facts["lessons"] = {
            "added": lessons.added,
            "cancelled": lessons.cancelled,
            "not_added": len(lessons.unplanned),
        }
    subject = Subject("calendar", principal.county_id, principal.county_id)
    audit.note(session, act, principal.county_id, principal.person_id, subject, after=facts)


def _refuse_effects(effects: Effects) -> None:
    if not effects.falling and not effects.missing:
        return
    told = []
    if effects.falling:
        first = effects.falling[0]
        told.append(
            f"{len(effects.falling)} lessons stand on these days, the first “{first.title}” on {first.date}; "
            "they would be cancelled"
        )
    if effects.missing:
        day, entry = effects.missing[0]
        told.append(
            f"{len(effects.missing)} weekly lessons would be added, the first “{entry.title}” on {day}"
        )
    raise Conflict(
        "calendar.lessons_planned",
        "Lessons are planned",
        f"{'. '.join(told)}. Say `lessons=follow` to have that done and everybody told.",
        falling=named(effects.falling),
        missing=[
            {"entry_id": str(entry.id), "date": day.isoformat(), "period": entry.period, "title": entry.title}
            for day, entry in effects.missing[:MOST_NAMED]
        ],
        total_falling=len(effects.falling),
        total_missing=len(effects.missing),
    )


def held(effects: Effects, doing: Doing) -> list[Lesson]:
    """Lessons of days that shall have none, which have begun or are over: nothing makes such days so."""
    return [each for each in effects.falling if each.state not in CHANGEABLE or each.ends_at <= doing.now]


def _held_refusal(held: Sequence[Lesson]) -> Conflict:
    first = held[0]
    return Conflict(
        "calendar.lessons_held",
        "Lessons were held",
        f"{len(held)} lessons of these days have begun or are over, the first “{first.title}” on {first.date}; "
        "what was cannot become a day without them.",
        lessons=named(held),
        total=len(held),
    )
