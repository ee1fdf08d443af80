"""Changing one lesson: cancel, move, substitute, other rooms, other sites, make up for it.

Every change is checked as a new lesson is. A lesson that people know of counts the edit in `sequence`, keeps its
place in their calendars (`calendar_uid`), and leaves a change for whoever tells them; all in one transaction.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import allows, denied
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.errors import Conflict, Invalid, NotFound
from app.lessons import changes, queries
from app.lessons.booking_queries import Rows
from app.lessons.carrying_out import carry_out, draft_of, plan_one, says_the_same
from app.lessons.changes import Doing, facts_of
from app.lessons.models import Lesson
from app.lessons.rules import CAN_BE_MADE_UP, CHANGEABLE, ChangeKind, LessonState, SiteState, is_known
from app.lessons.scheduling import put_down, rows_of
from app.lessons.service import get_lesson, require_for
from app.schools import service as schools
from app.timetables import special_days
from app.timetables.planning import EntryDraft, Plan


def cancel_lesson(session: Session, principal: Principal, lesson_id: UUID, doing: Doing) -> Lesson:
    """Call off a lesson that has not begun; teacher, rooms and pupils are free again."""
    lesson = _open(session, principal, Action.LESSON_CANCEL, lesson_id, doing, "cancelled")
    before = facts_of(lesson)
    lesson.state, lesson.state_reason = LessonState.CANCELLED, doing.reason
    session.flush()
    queries.release(session, [lesson_id])
    return _done(session, lesson, doing, ChangeKind.CANCELLED, Act.LESSON_CANCELLED, before)


def move_lesson(
    session: Session, principal: Principal, lesson_id: UUID, day: date, period: int, doing: Doing
) -> Lesson:
    """Give a lesson at another time instead; returns the new one, which takes the old one's place."""
    old = _open(session, principal, Action.LESSON_CHANGE, lesson_id, doing, "moved")
    if (day, period) == (old.date, old.period):
        raise Invalid(
            "lesson.moved_nowhere", "Not moved", f"The lesson is in period {period} on {day} already."
        )
    special_days.refuse_holiday(session, old.county_id, day)
    before, was = facts_of(old), old.state
    draft = replace(_at(draft_of(old), day), period=period)
    plan = plan_one(session, draft, doing, instead_of=old.id)
    rows = rows_of(plan, LessonState.DRAFT if was is LessonState.DRAFT else LessonState.PUBLISHED)
    rows.lessons[0] |= {
        "entry_id": old.entry_id,
        "sequence": old.sequence,
        "calendar_uid": old.calendar_uid,
        "moved_from_id": old.id,
        "substitute_for": old.substitute_for,
        "makes_up_id": old.makes_up_id,
    }
    old.state, old.state_reason = LessonState.MOVED, doing.reason
    session.flush()
    queries.release(session, [old.id])
    new = _put_down(session, plan, rows)
    return _done(session, new, doing, ChangeKind.MOVED, Act.LESSON_MOVED, before)


def substitute_teacher(
    session: Session, principal: Principal, lesson_id: UUID, teacher_id: UUID, doing: Doing
) -> Lesson:
    """Let somebody else teach a lesson; the one who was to teach it is remembered, and may take it back."""
    lesson = _reach(session, principal, Action.LESSON_CHANGE, lesson_id, doing, [teacher_id])
    draft = replace(draft_of(lesson), teacher_id=teacher_id)
    if _is_so_already(lesson, draft):
        return lesson
    lesson = _begin(session, lesson, "given to somebody else")
    before, planned = facts_of(lesson), lesson.substitute_for or lesson.teacher_id
    plan = plan_one(session, draft, doing, instead_of=lesson.id)
    lesson.substitute_for = None if teacher_id == planned else planned
    carry_out(session, lesson, plan, plan.occurrences[0])
    return _done(session, lesson, doing, ChangeKind.SUBSTITUTED, Act.LESSON_CHANGED, before)


