"""From a plan to a lesson that is there already: the common part of every change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database import take_turns, violated
from app.errors import Conflict
from app.lessons import changes, queries
from app.lessons.changes import Doing, Told, facts_of
from app.lessons.clash_report import examine, overtaken, refusal
from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.rules import ChangeKind, SiteState, belongs, is_known
from app.timetables.planning import EntryDraft, Plan, plan_days
from app.timetables.rules import Interval, Occurrence


def draft_of(lesson: Lesson) -> EntryDraft:
    """What it would take to plan a lesson as it is."""
    sites = [site for site in lesson.sites if belongs(site.state, lesson.state)]
    kept = {site.site_id for site in sites} | {lesson.school_id}
    return EntryDraft(
        term_id=lesson.term_id,
        main_room_id=lesson.main_room_id,
        teacher_id=lesson.teacher_id,
        receiving_room_ids=tuple(site.receiving_room_id for site in sites),
        subject=lesson.subject,
        title=lesson.title,
        weekday=lesson.date.isoweekday(),
        period=lesson.period,
        mode=lesson.mode,
        first_day=lesson.date,
        last_day=lesson.date,
        pupil_group_ids=tuple(group.pupil_group_id for group in lesson.groups if group.org_unit_id in kept),
    )


def says_the_same(one: EntryDraft, other: EntryDraft) -> bool:
    """Whether two drafts want the same, in whatever order they name rooms and groups."""
    return _in_order(one) == _in_order(other)


def _in_order(draft: EntryDraft) -> EntryDraft:
    rooms, groups = sorted(set(draft.receiving_room_ids)), sorted(set(draft.pupil_group_ids))
    return replace(draft, receiving_room_ids=tuple(rooms), pupil_group_ids=tuple(groups))


def is_like(lesson: Lesson, plan: Plan, occurrence: Occurrence) -> bool:
    """Whether a lesson is what a plan says already, so that nobody has to be told."""
    entry, sites = plan.entry, [site for site in lesson.sites if belongs(site.state, lesson.state)]
    return (
        (lesson.date, lesson.period) == (occurrence.day, entry.period)
        and Interval(lesson.starts_at, lesson.ends_at) == occurrence.interval
        and (lesson.teacher_id, lesson.main_room_id) == (plan.teacher.id, plan.main_room.id)
        and (lesson.subject, lesson.title, lesson.mode) == (entry.subject, entry.title, entry.mode)
        and {(site.receiving_room_id, site.pairing_id) for site in sites}
        == {(site.room.id, site.pairing_id) for site in plan.sites}
        and {each.pupil_group_id for each in lesson.groups if not each.released}
        == {group.id for group in plan.groups}
    )


def plan_one(session: Session, draft: EntryDraft, doing: Doing, instead_of: UUID | None = None) -> Plan:
    """Plan one lesson on the draft's first day; raises what planning an entry raises, clashes included."""
    assert draft.first_day is not None
    take_turns(session, draft.needed_ids)
    plan = plan_days(session, draft, [draft.first_day], doing.now, doing.skew)
    replaced = [] if instead_of is None else [instead_of]
    if findings := examine(session, plan, replaced):
        raise refusal(session, findings)
    return plan


def carry_out(session: Session, lesson: Lesson, plan: Plan, occurrence: Occurrence) -> None:
    """Make a lesson what a plan says. The caller has opened it for change."""
    try:
        with session.begin_nested():
            aside = _step_aside(lesson, plan)
            session.flush()
            _fit(lesson, plan, occurrence)
            session.flush()
            _fit_sites(lesson, plan, occurrence, aside)
            _fit_groups(lesson, plan, occurrence)
    except IntegrityError as error:
        if (late := overtaken(session, plan, violated(error), [lesson.id])) is None:
            raise
        raise late from None


def _fit(lesson: Lesson, plan: Plan, occurrence: Occurrence) -> None:
    lesson.date, lesson.period = occurrence.day, plan.entry.period
    lesson.starts_at, lesson.ends_at = occurrence.interval.starts_at, occurrence.interval.ends_at
    lesson.teacher_id = plan.teacher.id
    lesson.main_room_id, lesson.school_id = plan.main_room.id, plan.school_id
    lesson.subject, lesson.title, lesson.mode = plan.entry.subject, plan.entry.title, plan.entry.mode


def _step_aside(lesson: Lesson, plan: Plan) -> Mapping[UUID, SiteState]:
    """Take the sites out that leave, or come under another agreement: a lesson never leaves one of its sites'.

    Returns their states until then.
    """
    agreed = {each.site_id: each.pairing_id for each in plan.sites}
    aside = {
        site.site_id: site.state
        for site in lesson.sites
        if site.state is not SiteState.CANCELLED and agreed.get(site.site_id) != site.pairing_id
    }
    for site in lesson.sites:
        if site.site_id in aside:
            site.state = SiteState.CANCELLED
    return aside


def _fit_sites(lesson: Lesson, plan: Plan, occurrence: Occurrence, aside: Mapping[UUID, SiteState]) -> None:
    there = {site.site_id: site for site in lesson.sites}
    for planned in plan.sites:
        site = there.get(planned.site_id)
        if site is None:
            site = LessonSite(
                lesson_id=lesson.id,
                site_id=planned.site_id,
                site_code=planned.site_code,
                starts_at=occurrence.interval.starts_at,
                ends_at=occurrence.interval.ends_at,
                state=SiteState.INVITED,
            )
            lesson.sites.append(site)
        elif site.receiving_room_id != planned.room.id:
            site.state = SiteState.INVITED  # nobody in this room has confirmed yet
        elif site.state is SiteState.CANCELLED:
            site.state = aside.get(site.site_id, SiteState.INVITED)
        site.receiving_room_id, site.pairing_id = planned.room.id, planned.pairing_id


def _fit_groups(lesson: Lesson, plan: Plan, occurrence: Occurrence) -> None:
    wanted = {group.id: group for group in plan.groups}
    for there in lesson.groups:
        there.released = wanted.pop(there.pupil_group_id, None) is None
    for group in wanted.values():
        lesson.groups.append(
            LessonGroup(
                lesson_id=lesson.id,
                pupil_group_id=group.id,
                org_unit_id=group.org_unit_id,
                starts_at=occurrence.interval.starts_at,
                ends_at=occurrence.interval.ends_at,
                released=False,
            )
        )


def open_all(session: Session, lessons: Collection[Lesson]) -> None:
    """Open lessons for change together; raises `Conflict` when one of them has begun meanwhile."""
    if queries.open_for_change(session, [each.id for each in lessons]) < len(lessons):
        raise Conflict(
            "lesson.wrong_state", "Wrong state", "One of the lessons has begun a moment ago; try again."
        )


def call_off(session: Session, lessons: Sequence[Lesson], doing: Doing) -> None:
    """Cancel lessons that have not begun, and let it be known."""
    if not lessons:
        return
    before = {each.id: facts_of(each) for each in lessons}
    open_all(session, lessons)
    queries.cancel(session, before.keys(), doing.reason)
    tell(session, before, ChangeKind.CANCELLED, doing)


def tell(session: Session, before: Mapping[UUID, Mapping[str, Any]], kind: ChangeKind, doing: Doing) -> None:
    """Leave a change for each of these lessons that people know of."""
    lessons = queries.lessons_by_ids(session, before.keys())
    told = [
        Told(each.id, each.county_id, each.entry_id, each.sequence, before[each.id], facts_of(each))
        for each in lessons
        if is_known(each.state, each.sequence)
    ]
    changes.lessons_changed(session, told, doing, kind)
