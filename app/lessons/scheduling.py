"""Scheduling a timetable entry: its lessons all come into being at once, or none does."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act, Facts
from app.audit.service import Subject
from app.database import new_id, take_turns, violated
from app.lessons import booking_queries as queries
from app.lessons import changes
from app.lessons.booking_queries import Rows
from app.lessons.changes import Doing
from app.lessons.clash_report import Findings, examine, overtaken, refusal
from app.lessons.rules import LessonState, SiteState
from app.schools import service as schools
from app.schools.models import PupilGroup
from app.timetables.ground import BELL_SKEW, PlannedSite
from app.timetables.planning import EntryDraft, Plan, plan_entry, store
from app.timetables.rules import Occurrence


def add_entry(
    session: Session,
    principal: Principal,
    draft: EntryDraft,
    now: datetime,
    *,
    publish: bool = True,
    skew: timedelta = BELL_SKEW,
) -> Plan:
    """Schedule an entry on behalf of a bureau admin."""
    schools.require_with_room(session, principal, Action.ENTRY_PLAN, draft.main_room_id)
    doing = Doing(now, principal.person_id, skew)
    plan = _create(session, draft, doing, publish)
    note_planned(session, principal, plan)
    return plan


def note_planned(session: Session, principal: Principal, plan: Plan) -> None:
    """Tell the trail of a new entry."""
    subject = Subject("timetable_entry", plan.entry.id, plan.school_id)
    county_id = plan.entry.county_id
    audit.note(session, Act.ENTRY_PLANNED, county_id, principal.person_id, subject, after=_facts(plan))


def create_entry(
    session: Session,
    draft: EntryDraft,
    now: datetime,
    *,
    publish: bool = True,
    skew: timedelta = BELL_SKEW,
) -> Plan:
    """Schedule an entry without asking who wants it: for seeds.

    Raises what `plan_entry` raises, and `Conflict` with the clashes when a teacher, a room or a pupil group is
    taken, or when a site has no period then.
    """
    return _create(session, draft, Doing(now, skew=skew), publish)


def check_entry(
    session: Session, principal: Principal, draft: EntryDraft, now: datetime, skew: timedelta = BELL_SKEW
) -> Findings:
    """What would be in the way of an entry, which stays a thought; raises what `plan_entry` raises."""
    schools.require_with_room(session, principal, Action.ENTRY_PLAN, draft.main_room_id)
    return examine(session, plan_entry(session, draft, now, skew))


def _create(session: Session, draft: EntryDraft, doing: Doing, publish: bool) -> Plan:
    take_turns(session, draft.needed_ids)
    plan = plan_entry(session, draft, doing.now, doing.skew)
    if findings := examine(session, plan):
        raise refusal(session, findings)
    plan.entry.published = publish
    store(session, plan)
    put_down(session, plan, rows_of(plan, state_of(publish)))
    if publish:
        changes.entry_published(session, plan.entry, doing)
    return plan


def state_of(published: bool) -> LessonState:
    """That of a new lesson."""
    return LessonState.PUBLISHED if published else LessonState.DRAFT


def put_down(session: Session, plan: Plan, rows: Rows, apart_from: Sequence[UUID] = ()) -> None:
    """Store lessons of a plan that nothing was found in the way of; raises `Conflict`."""
    try:
        with session.begin_nested():
            queries.add_lessons(session, rows)
    except IntegrityError as error:
        # Somebody who did not take turns was faster; the database saw it, and by now so do we.
        if (late := overtaken(session, plan, violated(error), apart_from)) is None:
            raise
        raise late from None


def rows_of(
    plan: Plan,
    state: LessonState,
    entry_id: UUID | None = None,
    occurrences: Sequence[Occurrence] | None = None,
) -> Rows:
    """The rows of a plan's lessons, all of them or some."""
    chosen = plan.occurrences if occurrences is None else occurrences
    planned = [(new_id(), each) for each in chosen]
    shared = {
        "county_id": plan.entry.county_id,
        "school_id": plan.school_id,
        "entry_id": entry_id or plan.entry.id,
        "term_id": plan.entry.term_id,
        "period": plan.entry.period,
        "teacher_id": plan.entry.teacher_id,
        "main_room_id": plan.entry.main_room_id,
        "subject": plan.entry.subject,
        "title": plan.entry.title,
        "mode": plan.entry.mode,
        "sequence": 0,
        "state": state,
    }
    return Rows(
        lessons=[{"id": key, "date": each.day, **times_of(each), **shared} for key, each in planned],
        sites=[site_row(key, site, each) for key, each in planned for site in plan.sites],
        groups=[group_row(key, group, each) for key, each in planned for group in plan.groups],
    )


def site_row(lesson_id: UUID, site: PlannedSite, occurrence: Occurrence) -> dict[str, Any]:
    """The row of a site that is new in a lesson."""
    return {
        "id": new_id(),
        "lesson_id": lesson_id,
        "pairing_id": site.pairing_id,
        "receiving_room_id": site.room.id,
        "site_id": site.site_id,
        "site_code": site.site_code,
        "state": SiteState.INVITED,
        **times_of(occurrence),
    }


def group_row(lesson_id: UUID, group: PupilGroup, occurrence: Occurrence) -> dict[str, Any]:
    """The row of pupils who are new in a lesson."""
    return {
        "id": new_id(),
        "lesson_id": lesson_id,
        "pupil_group_id": group.id,
        "org_unit_id": group.org_unit_id,
        "released": False,
        **times_of(occurrence),
    }


def times_of(occurrence: Occurrence) -> dict[str, datetime]:
    """When it is, by the columns of lessons, sites and groups."""
    return {"starts_at": occurrence.interval.starts_at, "ends_at": occurrence.interval.ends_at}


def _facts(plan: Plan) -> Facts:
    entry = plan.entry
    return {
        "term_id": entry.term_id,
        "main_room_id": entry.main_room_id,
        "teacher_id": entry.teacher_id,
        "receiving_room_ids": sorted(str(site.room.id) for site in plan.sites),
        "pupil_group_ids": [group.id for group in plan.groups],
        "subject": entry.subject,
        "weekday": entry.weekday,
        "period": entry.period,
        "week_pattern": entry.week_pattern,
        "weeks": entry.weeks,
        "mode": entry.mode,
        "first_day": entry.first_day,
        "last_day": entry.last_day,
        "published": entry.published,
        "lessons": len(plan.occurrences),
    }
