"""Use cases of the school calendar: looking at it, proposing public holidays, marking days.

Whether lessons stand on a day is for the lessons domain, which changes the calendar (`app.lessons.calendar_changes`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.errors import Conflict, Invalid
from app.timetables import list_versions, queries
from app.timetables.calendar import (
    WEEKDAYS,
    DayKind,
    SchoolCalendar,
    SpecialDay,
    Trouble,
    days_between,
    trouble_with,
)
from app.timetables.list_versions import calendar_id
from app.timetables.models import CalendarDay, Term, TimetableEntry
from app.timetables.public_holidays import ProposedDay, UnknownCountry, proposed_days
from app.timetables.rules import week_of
from app.timetables.service import calendar_of, show_term, slot_of
from app.versions import Seen


@dataclass(frozen=True, slots=True)
class DayDraft:
    """What a day is to be."""

    wanted: SpecialDay
    name: str | None = None


@dataclass(frozen=True, slots=True)
class TermDay:
    """One day of a term: its week, whose timetable it follows, and what makes it special."""

    date: date
    week: int
    weekday_taught: int | None
    special: CalendarDay | None


@dataclass(frozen=True, slots=True)
class TermDays:
    """Every day of a term, and how often the county's calendar was changed before."""

    version: int
    days: Sequence[TermDay]


@dataclass(frozen=True, slots=True)
class Turn:
    """A day whose lessons change: the weekday it followed, and the one it will; None: no lessons."""

    date: date
    before: int | None
    after: int | None


# --- looking ------------------------------------------------------------------------------------------------


def list_days(
    session: Session, county_id: UUID, first_day: date | None, last_day: date | None, limit: int
) -> tuple[Sequence[CalendarDay], bool]:
    """The special days of a county in a span, and whether there are more."""
    found = queries.calendar_days(
        session, county_id, first_day or date.min, last_day or date.max, limit=limit + 1
    )
    return found[:limit], len(found) > limit


def term_calendar(session: Session, principal: Principal, term_id: UUID) -> TermDays:
    """Every day of a term of one's own county."""
    term = show_term(session, principal, term_id)
    version = list_versions.version_of(session, calendar_id(term.county_id))
    calendar = calendar_of(session, term)
    special = {each.date: each for each in _special_of(session, term)}
    days = [
        TermDay(day, week_of(term.first_day, day), calendar.weekday_taught(day), special.get(day))
        for day in days_between(term.first_day, term.last_day)
    ]
    return TermDays(version, days)


def propose(
    session: Session, principal: Principal, term_id: UUID, country: str, language: str
) -> list[ProposedDay]:
    """A country's holidays and shifted working days in a term, those that are not in its calendar yet."""
    term = show_term(session, principal, term_id)
    known = {each.date: SpecialDay(each.kind, each.follows_weekday) for each in _special_of(session, term)}
    try:
        found = proposed_days(country, language, term.first_day, term.last_day)
    except UnknownCountry:
        raise Invalid(
            "calendar.country_unknown",
            "No holidays known",
            f"No public holidays of {country} are known; mark the days one by one.",
        ) from None
    weekdays = frozenset(term.weekdays)
    return [
        each
        for each in found
        if known.get(each.date) != each.wanted and trouble_with(each.date, each.wanted, weekdays) is None
    ]


def _special_of(session: Session, term: Term) -> Sequence[CalendarDay]:
    return queries.calendar_days(session, term.county_id, term.first_day, term.last_day)


# --- changing -----------------------------------------------------------------------------------------------


def turns(session: Session, county_id: UUID, wanted: Mapping[date, SpecialDay | None]) -> list[Turn]:
    """Those of the days whose lessons change if they become what is wanted (None: as any other day).

    Raises `Invalid` for a day that cannot become that.
    """
    if not wanted:
        return []
    found = []
    terms = queries.terms_meeting(session, county_id, min(wanted), max(wanted))
    calendars = {term.id: calendar_of(session, term) for term in terms}
    for day, special in sorted(wanted.items()):
        term = next((each for each in terms if each.first_day <= day <= each.last_day), None)
        if special is not None and (refusal := _trouble(day, special, term)):
            raise refusal
        if term is None:
            continue
        before = calendars[term.id]
        rest = {each: special_day for each, special_day in before.days.items() if each != day}
        after = SchoolCalendar(before.weekdays, rest if special is None else {**rest, day: special})
        if (old := before.weekday_taught(day)) != (new := after.weekday_taught(day)):
            found.append(Turn(day, old, new))
    return found