def change_rooms(
    session: Session,
    principal: Principal,
    lesson_id: UUID,
    main_room_id: UUID | None,
    receiving_rooms: Mapping[UUID, UUID],
    doing: Doing,
) -> Lesson:
    """Give a lesson from another main room, or to other rooms of its sites (by the room that was planned)."""
    needed = [*([main_room_id] if main_room_id else []), *receiving_rooms.values()]
    lesson = _reach(session, principal, Action.LESSON_CHANGE, lesson_id, doing, needed)
    draft = draft_of(lesson)
    if strangers := receiving_rooms.keys() - set(draft.receiving_room_ids):
        raise _not_in_lesson("room", min(strangers))
    if main_room_id is not None:
        schools.require_with_room(session, principal, Action.LESSON_CHANGE, main_room_id)
    draft = replace(
        draft,
        main_room_id=main_room_id or draft.main_room_id,
        receiving_room_ids=tuple(receiving_rooms.get(each, each) for each in draft.receiving_room_ids),
    )
    if _is_so_already(lesson, draft):
        return lesson
    lesson = _begin(session, lesson, "given other rooms")
    before = facts_of(lesson)
    plan = plan_one(session, draft, doing, instead_of=lesson.id)
    sites = {site.site_id for site in lesson.sites if site.state is not SiteState.CANCELLED}
    if {site.site_id for site in plan.sites} != sites:
        raise Invalid(
            "lesson.room_of_another_site",
            "Room of another site",
            "A receiving room gives way to another one of the same site; to change sites, add and drop them.",
        )
    carry_out(session, lesson, plan, plan.occurrences[0])
    return _done(session, lesson, doing, ChangeKind.ROOMS_CHANGED, Act.LESSON_CHANGED, before)


def change_sites(
    session: Session,
    principal: Principal,
    lesson_id: UUID,
    add: Collection[UUID],
    drop: Collection[UUID],
    groups: Collection[UUID],
    doing: Doing,
) -> Lesson:
    """Let more sites take part (by receiving room, with their pupil groups), or fewer (by site)."""
    lesson = _reach(session, principal, Action.LESSON_CHANGE, lesson_id, doing, [*add, *groups])
    draft = draft_of(lesson)
    rooms = {site.receiving_room_id: site.site_id for site in lesson.sites}
    if strangers := set(drop) - {rooms[each] for each in draft.receiving_room_ids}:
        raise _not_in_lesson("site", min(strangers))
    kept = [each for each in draft.receiving_room_ids if rooms[each] not in drop]
    staying = [
        each.pupil_group_id
        for each in lesson.groups
        if not each.released and (each.org_unit_id not in drop or each.org_unit_id == lesson.school_id)
    ]
    if not (kept or add):
        raise Conflict("lesson.last_site", "No site left", "Without any site, cancel the lesson instead.")
    draft = replace(
        draft,
        receiving_room_ids=tuple(dict.fromkeys([*kept, *add])),
        pupil_group_ids=tuple(dict.fromkeys([*staying, *groups])),
    )
    if _is_so_already(lesson, draft):
        return lesson
    lesson = _begin(session, lesson, "given other sites")
    before = facts_of(lesson)
    plan = plan_one(session, draft, doing, instead_of=lesson.id)
    carry_out(session, lesson, plan, plan.occurrences[0])
    kind = ChangeKind.SITE_ADDED if add else ChangeKind.SITE_DROPPED
    return _done(session, lesson, doing, kind, Act.LESSON_CHANGED, before)


def edit_lesson(
    session: Session, principal: Principal, lesson_id: UUID, wanted: Mapping[str, Any], doing: Doing
) -> Lesson:
    """Change fields of a lesson's draft, other than when it is; another teacher is a substitute."""
    lesson = _reach(session, principal, Action.LESSON_CHANGE, lesson_id, doing)
    draft = replace(draft_of(lesson), **wanted)
    if _is_so_already(lesson, draft):
        return lesson
    lesson = _begin(session, lesson, "changed")
    before, planned = facts_of(lesson), lesson.substitute_for or lesson.teacher_id
    plan = plan_one(session, draft, doing, instead_of=lesson.id)
    lesson.substitute_for = None if plan.teacher.id == planned else planned
    carry_out(session, lesson, plan, plan.occurrences[0])
    return _done(session, lesson, doing, ChangeKind.EDITED, Act.LESSON_CHANGED, before)


