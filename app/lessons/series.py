"""Changing a weekly lesson: one of its dates, that one and all that follow, or all that are still to come.

What was changed on a single lesson outlives a change of the series: a substitute keeps teaching, another room
stays, a lesson that was moved keeps its time. Lessons that are over or on the air stay as they were.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.errors import Invalid, NotFound
from app.lessons import changes, on_the_day
from app.lessons import planning_queries as queries
from app.lessons.carrying_out import (
    call_off,
    carry_out,
    draft_of,
    is_like,
    open_all,
    plan_one,
    says_the_same,
    tell,
)
from app.lessons.changes import Doing, facts_of
from app.lessons.clash_report import examine, refusal
from app.lessons.models import Lesson
from app.lessons.rules import CHANGEABLE, ChangeKind, LessonState, SiteState
from app.lessons.scheduling import put_down, rows_of
from app.timetables import planning
from app.timetables import service as timetables
from app.timetables.ground import bells_apart
from app.timetables.models import TimetableEntry
from app.timetables.planning import EntryDraft, Plan, plan_entry
from app.timetables.rules import Occurrence, week_of
from app.versions import ANY

Changes = Mapping[str, Any]
"""Fields of an `EntryDraft` with their new values."""

_OF_ONE = frozenset(
    {"main_room_id", "teacher_id", "receiving_room_ids", "pupil_group_ids", "subject", "title", "mode"}
)
_WHEN = frozenset({"weekday", "period"})


class Scope(StrEnum):
    """How many lessons of an entry a change is about."""

    THIS = "this"
    FOLLOWING = "following"
    ALL = "all"


@dataclass(frozen=True)
class Outcome:
    """What a change of an entry came to."""

    entry: TimetableEntry
    """The one that has the lessons now: a new one when the entry was split."""
    changed: int = 0
    added: int = 0
    cancelled: int = 0


@dataclass
class _Match:
    """What becomes of the lessons of an entry."""

    regular: list[tuple[Lesson, Occurrence]] = field(default_factory=list)
    special: list[tuple[Lesson, Occurrence | None]] = field(default_factory=list)
    """Lessons with changes of their own; None: they keep their time as well."""
    added: list[Occurrence] = field(default_factory=list)
    surplus: list[Lesson] = field(default_factory=list)


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
    before = _facts(entry)
    draft = replace(draft_of_entry(entry), **wanted)
    if day > entry.first_day:
        draft = replace(draft, first_day=day)
    take_turns(session, draft.needed_ids)
    plan = plan_entry(session, draft, doing.now, doing.skew)
    lessons = queries.lessons_of_entries(session, [entry.id], day, date.max)
    match = _matched(entry, plan, lessons, doing)
    _check(session, plan, match, lessons)
    _leave_what_stays(match, plan, wanted)
    call_off(session, match.surplus, doing)
    now = _keep(session, entry, plan, day, lessons)
    _carry_out(session, now, plan, match, wanted, doing)
    outcome = Outcome(now, len(match.regular) + len(match.special), len(match.added), len(match.surplus))
    _note(session, Act.ENTRY_CHANGED, now, doing, before, outcome)
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
    before = _facts(entry)
    lessons = queries.lessons_of_entries(session, [entry.id], day, date.max)
    falling = [each for each in lessons if each.state in CHANGEABLE and each.ends_at > doing.now]
    call_off(session, falling, doing)
    if day > entry.first_day:
        entry.last_day = day - timedelta(days=1)
    else:
        entry.withdrawn = True
    session.flush()
    outcome = Outcome(entry, cancelled=len(falling))
    _note(session, Act.ENTRY_WITHDRAWN, entry, doing, before, outcome)
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
    if strange := wanted.keys() - _OF_ONE - _WHEN:
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
    if rest := {name: value for name, value in wanted.items() if name in _OF_ONE}:
        on_the_day.edit_lesson(session, principal, lesson_id, rest, doing)
    return 1


# --- the series ---------------------------------------------------------------------------------------------


def draft_of_entry(entry: TimetableEntry) -> EntryDraft:
    """What it would take to plan an entry as it is."""
    own = {"receiving_room_ids", "pupil_group_ids", "weeks", "first_week", "last_week"}
    same = {each.name: getattr(entry, each.name) for each in fields(EntryDraft) if each.name not in own}
    return EntryDraft(
        **same,
        receiving_room_ids=tuple(site.receiving_room_id for site in entry.sites),
        pupil_group_ids=tuple(entry.pupil_group_ids),
        weeks=tuple(entry.weeks),
    )


def _matched(entry: TimetableEntry, plan: Plan, lessons: Sequence[Lesson], doing: Doing) -> _Match:
    """Which lesson goes to which date: within each week of the term, in order."""
    to_come = {each.day: each for each in plan.occurrences}
    first = plan.term.first_day
    days: dict[int, list[date]] = defaultdict(list)
    for day in plan.slot.days(plan.taught):
        days[week_of(first, day)].append(day)
    match = _Match()
    for lesson in lessons:
        changeable = lesson.state in CHANGEABLE and lesson.ends_at > doing.now
        if lesson.moved_from_id is not None or lesson.makes_up_id is not None:
            if changeable:
                match.special.append((lesson, None))
            continue
        week = days[week_of(first, lesson.date)]
        target = to_come.get(week.pop(0)) if week else None
        if not changeable:
            continue
        if _is_special(lesson, entry):
            match.special.append((lesson, target))
        elif target is not None:
            match.regular.append((lesson, target))
        else:
            match.surplus.append(lesson)
    left = [day for week in days.values() for day in week]
    match.added = [to_come[day] for day in sorted(left) if day in to_come]
    return match


def _is_special(lesson: Lesson, entry: TimetableEntry) -> bool:
    rooms = {site.receiving_room_id for site in lesson.sites if site.state is not SiteState.CANCELLED}
    groups = {group.pupil_group_id for group in lesson.groups if not group.released}
    return (
        (lesson.teacher_id, lesson.main_room_id) != (entry.teacher_id, entry.main_room_id)
        or rooms != {site.receiving_room_id for site in entry.sites}
        or groups != set(entry.pupil_group_ids)
    )


def _check(session: Session, plan: Plan, match: _Match, lessons: Sequence[Lesson]) -> None:
    chosen = tuple(
        sorted([*(target for _, target in match.regular), *match.added], key=lambda each: each.day)
    )
    if not chosen:
        return
    plan = replace(plan, occurrences=chosen, apart=bells_apart(plan.sites, chosen, plan.skew))
    if findings := examine(session, plan, [each.id for each in lessons]):
        raise refusal(session, findings)


def _leave_what_stays(match: _Match, plan: Plan, wanted: Changes) -> None:
    """Nobody is told of a lesson that the change leaves as it is."""
    match.regular = [each for each in match.regular if not is_like(each[0], plan, each[1])]
    match.special = [each for each in match.special if _differs(*each, plan.entry.period, wanted)]


def _differs(lesson: Lesson, target: Occurrence | None, period: int, wanted: Changes) -> bool:
    draft, substitute_for = _adapted(lesson, target, period, wanted)
    return substitute_for != lesson.substitute_for or not says_the_same(draft, draft_of(lesson))


def _keep(
    session: Session, entry: TimetableEntry, plan: Plan, day: date, lessons: Sequence[Lesson]
) -> TimetableEntry:
    """The entry as it is planned now; a new one takes over from the day when there are earlier lessons."""
    plan.entry.published = entry.published
    if day > entry.first_day:
        entry.last_day = day - timedelta(days=1)
        planning.store(session, plan)
        queries.hand_over(session, [each.id for each in lessons], plan.entry.id)
        return plan.entry
    return timetables.rewrite_entry(session, entry, plan.entry)


def _carry_out(
    session: Session, entry: TimetableEntry, plan: Plan, match: _Match, wanted: Changes, doing: Doing
) -> None:
    before = {lesson.id: facts_of(lesson) for lesson, _ in (*match.regular, *match.special)}
    open_all(session, [lesson for lesson, _ in (*match.regular, *match.special)])
    for lesson, target in _in_safe_order(match.regular):
        carry_out(session, lesson, plan, target)
    for lesson, place in match.special:
        _adapt(session, lesson, place, plan.entry.period, wanted, doing)
    tell(session, before, ChangeKind.EDITED, doing)
    if match.added:
        state = LessonState.PUBLISHED if entry.published else LessonState.DRAFT
        rows = rows_of(plan, state, entry.id, match.added)
        put_down(session, plan, rows)
        if entry.published:
            changes.lessons_planned(session, entry, [row["id"] for row in rows.lessons], doing)


def _in_safe_order(regular: Sequence[tuple[Lesson, Occurrence]]) -> list[tuple[Lesson, Occurrence]]:
    """Whoever moves goes where nobody is any more: those that move later from the last, the others from the first."""
    later = [each for each in regular if each[1].interval.starts_at > each[0].starts_at]
    earlier = [each for each in regular if each[1].interval.starts_at <= each[0].starts_at]
    return [*reversed(later), *earlier]


def _adapt(
    session: Session, lesson: Lesson, target: Occurrence | None, period: int, wanted: Changes, doing: Doing
) -> None:
    """Change a lesson that has changes of its own, in nothing but what is wanted."""
    session.refresh(lesson)
    draft, lesson.substitute_for = _adapted(lesson, target, period, wanted)
    plan = plan_one(session, draft, doing, instead_of=lesson.id)
    carry_out(session, lesson, plan, plan.occurrences[0])


def _adapted(
    lesson: Lesson, target: Occurrence | None, period: int, wanted: Changes
) -> tuple[EntryDraft, UUID | None]:
    """What a lesson that has changes of its own is to be like, and for whom somebody else teaches it."""
    values = {name: value for name, value in wanted.items() if name in _OF_ONE}
    substitute_for = lesson.substitute_for
    if substitute_for is not None and "teacher_id" in values:
        substitute_for = values.pop("teacher_id")
        if substitute_for == lesson.teacher_id:  # the substitute has the series now
            substitute_for = None
    draft = replace(draft_of(lesson), **values)
    if target is not None:
        weekday = target.day.isoweekday()
        draft = replace(draft, first_day=target.day, last_day=target.day, weekday=weekday, period=period)
    return draft, substitute_for


def _note(
    session: Session,
    act: Act,
    entry: TimetableEntry,
    doing: Doing,
    before: Mapping[str, Any],
    outcome: Outcome,
) -> None:
    counts = {"changed": outcome.changed, "added": outcome.added, "cancelled": outcome.cancelled}
    after = _facts(entry) | counts | {"reason": doing.reason}
    subject = Subject("timetable_entry", entry.id)
    audit.note(session, act, entry.county_id, doing.person_id, subject, before=before, after=after)


def _facts(entry: TimetableEntry) -> dict[str, Any]:
    draft = draft_of_entry(entry)
    skipped = {"term_id", "first_week", "last_week"}
    return {each.name: getattr(draft, each.name) for each in fields(draft) if each.name not in skipped}
