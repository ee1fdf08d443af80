"""Changing a weekly lesson: one of its dates, that one and all that follow, or all that are still to come.

What was changed on a single lesson outlives a change of the series: a substitute keeps teaching, another room
stays, a lesson that was moved keeps its time. Lessons that are over or on the air stay as they were.
"""

from dataclasses import replace
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit.rules import Act
from app.database import take_turns, violated
from app.errors import Invalid, NotFound
from app.lessons import on_the_day
from app.lessons import planning_queries as queries
from app.lessons.carrying_out import call_off
from app.lessons.changes import Doing
from app.lessons.clash_report import examine_part, overtaken, refusal
from app.lessons.models import Lesson
from app.lessons.reshaping import OF_ONE, Changes, Reshaped, draft_of_entry, is_to_come, reshape
from app.lessons.rules import CHANGEABLE
from app.lessons.series_at_once import put_all, take_turns_for
from app.lessons.series_trail import Outcome as Outcome
from app.lessons.series_trail import facts_of_entry, note
from app.timetables import planning
from app.timetables import service as timetables
from app.timetables.clashes import Booking
from app.timetables.models import TimetableEntry
from app.timetables.reading import Reading
from app.versions import ANY

_WHEN = frozenset({"weekday", "period"})


class Scope(StrEnum):
    """How many lessons of an entry a change is about."""

    THIS = "this"
    FOLLOWING = "following"
    ALL = "all"


def change_entry(
    session: Session,
    principal: Principal,
    entry_id: UUID,
    scope: Scope,
    day: date | None,
    wanted: Changes,
    doing: Doing,
) -> Outcome:
    """Change an entry on behalf of a bureau admin; all of it or nothing. Checked as planning it is."""
    entry, day = _reach(session, principal, entry_id, scope, day, doing)
    doing = replace(doing, seen=ANY)  # the entry, not each of its lessons
    if scope is Scope.THIS:
        return Outcome(entry, changed=_change_one(session, principal, entry, day, wanted, doing))
    before = facts_of_entry(entry)
    take_turns(session, replace(draft_of_entry(entry), **wanted).needed_ids)
    lessons = queries.lessons_of_entries(session, [entry.id], day, date.max)
    take_turns_for(session, lessons, doing)
    shape = reshape(Reading(session), entry, day, wanted, lessons, doing)
    _check(session, shape)
    shape = replace(shape, entry=_keep(session, entry, shape, day))
    _carry_out(session, shape, doing)
    outcome = Outcome.of(shape)
    note(session, Act.ENTRY_CHANGED, doing, before, outcome)
    return outcome


def withdraw_entry(
    session: Session, principal: Principal, entry_id: UUID, scope: Scope, day: date | None, doing: Doing
) -> Outcome:
    """Call off one lesson of an entry, those from a day on, or all that have not begun."""
    entry, day = _reach(session, principal, entry_id, scope, day, doing)
    doing = replace(doing, seen=ANY)  # the entry, not each of its lessons
    if scope is Scope.THIS:
        on_the_day.cancel_lesson(session, principal, _lesson_on(session, entry, day).id, doing)
        return Outcome(entry, cancelled=1)
    before = facts_of_entry(entry)
    lessons = queries.lessons_of_entries(session, [entry.id], day, date.max)
    falling = [each for each in lessons if is_to_come(each, doing)]
    call_off(session, falling, doing)
    if day > entry.first_day:
        entry.last_day = day - timedelta(days=1)
    else:
        entry.withdrawn = True
    session.flush()
    outcome = Outcome(entry, cancelled=len(falling))
    note(session, Act.ENTRY_WITHDRAWN, doing, before, outcome)
    return outcome


def _reach(
    session: Session, principal: Principal, entry_id: UUID, scope: Scope, day: date | None, doing: Doing
) -> tuple[TimetableEntry, date]:
    timetables.require_entry(session, principal, Action.ENTRY_CHANGE, entry_id)
    take_turns(session, [entry_id])
    entry = timetables.require_entry(session, principal, Action.ENTRY_CHANGE, entry_id)
    doing.seen.require(session, entry)
    if scope is Scope.ALL:
        return entry, entry.first_day
    if day is None or not entry.first_day <= day <= entry.last_day:
        raise Invalid(
            "timetable.outside_entry",
            "Outside the entry",
            f"Say in `from` which day is meant, from {entry.first_day} to {entry.last_day}.",
        )
    return entry, day


# --- one of its dates ---------------------------------------------------------------------------------------


def _lesson_on(session: Session, entry: TimetableEntry, day: date) -> Lesson:
    for lesson in queries.lessons_of_entries(session, [entry.id], day, day):
        if lesson.state in CHANGEABLE:
            return lesson
    raise NotFound("lesson.not_found", "No such lesson", f"The entry has no lesson to come on {day}.")


def _change_one(
    session: Session, principal: Principal, entry: TimetableEntry, day: date, wanted: Changes, doing: Doing
) -> int:
    if strange := wanted.keys() - OF_ONE - _WHEN:
        raise Invalid(
            "timetable.of_the_series",
            "Not of one lesson",
            f"{', '.join(sorted(strange))} cannot be changed for one lesson.",
        )
    lesson_id = _lesson_on(session, entry, day).id
    if wanted.keys() & _WHEN:
        target = day + timedelta(days=wanted.get("weekday", day.isoweekday()) - day.isoweekday())
        period = wanted.get("period", entry.period)
        lesson_id = on_the_day.move_lesson(session, principal, lesson_id, target, period, doing).id
    if rest := {name: value for name, value in wanted.items() if name in OF_ONE}:
        on_the_day.edit_lesson(session, principal, lesson_id, rest, doing)
    return 1


# --- the series ---------------------------------------------------------------------------------------------


def _check(session: Session, shape: Reshaped) -> None:
    """Raise `Conflict` for what is in the way of the lessons as they will be."""
    beside: list[Booking] = []
    for part in shape.parts:
        if findings := examine_part(session, part, shape.gone, beside):
            raise refusal(session, findings)
        beside += part.bookings


def _keep(session: Session, entry: TimetableEntry, shape: Reshaped, day: date) -> TimetableEntry:
    """The entry as it is planned now; a new one takes over from the day when there are earlier lessons."""
    plan = shape.plan
    plan.entry.published = entry.published
    if day > entry.first_day:
        entry.last_day = day - timedelta(days=1)
        planning.store(session, plan)
        queries.hand_over(session, [each.id for each in shape.lessons], plan.entry.id)
        return plan.entry
    return timetables.rewrite_entry(session, entry, plan.entry)


def _carry_out(session: Session, shape: Reshaped, doing: Doing) -> None:
    try:
        with session.begin_nested():
            put_all(session, {doing: [shape]})
    except IntegrityError as error:
        # Somebody who did not take turns was faster; the database saw it, and by now so do we.
        for part in shape.parts:
            if late := overtaken(session, part.plan, violated(error), shape.gone):
                raise late from None
        raise