def troubles(
    session: Session, county_id: UUID, wanted: Mapping[date, SpecialDay | None]
) -> dict[date, Invalid]:
    """Those of the days that cannot become what is wanted, and why not."""
    if not wanted:
        return {}
    terms = queries.terms_meeting(session, county_id, min(wanted), max(wanted))
    found: dict[date, Invalid] = {}
    for day, special in sorted(wanted.items()):
        term = next((each for each in terms if each.first_day <= day <= each.last_day), None)
        if special is not None and (refusal := _trouble(day, special, term)):
            found[day] = refusal
    return found


def count_change(session: Session, county_id: UUID, seen: Seen) -> None:
    """Count a change of a county's calendar; raises `PreconditionFailed` when another one came first."""
    list_versions.count(session, calendar_id(county_id), seen)


def mark(session: Session, county_id: UUID, days: Mapping[date, DayDraft]) -> Sequence[CalendarDay]:
    """Make days special; what they were before is gone."""
    if not days:
        return []
    unmark(session, county_id, days)
    marked = [
        CalendarDay(
            county_id=county_id,
            date=day,
            kind=draft.wanted.kind,
            follows_weekday=draft.wanted.follows_weekday,
            name=draft.name,
        )
        for day, draft in sorted(days.items())
    ]
    session.add_all(marked)
    session.flush()
    return marked


def unmark(session: Session, county_id: UUID, days: Collection[date]) -> list[CalendarDay]:
    """Make days like any other; returns what they were."""
    found = queries.calendar_days(session, county_id, min(days), max(days))
    gone = [each for each in found if each.date in days]
    for each in gone:
        session.delete(each)
    session.flush()
    return gone


def entries_following(
    session: Session, county_id: UUID, changes: Collection[Turn]
) -> list[tuple[date, TimetableEntry]]:
    """The entries whose weekday some days will follow, with those days."""
    wanted = {turn.after for turn in changes if turn.after is not None}
    days = [turn.date for turn in changes]
    if not wanted:
        return []
    entries = queries.entries_of_weekdays(session, county_id, wanted, min(days), max(days))
    first_days = {
        term.id: term.first_day for term in queries.terms_meeting(session, county_id, min(days), max(days))
    }
    return [
        (turn.date, entry)
        for turn in changes
        for entry in entries
        if entry.weekday == turn.after
        and entry.first_day <= turn.date <= entry.last_day
        and slot_of(entry, first_days[entry.term_id]).in_week_of(turn.date)
    ]


def refuse_holiday(session: Session, county_id: UUID, day: date) -> None:
    """Raise `Conflict` for a day that a county keeps free: lessons are not moved to it by mistake."""
    for special in queries.calendar_days(session, county_id, day, day):
        if special.kind is DayKind.HOLIDAY:
            raise Conflict(
                "calendar.holiday",
                "Holiday",
                f"{day} is a holiday{f' ({special.name})' if special.name else ''}; choose another day, or make it a "
                "school day first.",
                date=day.isoformat(),
            )


def _trouble(day: date, wanted: SpecialDay, term: Term | None) -> Invalid | None:
    trouble = trouble_with(day, wanted, frozenset(term.weekdays) if term else None)
    if trouble is None:
        return None
    followed = WEEKDAYS[(wanted.follows_weekday or 1) - 1]
    why = {
        Trouble.FOLLOWS_NOTHING: "a make-up day needs the weekday whose timetable it follows",
        Trouble.FOLLOWS_WITHOUT_NEED: f"a {wanted.kind.replace('_', ' ')} follows no other weekday",
        Trouble.FOLLOWS_ITSELF: f"it is a {followed} already; make it a {DayKind.SCHOOL_DAY.value}",
        Trouble.FOLLOWS_A_FREE_DAY: f"on a {followed} there are no lessons in this term",
        Trouble.OUTSIDE_TERMS: "it lies in no term, so there is no timetable to follow",
    }[trouble]
    return Invalid(
        f"calendar.{trouble.value}",
        "Not a possible day",
        f"{day} cannot be marked so: {why}.",
        date=day.isoformat(),
    )
