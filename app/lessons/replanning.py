"""Letting lessons follow a calendar that changed behind them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database import take_turns
from app.errors import AppError
from app.lessons import booking_queries, changes
from app.lessons import planning_queries as queries
from app.lessons.booking_queries import Rows
from app.lessons.carrying_out import call_off
from app.lessons.changes import Doing
from app.lessons.clash_report import examine, in_nobodys_way, refusal
from app.lessons.models import Lesson
from app.lessons.reshaping import draft_of_entry
from app.lessons.rules import CHANGEABLE, LessonState
from app.lessons.scheduling import put_down, rows_of
from app.timetables import service as timetables
from app.timetables.models import TimetableEntry
from app.timetables.planning import Plan, plan_days
from app.timetables.reading import Reading

Missing = tuple[TimetableEntry, date]
NO_SCHOOL = "放假 No lessons on this day"
"""Why the calendar cancels a lesson. It comes back when the calendar says so again."""


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A lesson that the calendar asks for, and why there is none."""

    entry: TimetableEntry
    day: date
    error: AppError


@dataclass(frozen=True, slots=True)
class Replanned:
    """What became of some days."""

    added: int
    cancelled: int
    unplanned: tuple[Unplanned, ...]


NOTHING = Replanned(0, 0, ())
"""No lesson was concerned."""


def replan_days(session: Session, county_id: UUID, days: Collection[date], doing: Doing) -> Replanned:
    """Make the lessons of some days what calendar and entries say: cancel those that have none, add the others.

    To be called in the transaction that changes the calendar, after it. What clashes is left out and reported.
    Lessons that were cancelled, moved or made up for on their own stay so.
    """
    entries = timetables.entries_meeting(session, county_id, min(days), max(days))
    take_turns(session, [entry.id for entry in entries])
    wanted = timetables.days_of_entries(session, entries, days)
    lessons: dict[tuple[UUID | None, date], list[Lesson]] = {}
    ids = [entry.id for entry in entries]
    for lesson in queries.lessons_of_entries(session, ids, min(days), max(days)):
        if lesson.moved_from_id is None and lesson.makes_up_id is None:
            lessons.setdefault((lesson.entry_id, lesson.date), []).append(lesson)
    falling = [
        lesson
        for (entry_id, day), there in lessons.items()
        if day in days and (entry_id, day) not in wanted
        for lesson in there
        if lesson.state in CHANGEABLE and lesson.ends_at > doing.now
    ]
    call_off(session, falling, replace(doing, reason=doing.reason or NO_SCHOOL))
    missing = [
        (entry, day)
        for entry in entries
        for day in sorted(days)
        if (entry.id, day) in wanted
        and all(_by_calendar(each, doing) for each in lessons.get((entry.id, day), ()))
    ]
    unplanned = _add_all(session, county_id, missing, doing) if missing else ()
    return Replanned(len(missing) - len(unplanned), len(falling), unplanned)


def _by_calendar(lesson: Lesson, doing: Doing) -> bool:
    """Whether the calendar, now or before, cancelled a lesson; one without a reason was cancelled on its own."""
    if lesson.state is not LessonState.CANCELLED or lesson.state_reason is None:
        return False
    return lesson.state_reason in (NO_SCHOOL, doing.reason)


def _add_all(
    session: Session, county_id: UUID, missing: Sequence[Missing], doing: Doing
) -> tuple[Unplanned, ...]:
    """Add lessons of entries on days, all that nothing is in the way of together; the others, and why they are not.

    What is in nobody's way is found in memory, in the order in which they would be added one by one. The others are
    tried by themselves afterwards, for the full reason; so are all of them if somebody was faster, whom only the
    database saw.
    """
    drafts = {entry: draft_of_entry(entry) for entry, _ in missing}
    take_turns(session, {key for draft in drafts.values() for key in draft.needed_ids})
    reading = _read(session, county_id, drafts)
    planned: list[tuple[TimetableEntry, Plan]] = []
    late: list[Missing] = []
    unplanned: list[Unplanned] = []
    for entry, day in missing:
        try:
            plan = plan_days(session, drafts[entry], [day], doing.now, doing.skew, reading)
            planned.append((entry, plan))
        except AppError as error:
            unplanned.append(Unplanned(entry, day, error))
    free = in_nobodys_way(session, [plan for _, plan in planned])
    together = [(entry, plan) for (entry, plan), fits in zip(planned, free, strict=True) if fits]
    late += [(entry, _day_of(plan)) for (entry, plan), fits in zip(planned, free, strict=True) if not fits]
    try:
        with session.begin_nested():
            _put_down(session, together, doing)
    except IntegrityError:
        late = [(entry, _day_of(plan)) for entry, plan in planned]
    unplanned += [each for entry, day in late if (each := _add(session, entry, day, doing))]
    place = {each: number for number, each in enumerate(missing)}
    return tuple(sorted(unplanned, key=lambda each: place[each.entry, each.day]))


def _read(session: Session, county_id: UUID, entries: Collection[TimetableEntry]) -> Reading:
    """What these entries stand on."""
    reading = Reading(session)
    reading.read_ahead(
        county_id,
        term_ids={each.term_id for each in entries},
        main_room_ids={each.main_room_id for each in entries},
        receiving_room_ids={site.receiving_room_id for each in entries for site in each.sites},
        teacher_ids={each.teacher_id for each in entries},
        group_ids={key for each in entries for key in each.pupil_group_ids},
    )
    return reading


def _day_of(plan: Plan) -> date:
    return plan.occurrences[0].day


def _put_down(session: Session, together: Sequence[tuple[TimetableEntry, Plan]], doing: Doing) -> None:
    """Store lessons, and let those of published entries be known."""
    rows = Rows([], [], [])
    told: dict[TimetableEntry, list[UUID]] = {}
    for entry, plan in together:
        state = LessonState.PUBLISHED if entry.published else LessonState.DRAFT
        own = rows_of(plan, state, entry.id)
        rows.lessons.extend(own.lessons)
        rows.sites.extend(own.sites)
        rows.groups.extend(own.groups)
        if entry.published:
            told.setdefault(entry, []).extend(row["id"] for row in own.lessons)
    booking_queries.add_lessons(session, rows)
    for entry, lesson_ids in told.items():
        changes.lessons_planned(session, entry, lesson_ids, doing)
    session.flush()


def _add(session: Session, entry: TimetableEntry, day: date, doing: Doing) -> Unplanned | None:
    """Add the lesson of an entry on a day; why not, when it cannot be."""
    try:
        with session.begin_nested():
            plan = plan_days(session, draft_of_entry(entry), [day], doing.now, doing.skew)
            if findings := examine(session, plan):
                raise refusal(session, findings)
            state = LessonState.PUBLISHED if entry.published else LessonState.DRAFT
            rows = rows_of(plan, state, entry.id)
            put_down(session, plan, rows)
            if entry.published:
                changes.lessons_planned(session, entry, [row["id"] for row in rows.lessons], doing)
    except AppError as error:
        return Unplanned(entry, day, error)
    return None
