"""Planning lessons: from what an administrator wants to the dated lessons that follow.

Nothing here knows of other lessons; whether somebody is needed twice at once is for the lessons domain. What a
plan is made of is read once (`ground`), and a plan can be asked what would become of another slot without
asking the database again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.models import Person
from app.database import new_id
from app.errors import Conflict, Invalid
from app.schools import service as schools
from app.schools.models import PupilGroup, Room
from app.timetables.calendar import WEEKDAYS
from app.timetables.ground import (
    BELL_SKEW,
    Apart,
    PlannedSite,
    Rooms,
    agreed_sites,
    bells_apart,
    check_teacher,
    read_groups,
    read_main_room,
    read_rooms,
    read_teacher,
    refuse_closed_groups,
    teaches_on,
)
from app.timetables.models import Term, TimetableEntry, TimetableEntryGroup, TimetableEntrySite
from app.timetables.places import Place
from app.timetables.reading import Reading
from app.timetables.rules import (
    Expansion,
    LessonMode,
    NoBells,
    Occurrence,
    Taught,
    UnknownPeriod,
    WeeklySlot,
    lessons_on,
    week_of,
    week_span,
)
from app.timetables.service import get_term
from app.timetables.weeks import WeekPattern, Weeks


@dataclass(frozen=True)
class EntryDraft:
    """A weekly lesson to be planned: for the whole term, for some of its days, or for some of its weeks."""

    term_id: UUID
    main_room_id: UUID
    teacher_id: UUID
    receiving_room_ids: tuple[UUID, ...]
    subject: str
    title: str
    weekday: int
    period: int
    mode: LessonMode = LessonMode.SYNCHRONOUS
    first_day: date | None = None
    last_day: date | None = None
    first_week: int | None = None
    last_week: int | None = None
    week_pattern: WeekPattern = WeekPattern.EVERY
    weeks: tuple[int, ...] = ()
    pupil_group_ids: tuple[UUID, ...] = ()

    @property
    def needed_ids(self) -> tuple[UUID, ...]:
        """Everybody and everything it needs: what planners take turns for, before they read anything of it."""
        return self.teacher_id, self.main_room_id, *self.receiving_room_ids, *self.pupil_group_ids


class SkipReason(StrEnum):
    """Why a day of the pattern gets no lesson."""

    PAST = "past"  # the lesson would be over already
    CLOCK_CHANGE = "clock_change"  # the clocks jump over the whole period


@dataclass(frozen=True, slots=True)
class Skipped:
    """A day of the pattern without a lesson."""

    day: date
    reason: SkipReason


@dataclass(frozen=True)
class Plan:
    """An entry that is not stored yet, and the lessons it stands for."""

    entry: TimetableEntry
    slot: WeeklySlot
    taught: Taught
    term: Term
    school: Place
    main_room: Room
    teacher: Person
    sites: tuple[PlannedSite, ...]
    groups: tuple[PupilGroup, ...]
    occurrences: tuple[Occurrence, ...]
    skipped: tuple[Skipped, ...]
    apart: tuple[Apart, ...]
    """Lessons outside of the periods of a site: the plan cannot be carried out while there are any."""
    now: datetime
    skew: timedelta

    @property
    def school_id(self) -> UUID:
        return self.school.unit.id

    def elsewhere(self, weekday: int, period: int) -> tuple[Occurrence, ...]:
        """The lessons the same entry would have in another slot; none when it cannot have that slot."""
        slot = replace(self.slot, weekday=weekday, period=period)
        days = slot.days(self.taught)
        try:
            expansion = lessons_on(days, period, self.school.bells, self.school.zone)
        except (NoBells, UnknownPeriod):
            return ()
        occurrences, _ = _without_past(expansion, self.now)
        taught = all(teaches_on(self.teacher, each.day) for each in occurrences)
        agreed = all(site.agreed_on(each.day) for site in self.sites for each in occurrences)
        if not taught or not agreed or bells_apart(self.sites, occurrences, self.skew):
            return ()
        return occurrences


def plan_entry(
    session: Session,
    draft: EntryDraft,
    now: datetime,
    skew: timedelta = BELL_SKEW,
    reading: Reading | None = None,
) -> Plan:
    """Check an entry against term, calendar, bells, people and pairings; nothing is stored.

    Whoever plans many lends all of them one `reading`. Lessons that would be over by now are not planned.
    Raises `NotFound`, `Invalid` or `Conflict`; what belongs to another county is not found.
    """
    reading = reading or Reading(session)
    term, rooms = _where(reading, draft)
    slot = _slot(draft, term)
    taught = reading.calendar(term).weekday_taught
    days = slot.days(taught)
    if not days:
        raise _nothing_left(slot, days, ())
    return _plan(reading, draft, term, rooms, slot, taught, days, now, skew)


def plan_days(
    session: Session,
    draft: EntryDraft,
    days: Collection[date],
    now: datetime,
    skew: timedelta = BELL_SKEW,
    reading: Reading | None = None,
) -> Plan:
    """The same for days that are chosen one by one, whatever the calendar says of them."""
    reading = reading or Reading(session)
    term, rooms = _where(reading, draft)
    chosen = _slot(replace(draft, first_day=min(days), last_day=max(days)), term)
    # Other slots are looked for in the same weeks.
    monday, sunday = week_span(min(days), 1)[0], week_span(max(days), 1)[1]
    slot = replace(chosen, first_day=max(monday, term.first_day), last_day=min(sunday, term.last_day))
    taught = reading.calendar(term).weekday_taught
    return _plan(reading, draft, term, rooms, slot, taught, sorted(days), now, skew)


def store(session: Session, plan: Plan) -> TimetableEntry:
    """Keep the entry of a plan."""
    session.add(plan.entry)
    session.flush()
    return plan.entry


def _where(reading: Reading, draft: EntryDraft) -> tuple[Term, Rooms]:
    main, school = read_main_room(reading, draft.main_room_id)
    reading.require_subject(school.county_id, draft.subject)
    term = get_term(reading.session, draft.term_id, school.county_id)
    days = term.first_day, term.last_day
    return term, read_rooms(reading, main, school, draft.receiving_room_ids, *days)


def _plan(
    reading: Reading,
    draft: EntryDraft,
    term: Term,
    rooms: Rooms,
    slot: WeeklySlot,
    taught: Taught,
    days: Sequence[date],
    now: datetime,
    skew: timedelta,
) -> Plan:
    occurrences, skipped = _without_past(_expand(days, slot.period, rooms.school), now)
    if not occurrences:
        raise _nothing_left(slot, days, skipped)
    days = [occurrence.day for occurrence in occurrences]
    for room in (rooms.main, *(room for room, _ in rooms.receiving)):
        schools.refuse_closed_room(room, max(days))
    teacher = read_teacher(reading, draft.teacher_id, term.county_id)
    check_teacher(teacher, days)
    sites = agreed_sites(reading, rooms, draft.subject, days)
    groups = read_groups(reading, draft.pupil_group_ids, rooms, draft.mode)
    refuse_closed_groups(groups, max(days))
    return Plan(
        entry=_entry(draft, slot, term.county_id, sites),
        slot=slot,
        taught=taught,
        term=term,
        school=rooms.school,
        main_room=rooms.main,
        teacher=teacher,
        sites=sites,
        groups=groups,
        occurrences=occurrences,
        skipped=skipped,
        apart=bells_apart(sites, occurrences, skew),
        now=now,
        skew=skew,
    )


def _slot(draft: EntryDraft, term: Term) -> WeeklySlot:
    first_day, last_day = draft.first_day or term.first_day, draft.last_day or term.last_day
    if draft.first_week is not None:
        first_day = max(first_day, week_span(term.first_day, draft.first_week)[0])
    if draft.last_week is not None:
        last_day = min(last_day, week_span(term.first_day, draft.last_week)[1])
    weeks = week_of(term.first_day, term.last_day)
    last_week = max(*draft.weeks, draft.first_week or 0, draft.last_week or 0, 0)
    beyond = last_week > weeks
    if beyond or last_day < first_day or first_day < term.first_day or last_day > term.last_day:
        days = str(first_day) if first_day == last_day else f"{first_day} to {last_day}"
        wanted = f"week {last_week}" if beyond else days
        raise Invalid(
            "timetable.outside_term",
            "Outside the term",
            f"{term.name} is from {term.first_day} to {term.last_day}, weeks 1 to {weeks}; "
            f"{wanted} does not fit into it.",
            first_day=term.first_day.isoformat(),
            last_day=term.last_day.isoformat(),
            weeks=weeks,
            week=last_week if beyond else None,
        )
    pattern = Weeks.of(draft.week_pattern, draft.weeks)
    return WeeklySlot(draft.weekday, draft.period, first_day, last_day, pattern, term.first_day)


def _expand(days: Sequence[date], period: int, school: Place) -> Expansion:
    name = school.unit.name
    try:
        return lessons_on(days, period, school.bells, school.zone)
    except NoBells as error:
        raise Conflict(
            "timetable.no_bells",
            "No bells",
            f"No bell schedule is in force for {name} on {error.day}; put one in force first.",
            date=error.day.isoformat(),
        ) from None
    except UnknownPeriod as error:
        known = ", ".join(map(str, error.known))
        raise Invalid(
            "timetable.period_unknown",
            "No such period",
            f"The bells of {name} have no period {error.period} on {error.day}; they have {known}.",
            date=error.day.isoformat(),
            periods=list(error.known),
        ) from None


def _without_past(expansion: Expansion, now: datetime) -> tuple[tuple[Occurrence, ...], tuple[Skipped, ...]]:
    to_come = tuple(each for each in expansion.occurrences if each.interval.ends_at > now)
    past = [
        Skipped(each.day, SkipReason.PAST) for each in expansion.occurrences if each.interval.ends_at <= now
    ]
    swallowed = [Skipped(day, SkipReason.CLOCK_CHANGE) for day in expansion.swallowed]
    return to_come, tuple(sorted(past + swallowed, key=lambda skipped: skipped.day))


def _nothing_left(slot: WeeklySlot, days: Sequence[date], skipped: Sequence[Skipped]) -> Invalid:
    past = any(each.reason is SkipReason.PAST for each in skipped)
    if len(days) == 1:
        why = "is over already; choose a later one" if past else "falls into the hour the clocks jump over"
        detail = f"Period {slot.period} on {days[0]} {why}."
    else:
        why = "all of them are over" if past else "the calendar has no such day in these weeks"
        on = WEEKDAYS[slot.weekday - 1]
        detail = f"From {slot.first_day} to {slot.last_day} there is no lesson on a {on}: {why}."
    return Invalid("timetable.no_lessons", "No lessons", detail)


def _entry(
    draft: EntryDraft, slot: WeeklySlot, county_id: UUID, sites: Collection[PlannedSite]
) -> TimetableEntry:
    return TimetableEntry(
        id=new_id(),
        county_id=county_id,
        term_id=draft.term_id,
        main_room_id=draft.main_room_id,
        teacher_id=draft.teacher_id,
        subject=draft.subject,
        title=draft.title,
        weekday=slot.weekday,
        period=slot.period,
        mode=draft.mode,
        first_day=slot.first_day,
        last_day=slot.last_day,
        week_pattern=slot.weeks.pattern,
        weeks=sorted(slot.weeks.listed),
        sites=[
            TimetableEntrySite(receiving_room_id=site.room.id, pairing_id=site.pairing_id)
            for site in sorted(sites, key=lambda site: site.room.id)
        ],
        groups=[
            TimetableEntryGroup(pupil_group_id=group_id)
            for group_id in sorted(set(draft.pupil_group_ids), key=str)
        ],
    )