def make_up(
    session: Session, principal: Principal, lesson_id: UUID, day: date, period: int, doing: Doing
) -> Lesson:
    """Give a lesson that was cancelled or missed after all; returns the lesson that makes up for it."""
    lost = _reach(session, principal, Action.LESSON_CHANGE, lesson_id, doing)
    if lost.state not in CAN_BE_MADE_UP or not is_known(lost.state, lost.sequence):
        raise _wrong_state(session, lost, "made up for; cancelled and missed ones can")
    if other := queries.made_up_by(session, lesson_id):
        raise Conflict(
            "lesson.made_up_already",
            "Made up for already",
            f"Lesson {other} makes up for it; move that one, or cancel it first.",
            lesson_id=str(other),
        )
    special_days.refuse_holiday(session, lost.county_id, day)
    plan = plan_one(session, replace(_at(draft_of(lost), day), period=period), doing)
    rows = rows_of(plan, LessonState.PUBLISHED)
    rows.lessons[0] |= {"entry_id": lost.entry_id, "makes_up_id": lost.id}
    return _done(
        session, _put_down(session, plan, rows), doing, ChangeKind.MADE_UP, Act.LESSON_MADE_UP, facts_of(lost)
    )


# --- common parts -------------------------------------------------------------------------------------------


def _reach(
    session: Session,
    principal: Principal,
    action: Action,
    lesson_id: UUID,
    doing: Doing,
    needed: Iterable[UUID] = (),
) -> Lesson:
    """A lesson that somebody may change, as they saw it, while nobody else changes it, its entry or its bells.

    `needed` is what it shall have besides what it has: all turns are taken before a row of the lesson is, for whoever
    changes bells takes them in that order, too.
    """
    lesson = get_lesson(session, lesson_id)
    require_for(session, lesson, principal, Action.LESSON_SHOW)
    school = schools.target_of(schools.get_org_unit(session, lesson.school_id))
    if not allows(principal, action, school):  # the sites' schools only look on
        raise denied(action)
    take_turns(session, [lesson.entry_id or lesson.id, *draft_of(lesson).needed_ids, *needed])
    doing.seen.require(session, lesson)
    return get_lesson(session, lesson_id)


def _open(
    session: Session, principal: Principal, action: Action, lesson_id: UUID, doing: Doing, what: str
) -> Lesson:
    return _begin(session, _reach(session, principal, action, lesson_id, doing), what)


def _begin(session: Session, lesson: Lesson, what: str) -> Lesson:
    """Count an edit of a lesson, and keep it from beginning; raises `Conflict` where it has."""
    if not queries.open_for_change(session, [lesson.id]):
        raise _wrong_state(session, lesson, what)
    return get_lesson(session, lesson.id)


def _is_so_already(lesson: Lesson, draft: EntryDraft) -> bool:
    """Whether a change would change nothing: then nobody is told of it."""
    return lesson.state in CHANGEABLE and says_the_same(draft, draft_of(lesson))


def _at(draft: EntryDraft, day: date) -> EntryDraft:
    return replace(draft, first_day=day, last_day=day, weekday=day.isoweekday())


def _put_down(session: Session, plan: Plan, rows: Rows) -> Lesson:
    put_down(session, plan, rows)
    return get_lesson(session, rows.lessons[0]["id"])


def _done(
    session: Session, lesson: Lesson, doing: Doing, kind: ChangeKind, act: Act, before: dict[str, Any]
) -> Lesson:
    lesson = get_lesson(session, lesson.id)
    if is_known(lesson.state, lesson.sequence):
        changes.lesson_changed(session, lesson, doing, kind, before)
    after = facts_of(lesson) | {"sequence": lesson.sequence, "reason": doing.reason}
    subject = Subject("lesson", lesson.id, lesson.school_id)
    audit.note(session, act, lesson.county_id, doing.person_id, subject, before=before, after=after)
    return lesson


def _wrong_state(session: Session, lesson: Lesson, what: str) -> Conflict:
    detail = f"A lesson that is {lesson.state.value} cannot be {what}."
    facts: dict[str, Any] = {"state": lesson.state.value}
    if lesson.state is LessonState.MOVED and (there := queries.moved_to(session, lesson.calendar_uid)):
        detail += f" It is on {there.date} in period {there.period} now: see lesson {there.id}."
        facts["lesson_id"] = str(there.id)
    return Conflict("lesson.wrong_state", "Wrong state", detail, **facts)


def _not_in_lesson(kind: str, which: UUID) -> NotFound:
    return NotFound(f"lesson.no_such_{kind}", f"No such {kind}", f"The lesson has no {kind} {which}.")
