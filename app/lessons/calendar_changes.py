"""Changing the school calendar, as far as lessons stand on the days that change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
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
from app.lessons.models import Lesson
from app.schools import service as schools
from app.timetables import special_days
from app.timetables.models import CalendarDay, TimetableEntry
from app.timetables.special_days import DayDraft

MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class Effects:
    """What changing some days means for the timetable."""

    falling: Sequence[Lesson]
    """Lessons that stand on days which will no longer have them."""
    missing: Sequence[tuple[date, TimetableEntry]]
    """Weekly lessons that those days will have, and have not yet."""


def effects_of(session: Session, principal: Principal, days: Mapping[date, DayDraft | None]) -> Effects:
    """What would follow from changing these days (None: as any other day). Nothing is changed.

    Raises `Invalid` for a day that cannot become what is wanted.
    """
    schools.require_at(session, principal, Action.CALENDAR_SET, principal.county_id)
    wanted = {day: draft.wanted if draft else None for day, draft in days.items()}
    changes = special_days.turns(session, principal.county_id, wanted)
    falling = queries.standing_on(session, principal.county_id, [turn.date for turn in changes])
    return Effects(falling, special_days.entries_following(session, principal.county_id, changes))


def mark_days(session: Session, principal: Principal, days: Mapping[date, DayDraft]) -> Sequence[CalendarDay]:
    """Make days special, all or none, as a bureau admin.

    Raises `Conflict` with the lessons that stand on them, or that the timetable would have on them.
    """
    county_id = _take_turns(session, principal)
    _refuse_effects(effects_of(session, principal, days))
    marked = special_days.mark(session, county_id, days)
    _note(session, principal, Act.CALENDAR_MARKED, marked)
    return marked


def unmark_day(session: Session, principal: Principal, day: date) -> None:
    """Make a day like any other, as a bureau admin; raises the same."""
    county_id = _take_turns(session, principal)
    _refuse_effects(effects_of(session, principal, {day: None}))
    if gone := special_days.unmark(session, county_id, [day]):
        _note(session, principal, Act.CALENDAR_UNMARKED, gone)


def _take_turns(session: Session, principal: Principal) -> UUID:
    take_turns(session, [principal.county_id])
    return principal.county_id


def _note(session: Session, principal: Principal, act: Act, days: Collection[CalendarDay]) -> None:
    facts = {
        each.date.isoformat(): f"{each.kind}:{each.follows_weekday}" if each.follows_weekday else each.kind
        for each in days
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
            "cancel or move them first"
        )
    if effects.missing:
        day, entry = effects.missing[0]
        told.append(
            f"{len(effects.missing)} weekly lessons would have to be added, the first “{entry.title}” on {day}; "
            "mark the day before planning them"
        )
    raise Conflict(
        "calendar.lessons_planned",
        "Lessons are planned",
        f"{'. '.join(told)}.",
        falling=[
            {
                "lesson_id": str(each.id),
                "date": each.date.isoformat(),
                "period": each.period,
                "title": each.title,
            }
            for each in effects.falling[:MOST_NAMED]
        ],
        missing=[
            {"entry_id": str(entry.id), "date": day.isoformat(), "period": entry.period, "title": entry.title}
            for day, entry in effects.missing[:MOST_NAMED]
        ],
        total_falling=len(effects.falling),
        total_missing=len(effects.missing),
    )
