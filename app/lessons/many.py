"""Calling off many lessons at once, such as all of a township when the roads are closed by snow.

A lesson that is given there is cancelled. One that only reaches there goes on without those sites, or is cancelled when
no other site is left. All of it or nothing; or, when asked, all that is possible, with the others named.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import allows
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.errors import Conflict
from app.lessons import queries
from app.lessons.carrying_out import call_off, open_all, tell
from app.lessons.changes import Doing, facts_of
from app.lessons.models import Lesson
from app.lessons.rules import CHANGEABLE, ChangeKind, LessonState, SiteState, is_known
from app.lessons.service import no_lesson, sees_drafts
from app.schools import service as schools


@dataclass(frozen=True, slots=True)
class Refused:
    """A lesson that cannot be called off, and why."""

    lesson_id: UUID
    code: str
    detail: str


@dataclass(slots=True)
class CalledOff:
    """What became of the lessons."""

    cancelled: list[Lesson] = field(default_factory=list)
    without_sites: list[Lesson] = field(default_factory=list)
    """Take place without the sites in question."""
    left: list[Refused] = field(default_factory=list)


def cancel_day(
    session: Session, principal: Principal, org_unit_id: UUID, day: date, doing: Doing, *, leave: bool
) -> CalledOff:
    """Call off what an org unit and everything below it has on a day and has not begun or ended."""
    schools.require_at(session, principal, Action.LESSON_CANCEL, org_unit_id)
    units = schools.ids_below(session, [org_unit_id])
    drafts = sees_drafts(principal)
    ids = queries.ids_on(session, principal.county_id, units, day, drafts)
    return _call_off(session, principal, ids, units, doing, leave)


def cancel_lessons(
    session: Session, principal: Principal, lesson_ids: Collection[UUID], doing: Doing, *, leave: bool
) -> CalledOff:
    """Call off these lessons."""
    return _call_off(session, principal, lesson_ids, None, doing, leave)


def _call_off(
    session: Session,
    principal: Principal,
    ids: Collection[UUID],
    units: Collection[UUID] | None,
    doing: Doing,
    leave: bool,
) -> CalledOff:
    lessons = _in_turn(session, ids)
    schools_of = schools.org_units(session, {each.school_id for each in lessons})
    outcome, there = CalledOff(), {each.id: each for each in lessons}
    for lesson_id in sorted(ids):
        lesson = there.get(lesson_id)
        target = schools.target_of(schools_of[lesson.school_id]) if lesson else None
        if lesson is None or target is None or not allows(principal, Action.LESSON_CANCEL, target):
            outcome.left.append(_refused(lesson_id, units))
        elif not (is_known(lesson.state, lesson.sequence) or allows(principal, Action.ENTRY_PLAN, target)):
            outcome.left.append(_refused(lesson_id, None))
        elif lesson.state not in CHANGEABLE:
            detail = f"A lesson that is {lesson.state.value} cannot be cancelled."
            outcome.left.append(Refused(lesson_id, "lesson.wrong_state", detail))
        elif units is None or lesson.school_id in units or not _others(lesson, units):
            outcome.cancelled.append(lesson)
        else:
            outcome.without_sites.append(lesson)
    if outcome.left and not leave:
        raise _some_refused(outcome.left, len(ids))
    _carry_out(session, outcome, units or (), doing)
    return outcome


def _in_turn(session: Session, ids: Collection[UUID]) -> Sequence[Lesson]:
    found = queries.lessons_by_ids(session, ids)
    take_turns(session, {each.entry_id or each.id for each in found})
    return queries.lessons_by_ids(session, ids)


def _others(lesson: Lesson, units: Collection[UUID]) -> bool:
    return any(site.site_id not in units for site in lesson.sites if site.state is not SiteState.CANCELLED)


def _carry_out(session: Session, outcome: CalledOff, units: Collection[UUID], doing: Doing) -> None:
    before = {each.id: facts_of(each) for each in (*outcome.cancelled, *outcome.without_sites)}
    call_off(session, outcome.cancelled, doing)
    if outcome.without_sites:
        ids = [each.id for each in outcome.without_sites]
        open_all(session, outcome.without_sites)
        queries.drop_units(session, ids, units)
        tell(session, {each: before[each] for each in ids}, ChangeKind.SITE_DROPPED, doing)
    for lesson in queries.lessons_by_ids(session, before):
        act = Act.LESSON_CANCELLED if lesson.state is LessonState.CANCELLED else Act.LESSON_CHANGED
        after = facts_of(lesson) | {"sequence": lesson.sequence, "reason": doing.reason}
        subject = Subject("lesson", lesson.id, lesson.school_id)
        county_id = lesson.county_id
        audit.note(session, act, county_id, doing.person_id, subject, before=before[lesson.id], after=after)


def _refused(lesson_id: UUID, units: Collection[UUID] | None) -> Refused:
    if units is None:
        missing = no_lesson(lesson_id)
        return Refused(lesson_id, missing.code, missing.detail)
    detail = "It is given elsewhere; its own school or the bureau takes the site out of it."
    return Refused(lesson_id, "lesson.given_elsewhere", detail)


def _some_refused(refused: Sequence[Refused], total: int) -> Conflict:
    return Conflict(
        "lesson.some_refused",
        "Not possible for all",
        f"{len(refused)} of {total} lessons cannot be called off, and none was; see `refused`, or leave those out "
        "with `others`: `leave`.",
        refused=[{"id": str(each.lesson_id), "code": each.code, "detail": each.detail} for each in refused],
    )
