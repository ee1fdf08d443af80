"""Changing bell schedules: what they say, on which days, in place of which others.

Whether planned lessons move by that is for the lessons domain (`app.lessons.bell_changes`), which calls these.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import require
from app.accounts.rules import Principal
from app.database import violated
from app.errors import Conflict, NotFound
from app.schools import service as schools
from app.timetables import queries
from app.timetables.models import BellSchedule
from app.timetables.rules import days_left
from app.timetables.service import BellDraft, bells_conflict, check_bells, periods_of


def require_schedule(
    session: Session, principal: Principal, action: Action, schedule_id: UUID
) -> BellSchedule:
    """The bell schedule with which somebody may do something; raises `NotFound` or `Forbidden`."""
    missing = NotFound(
        "bells.not_found", "No such bell schedule", f"There is no bell schedule {schedule_id}."
    )
    schedule = queries.bell_schedule(session, schedule_id)
    if schedule is None:
        raise missing
    require(
        principal, action, schools.target_of(schools.get_org_unit(session, schedule.org_unit_id)), missing
    )
    return schedule


def list_schedules(
    session: Session,
    county_id: UUID,
    after: tuple[date, UUID] | None,
    limit: int,
    *,
    org_unit_id: UUID | None = None,
    unit_id: UUID | None = None,
    on: date | None = None,
) -> tuple[Sequence[BellSchedule], bool]:
    """Bell schedules of a county by their first day, and whether there are more.

    With `org_unit_id` those of this unit and of all below it, with `unit_id` its own, with `on` those in force then.
    """
    units = schools.ids_below(session, [county_id])
    if org_unit_id is not None:
        units &= schools.ids_below(session, [org_unit_id])
    if unit_id is not None:
        units &= {unit_id}
    found = queries.bell_schedules_page(session, units, on, after, limit + 1)
    return found[:limit], len(found) > limit


def draft_of(schedule: BellSchedule) -> BellDraft:
    """What it would take to put a schedule in force as it is."""
    return BellDraft(
        schedule.org_unit_id, schedule.name, schedule.valid_from, schedule.valid_to, schedule.bells
    )


def rewrite_schedule(session: Session, schedule: BellSchedule, draft: BellDraft) -> None:
    """Make a stored schedule what a draft says; its unit stays. Raises `Invalid` or `Conflict`."""
    check_bells(draft)
    if draft.periods != schedule.bells:
        schedule.periods.clear()
        session.flush()  # numbers are free again
        schedule.periods.extend(periods_of(draft))
    try:
        with session.begin_nested():
            schedule.name, schedule.valid_from, schedule.valid_to = (
                draft.name,
                draft.valid_from,
                draft.valid_to,
            )
            session.flush()
    except IntegrityError as error:
        if violated(error) != "ex_bell_schedules_org_unit":
            raise
        raise bells_conflict(session, draft, apart_from=schedule.id) from None


def remove_schedule(session: Session, schedule: BellSchedule, today: date) -> None:
    """Take bells back that have not begun to ring. Raises `Conflict` for others: they are how it was."""
    if schedule.valid_from <= today:
        raise Conflict(
            "bells.begun",
            "Bells have rung",
            f"{schedule.name} has been in force since {schedule.valid_from}; end it with another `valid_to`.",
        )
    session.delete(schedule)
    session.flush()


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """What became of a bell schedule; without `before` it is new, without `after` it is gone."""

    schedule_id: UUID
    before: BellDraft | None
    after: BellDraft | None


def make_room(session: Session, draft: BellDraft, today: date) -> list[ScheduleChange]:
    """Let the other schedules of a unit give up the days of a draft: they end earlier, begin later, are split or go.

    Raises `Conflict` for one of which nothing would be left though it has begun to ring.
    """
    cuts = []
    for other in queries.bell_schedules_of(session, [draft.org_unit_id], draft.valid_from, draft.valid_to):
        before = draft_of(other)
        left = days_left((other.valid_from, other.valid_to), (draft.valid_from, draft.valid_to))
        if not left:
            remove_schedule(session, other, today)
            cuts.append(ScheduleChange(other.id, before, None))
            continue
        other.valid_from, other.valid_to = left[0]
        session.flush()
        cuts.append(ScheduleChange(other.id, before, draft_of(other)))
        for first, last in left[1:]:
            piece = BellSchedule(
                org_unit_id=other.org_unit_id,
                name=other.name,
                valid_from=first,
                valid_to=last,
                periods=periods_of(before),
            )
            session.add(piece)
            session.flush()
            cuts.append(ScheduleChange(piece.id, None, draft_of(piece)))
    return cuts


def reaching(
    session: Session, unit_ids: Collection[UUID], old: tuple[date, date], new: tuple[date, date]
) -> list[tuple[BellSchedule, tuple[date, date]]]:
    """Schedules of units that begin or end with a term's old days, and the days they have with its new ones.

    Days that another schedule of the unit has stay that one's.
    """
    there = queries.bell_schedules_of(session, unit_ids, min(old[0], new[0]), max(old[1], new[1]))
    found = []
    for each in there:
        others = [other for other in there if other.org_unit_id == each.org_unit_id and other is not each]
        first, last = each.valid_from, each.valid_to
        if last == old[1] < new[1]:
            later = [other.valid_from for other in others if other.valid_from > last]
            last = min([new[1], *(day - timedelta(days=1) for day in later)])
        if first == old[0] > new[0]:
            earlier = [other.valid_to for other in others if other.valid_to < first]
            first = max([new[0], *(day + timedelta(days=1) for day in earlier)])
        if (first, last) != (each.valid_from, each.valid_to):
            found.append((each, (first, last)))
    return found
