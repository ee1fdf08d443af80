"""Planning a timetable entry: from what an administrator wants to the dated lessons that follow.

Nothing here knows of other lessons; whether somebody is needed twice at once is for the lessons domain.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.models import Person
from app.accounts.rules import Role
from app.errors import Conflict, Invalid, NotFound
from app.pairings import service as pairings
from app.schools import service as schools
from app.schools.models import OrgUnit, Room
from app.schools.rules import RoomKind, path_ids
from app.timetables import queries
from app.timetables.models import Term, TimetableEntry, TimetableEntrySite
from app.timetables.rules import (
    Bell,
    BellTimes,
    Expansion,
    LessonMode,
    NoBells,
    Occurrence,
    UnknownPeriod,
    WeeklySlot,
    expand,
    week_of,
    week_span,
)
from app.timetables.service import get_term


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


class SkipReason(StrEnum):
    """Why a day of the pattern gets no lesson."""

    PAST = "past"  # the lesson would be over already
    CLOCK_CHANGE = "clock_change"  # the clocks jump over the whole period


@dataclass(frozen=True, slots=True)
class Skipped:
    """A day of the pattern without a lesson."""

    day: date
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class PlannedSite:
    """A receiving room the lessons reach, and the agreement that allows it."""

    room: Room
    site_id: UUID
    site_code: str
    pairing_id: UUID


@dataclass(frozen=True)
class Plan:
    """A stored entry, and the lessons it stands for."""

    entry: TimetableEntry
    school_id: UUID
    main_room: Room
    teacher: Person
    sites: tuple[PlannedSite, ...]
    occurrences: tuple[Occurrence, ...]
    skipped: tuple[Skipped, ...]


def plan_entry(session: Session, draft: EntryDraft, now: datetime) -> Plan:
    """Check an entry against term, bells, people and pairings, and store it.

    Lessons that would be over by now are not planned.
    Raises `NotFound`, `Invalid` or `Conflict`; what belongs to another county is not found.
    """
    main_room = _main_room(session, draft.main_room_id)
    school = schools.get_org_unit(session, main_room.org_unit_id)
    term = get_term(session, draft.term_id, school.county_id)
    slot = _slot(draft, term)
    occurrences, skipped = _without_past(_expand(session, slot, school), now)
    if not occurrences:
        raise _nothing_left(slot, skipped)
    days = [occurrence.day for occurrence in occurrences]
    teacher = _teacher(session, draft.teacher_id, school.county_id, days)
    sites = _sites(session, main_room, school.county_id, draft, days)
    entry = _store(session, draft, slot, school.county_id, sites)
    return Plan(entry, school.id, main_room, teacher, sites, occurrences, skipped)


def _main_room(session: Session, room_id: UUID) -> Room:
    room = schools.get_room(session, room_id)
    if room.kind is not RoomKind.MAIN:
        raise Invalid(
            "timetable.not_a_main_room",
            "Not a main classroom",
            f"{room.name} is a {room.kind.value} room; lessons are given from a main room.",
        )
    return room


def _slot(draft: EntryDraft, term: Term) -> WeeklySlot:
    first_day, last_day = draft.first_day or term.first_day, draft.last_day or term.last_day
    if draft.first_week is not None:
        first_day = max(first_day, week_span(term.first_day, draft.first_week)[0])
    if draft.last_week is not None:
        last_day = min(last_day, week_span(term.first_day, draft.last_week)[1])
    if last_day < first_day or first_day < term.first_day or last_day > term.last_day:
        weeks = week_of(term.first_day, term.last_day)
        raise Invalid(
            "timetable.outside_term",
            "Outside the term",
            f"{term.name} is from {term.first_day} to {term.last_day}, weeks 1 to {weeks}; "
            f"lessons from {first_day} to {last_day} do not fit into it.",
            first_day=term.first_day.isoformat(),
            last_day=term.last_day.isoformat(),
            weeks=weeks,
        )
    return WeeklySlot(draft.weekday, draft.period, first_day, last_day)


def _expand(session: Session, slot: WeeklySlot, school: OrgUnit) -> Expansion:
    nearest_first = _bells_upwards(session, school, slot)
    try:
        return expand(slot, nearest_first, schools.time_zone_of(session, school))
    except NoBells as error:
        raise Conflict(
            "timetable.no_bells",
            "No bells",
            f"No bell schedule is in force for {school.name} on {error.day}; put one in force first.",
            date=error.day.isoformat(),
        ) from None
    except UnknownPeriod as error:
        known = ", ".join(map(str, error.known))
        raise Invalid(
            "timetable.period_unknown",
            "No such period",
            f"The bells of {school.name} have no period {error.period} on {error.day}; they have {known}.",
            date=error.day.isoformat(),
            periods=list(error.known),
        ) from None


def _bells_upwards(session: Session, school: OrgUnit, slot: WeeklySlot) -> list[list[BellTimes]]:
    by_unit: dict[UUID, list[BellTimes]] = {unit_id: [] for unit_id in reversed(path_ids(school.path))}
    for schedule in queries.bell_schedules_of(session, by_unit, slot.first_day, slot.last_day):
        periods = {period.number: Bell(period.starts_at, period.ends_at) for period in schedule.periods}
        by_unit[schedule.org_unit_id].append(BellTimes(schedule.valid_from, schedule.valid_to, periods))
    return list(by_unit.values())


def _without_past(expansion: Expansion, now: datetime) -> tuple[tuple[Occurrence, ...], tuple[Skipped, ...]]:
    to_come = tuple(each for each in expansion.occurrences if each.interval.ends_at > now)
    past = [Skipped(each.day, SkipReason.PAST) for each in expansion.occurrences if each not in to_come]
    swallowed = [Skipped(day, SkipReason.CLOCK_CHANGE) for day in expansion.swallowed]
    return to_come, tuple(sorted(past + swallowed, key=lambda skipped: skipped.day))


def _nothing_left(slot: WeeklySlot, skipped: Collection[Skipped]) -> Invalid:
    why = "all of them are over" if skipped else "that weekday does not occur"
    return Invalid(
        "timetable.no_lessons",
        "No lessons",
        f"From {slot.first_day} to {slot.last_day} weekday {slot.weekday} gives no lesson: {why}.",
    )


def _teacher(session: Session, person_id: UUID, county_id: UUID, days: Sequence[date]) -> Person:
    person = accounts.find_person(session, person_id)
    if person is None or person.county_id != county_id:
        raise NotFound("person.not_found", "No such person", f"There is no person {person_id}.")
    places = [assignment.org_unit_id for assignment in person.assignments]
    for day in days:
        if not person.active or not accounts.holds_role(person, Role.TEACHER, places, day):
            raise Conflict(
                "timetable.not_a_teacher",
                "Not a teacher",
                f"{person.name} is not assigned as a teacher on {day}; assign them, or name somebody else.",
                person_id=str(person.id),
                date=day.isoformat(),
            )
    return person


def _sites(
    session: Session, main_room: Room, county_id: UUID, draft: EntryDraft, days: Sequence[date]
) -> tuple[PlannedSite, ...]:
    found = schools.rooms(session, draft.receiving_room_ids)
    units = schools.org_units(session, {room.org_unit_id for room in found.values()})
    rooms = {room.id: room for room in found.values() if units[room.org_unit_id].county_id == county_id}
    if missing := set(draft.receiving_room_ids) - rooms.keys():
        raise NotFound("room.not_found", "No such room", f"There is no room {min(missing)}.")
    if len(units) < len(rooms):
        raise Invalid(
            "timetable.site_twice",
            "Site named twice",
            "A teaching site takes part in a lesson with one room only; name one room for each site.",
        )
    agreed = pairings.pairings_for(session, main_room, list(rooms.values()), draft.subject, days)
    planned = [
        PlannedSite(room, room.org_unit_id, units[room.org_unit_id].code, agreed[room.id].id)
        for room in rooms.values()
    ]
    return tuple(sorted(planned, key=lambda site: site.site_code))


def _store(
    session: Session, draft: EntryDraft, slot: WeeklySlot, county_id: UUID, sites: Collection[PlannedSite]
) -> TimetableEntry:
    entry = TimetableEntry(
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
        sites=[
            TimetableEntrySite(receiving_room_id=site.room.id, pairing_id=site.pairing_id)
            for site in sorted(sites, key=lambda site: site.room.id)
        ],
    )
    session.add(entry)
    session.flush()
    return entry
