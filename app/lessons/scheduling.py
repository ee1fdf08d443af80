"""Scheduling a timetable entry: its lessons all come into being at once, or none does."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act, Facts
from app.audit.service import Subject
from app.database import new_id, take_turns, violated
from app.errors import Conflict
from app.lessons import queries
from app.lessons.models import OVERLAP_RULES
from app.lessons.rules import LessonState, SiteState
from app.schools import service as schools
from app.timetables.clashes import Booking, Clash, Resource, find_clashes
from app.timetables.planning import EntryDraft, Plan, plan_entry
from app.timetables.rules import Interval, Occurrence

MOST_CLASHES = 50


def add_entry(session: Session, principal: Principal, draft: EntryDraft, now: datetime) -> Plan:
    """Schedule an entry on behalf of a bureau admin."""
    schools.require_with_room(session, principal, Action.ENTRY_PLAN, draft.main_room_id)
    plan = create_entry(session, draft, now)
    subject = Subject("timetable_entry", plan.entry.id, plan.school_id)
    county_id = plan.entry.county_id
    audit.note(session, Act.ENTRY_PLANNED, county_id, principal.person_id, subject, after=_facts(plan))
    return plan


def _facts(plan: Plan) -> Facts:
    entry = plan.entry
    return {
        "term_id": entry.term_id,
        "main_room_id": entry.main_room_id,
        "teacher_id": entry.teacher_id,
        "receiving_room_ids": sorted(str(site.room.id) for site in plan.sites),
        "subject": entry.subject,
        "weekday": entry.weekday,
        "period": entry.period,
        "mode": entry.mode,
        "first_day": entry.first_day,
        "last_day": entry.last_day,
        "lessons": len(plan.occurrences),
    }


def create_entry(session: Session, draft: EntryDraft, now: datetime) -> Plan:
    """Schedule an entry without asking who wants it: for seeds.

    Raises what `plan_entry` raises, and `Conflict` with the clashes when a teacher or a room is taken.
    """
    take_turns(session, [draft.teacher_id, draft.main_room_id, *draft.receiving_room_ids])
    plan = plan_entry(session, draft, now)
    ids = [new_id() for _ in plan.occurrences]
    if clashes := _clashes(session, plan, ids):
        raise _conflict(session, plan, clashes)
    try:
        with session.begin_nested():
            queries.add_lessons(session, *_rows(plan, ids))
    except IntegrityError as error:
        # Somebody who did not take turns was faster; the database saw it, and by now so do we.
        if violated(error) not in OVERLAP_RULES:
            raise
        raise _conflict(session, plan, _clashes(session, plan, ids)) from None
    return plan


def _rows(plan: Plan, ids: Sequence[UUID]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    planned = list(zip(ids, plan.occurrences, strict=True))
    lessons = [_lesson_row(plan, lesson_id, occurrence) for lesson_id, occurrence in planned]
    sites = [row for lesson_id, occurrence in planned for row in _site_rows(plan, lesson_id, occurrence)]
    return lessons, sites


def _lesson_row(plan: Plan, lesson_id: UUID, occurrence: Occurrence) -> dict[str, Any]:
    return {
        "id": lesson_id,
        "county_id": plan.entry.county_id,
        "school_id": plan.school_id,
        "entry_id": plan.entry.id,
        "term_id": plan.entry.term_id,
        "date": occurrence.day,
        "period": plan.entry.period,
        "starts_at": occurrence.interval.starts_at,
        "ends_at": occurrence.interval.ends_at,
        "teacher_id": plan.entry.teacher_id,
        "main_room_id": plan.entry.main_room_id,
        "subject": plan.entry.subject,
        "title": plan.entry.title,
        "mode": plan.entry.mode,
        "sequence": 0,
        "state": LessonState.PUBLISHED,
    }


def _site_rows(plan: Plan, lesson_id: UUID, occurrence: Occurrence) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "lesson_id": lesson_id,
            "pairing_id": site.pairing_id,
            "receiving_room_id": site.room.id,
            "site_id": site.site_id,
            "site_code": site.site_code,
            "starts_at": occurrence.interval.starts_at,
            "ends_at": occurrence.interval.ends_at,
            "state": SiteState.INVITED,
        }
        for site in plan.sites
    ]


def _clashes(session: Session, plan: Plan, ids: Sequence[UUID]) -> list[Clash]:
    resources = [
        (Resource.TEACHER, plan.teacher.id),
        (Resource.MAIN_ROOM, plan.main_room.id),
        *((Resource.RECEIVING_ROOM, site.room.id) for site in plan.sites),
    ]
    wanted = [
        Booking(kind, resource_id, lesson_id, occurrence.interval)
        for lesson_id, occurrence in zip(ids, plan.occurrences, strict=True)
        for kind, resource_id in resources
    ]
    taken = queries.bookings(
        session,
        teacher_id=plan.teacher.id,
        main_room_id=plan.main_room.id,
        receiving_room_ids=[site.room.id for site in plan.sites],
        within=Interval(
            min(occurrence.interval.starts_at for occurrence in plan.occurrences),
            max(occurrence.interval.ends_at for occurrence in plan.occurrences),
        ),
    )
    return find_clashes(wanted, taken)


def _conflict(session: Session, plan: Plan, clashes: Sequence[Clash]) -> Conflict:
    names = {plan.teacher.id: plan.teacher.name, plan.main_room.id: plan.main_room.name}
    names |= {site.room.id: site.room.name for site in plan.sites}
    shown = clashes[:MOST_CLASHES]
    titles = queries.titles(session, {clash.taken.lesson_id for clash in shown})
    zone = schools.time_zone_of(session, schools.get_org_unit(session, plan.school_id))
    return Conflict(
        "timetable.clash",
        "Already taken",
        _summary(clashes, names, titles, zone),
        clashes=[_shown(clash, names, titles) for clash in shown],
        total=len(clashes),
    )


def _summary(
    clashes: Collection[Clash], names: dict[UUID, str], titles: dict[UUID, str], zone: ZoneInfo
) -> str:
    if not clashes:  # the lesson in the way was cancelled between the refusal and the look
        return "The teacher or a room was taken a moment ago; try again."
    taken = next(iter(clashes)).taken
    starts, ends = (moment.astimezone(zone) for moment in (taken.interval.starts_at, taken.interval.ends_at))
    more = f", and {len(clashes) - 1} more" if len(clashes) > 1 else ""
    return (
        f"{names[taken.resource_id]} is taken by “{titles[taken.lesson_id]}” on {starts:%Y-%m-%d} "
        f"from {starts:%H:%M} to {ends:%H:%M}{more}; choose another period, teacher or room."
    )


def _shown(clash: Clash, names: dict[UUID, str], titles: dict[UUID, str]) -> dict[str, str]:
    taken = clash.taken
    return {
        "resource": taken.resource.value,
        "id": str(taken.resource_id),
        "name": names[taken.resource_id],
        "lesson_id": str(taken.lesson_id),
        "title": titles[taken.lesson_id],
        "starts_at": _utc(taken.interval.starts_at),
        "ends_at": _utc(taken.interval.ends_at),
    }


def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
