"""Changing a term whose timetable shall follow: what ran to its end goes on with it, what is beyond it ends."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.audit import service as audit
from app.database import take_turns
from app.lessons import planning_queries as queries
from app.lessons.bell_changes import note_bells
from app.lessons.carrying_out import call_off
from app.lessons.changes import Doing
from app.lessons.replanning import NOTHING, Replanned, replan_days
from app.lessons.rules import CHANGEABLE
from app.schools import service as schools
from app.timetables import bells, terms
from app.timetables import service as timetables
from app.timetables.bells import ScheduleChange
from app.timetables.models import Term, TimetableEntry
from app.timetables.rules import days_left

OTHER_DAYS = "学期起止变更 The term has other days"
"""Why lessons are cancelled that lie beyond a term's new days. They come back when the term does."""
Span = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of a timetable with its term."""

    entries_extended: int = 0
    entries_ended: int = 0
    bell_schedules_extended: int = 0
    lessons: Replanned = NOTHING


def change_term(
    session: Session, principal: Principal, term_id: UUID, wanted: Mapping[str, Any], doing: Doing
) -> tuple[Term, Followed]:
    """Change fields of a `TermDraft`, as a bureau admin, and let the timetable follow the days.

    Entries that end beyond the new days end with the term, and their lessons there are called off; entries that ran to
    its end go on, and so do bells. A new lesson that something is in the way of is left out and told; an entry that
    would get none at all stays as it was. Raises `Invalid`, or `Conflict` when lessons beyond were held.
    """
    term = terms.require_term(session, principal, term_id, doing.seen)
    take_turns(session, [each.id for each in timetables.entries_of_term(session, term_id)])
    before, old = terms.facts_of_term(term), (term.first_day, term.last_day)
    draft = terms.draft_of_term(term, wanted)
    new = (draft.first_day, draft.last_day)
    doing = replace(doing, reason=doing.reason or OTHER_DAYS)
    ended, cancelled = _end(session, term, old, new, doing)
    called_off = queries.entries_called_off(session, [term_id], principal.today, old[1])
    terms.rewrite_term(session, term, wanted)
    done = _go_on(session, principal, term, (old, new), called_off, doing)
    done = replace(done, entries_ended=ended, lessons=replace(done.lessons, cancelled=cancelled))
    terms.note_changed(session, principal, term, before, timetable=_facts(done))
    return term, done


def try_change(
    session: Session, principal: Principal, term_id: UUID, wanted: Mapping[str, Any], doing: Doing
) -> Followed:
    """What that would come to; raises what it raises. Nothing is changed."""
    with audit.trial(session):
        return change_term(session, principal, term_id, wanted, doing)[1]


# --- what is beyond -----------------------------------------------------------------------------------------


def _end(session: Session, term: Term, old: Span, new: Span, doing: Doing) -> tuple[int, int]:
    """End entries with the new days, and cancel the lessons beyond; how many of each."""
    beyond = [
        lesson
        for first, last in days_left(old, new)
        for lesson in queries.lessons_of_term(session, term.id, first, last)
    ]
    if held := [each for each in beyond if each.state not in CHANGEABLE or each.ends_at <= doing.now]:
        raise terms.still_planned(
            term, f"{len(held)} lessons beyond these days were held, the last on {held[-1].date}"
        )
    call_off(session, beyond, doing)
    ending = [
        entry
        for entry in timetables.entries_of_term(session, term.id)
        if entry.first_day < new[0] or entry.last_day > new[1]
    ]
    for entry in ending:
        if entry.last_day < new[0] or entry.first_day > new[1]:
            entry.withdrawn = True
        else:
            entry.first_day, entry.last_day = max(entry.first_day, new[0]), min(entry.last_day, new[1])
    session.flush()
    return len(ending), len(beyond)


# --- what goes on -------------------------------------------------------------------------------------------


def _go_on(
    session: Session,
    principal: Principal,
    term: Term,
    spans: tuple[Span, Span],
    called_off: Collection[UUID],
    doing: Doing,
) -> Followed:
    old, new = spans
    days = [day for span in days_left(new, old) for day in _days(*span) if day >= principal.today]
    if not days:
        return Followed()
    rang = _extend_bells(session, principal, term.county_id, old, new)
    going_on = [
        (entry, entry.first_day, entry.last_day)
        for entry in timetables.entries_of_term(session, term.id)
        if entry.id not in called_off and _reaches(entry, old, new)
    ]
    for entry, first_day, last_day in going_on:
        entry.first_day = new[0] if first_day == old[0] > new[0] else first_day
        entry.last_day = new[1] if last_day == old[1] < new[1] else last_day
    session.flush()
    lessons = replan_days(session, term.county_id, days, doing)
    left = {each.entry.id for each in lessons.unplanned}
    left -= queries.entries_with_lessons_on(session, left, days)
    for entry, first_day, last_day in going_on:
        if entry.id in left:
            entry.first_day, entry.last_day = first_day, last_day
    session.flush()
    return Followed(len(going_on) - len(left), 0, rang, lessons)


def _days(first: date, last: date) -> Sequence[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _reaches(entry: TimetableEntry, old: Span, new: Span) -> bool:
    """Whether an entry ran to an end of the term that lies further out now."""
    return entry.last_day == old[1] < new[1] or entry.first_day == old[0] > new[0]


def _extend_bells(session: Session, principal: Principal, county_id: UUID, old: Span, new: Span) -> int:
    """Let bells that rang to an end of the term ring on, until the unit's next ones; how many schedules."""
    units = schools.ids_below(session, [county_id])
    extended = 0
    for schedule, days in bells.reaching(session, units, old, new):
        before = bells.draft_of(schedule)
        after = replace(before, valid_from=days[0], valid_to=days[1])
        bells.rewrite_schedule(session, schedule, after)
        unit = schools.get_org_unit(session, schedule.org_unit_id)
        note_bells(session, principal, unit, ScheduleChange(schedule.id, before, after))
        extended += 1
    return extended


def _facts(done: Followed) -> dict[str, int]:
    return {
        "entries_extended": done.entries_extended,
        "entries_ended": done.entries_ended,
        "bell_schedules_extended": done.bell_schedules_extended,
        "lessons_added": done.lessons.added,
        "lessons_cancelled": done.lessons.cancelled,
        "lessons_not_added": len(done.lessons.unplanned),
    }
