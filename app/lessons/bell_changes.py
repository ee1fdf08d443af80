"""Use cases of bells over a timetable that stands: put in force, change, copy, take back.

Lessons follow when they shall; else a change that concerns any is refused.
The same change can be tried: what it would mean is told, and nothing happens.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act, Facts
from app.audit.service import Subject
from app.database import take_turns
from app.lessons.bell_effects import BellEffects, carry_out, effects_on, look_ahead, refusal
from app.lessons.changes import Doing
from app.schools import service as schools
from app.schools.models import OrgUnit
from app.timetables import bells
from app.timetables import service as timetables
from app.timetables.bells import ScheduleChange
from app.timetables.models import BellSchedule
from app.timetables.service import BellDraft

Fields = Mapping[str, Any]
"""Fields of a `BellDraft` with their new values."""
Made = TypeVar("Made")


def add_bells(
    session: Session, principal: Principal, draft: BellDraft, doing: Doing, *, cut: bool, follow: bool
) -> BellSchedule:
    """Put bells in force, as a bureau admin or as the admin of that school.

    With `cut` the unit's other schedules give up these days. Raises `Conflict` with the lessons that would move, unless
    they shall follow.
    """
    unit = schools.require_at(session, principal, Action.BELLS_ADD, draft.org_unit_id)
    hold(session, [unit.id])
    made, cuts = _change(
        session, unit, _days(draft), doing, follow, lambda: _put(session, draft, cut, principal.today)
    )
    for each in cuts:
        note_bells(session, principal, unit, each)
    note_bells(session, principal, unit, ScheduleChange(made.id, None, bells.draft_of(made)))
    return made


def effects_of_adding(
    session: Session, principal: Principal, draft: BellDraft, doing: Doing, *, cut: bool
) -> BellEffects:
    """What putting bells in force would mean for planned lessons. Nothing is changed."""
    unit = schools.require_at(session, principal, Action.BELLS_ADD, draft.org_unit_id)
    return _try(session, unit, _days(draft), doing, lambda: _put(session, draft, cut, principal.today))


def change_bells(
    session: Session, principal: Principal, schedule_id: UUID, wanted: Fields, doing: Doing, *, follow: bool
) -> BellSchedule:
    """Change the name, days or periods of a schedule; refused as adding is."""
    schedule, unit = _reach(session, principal, schedule_id, doing)
    old = bells.draft_of(schedule)
    new = replace(old, **wanted)
    _change(
        session, unit, _days(old, new), doing, follow, lambda: bells.rewrite_schedule(session, schedule, new)
    )
    note_bells(session, principal, unit, ScheduleChange(schedule.id, old, bells.draft_of(schedule)))
    return schedule


def effects_of_changing(
    session: Session, principal: Principal, schedule_id: UUID, wanted: Fields, doing: Doing
) -> BellEffects:
    """What that would mean for planned lessons. Nothing is changed."""
    schedule = bells.require_schedule(session, principal, Action.BELLS_CHANGE, schedule_id)
    old, unit = bells.draft_of(schedule), schools.get_org_unit(session, schedule.org_unit_id)
    new = replace(old, **wanted)
    return _try(session, unit, _days(old, new), doing, lambda: bells.rewrite_schedule(session, schedule, new))


def copy_bells(
    session: Session,
    principal: Principal,
    schedule_id: UUID,
    wanted: Fields,
    doing: Doing,
    *,
    cut: bool,
    follow: bool,
) -> BellSchedule:
    """Put a schedule's periods in force on other days, under another name or at another unit; refused as adding is."""
    schedule = bells.require_schedule(session, principal, Action.BELLS_SHOW, schedule_id)
    return add_bells(
        session, principal, replace(bells.draft_of(schedule), **wanted), doing, cut=cut, follow=follow
    )


def effects_of_copying(
    session: Session, principal: Principal, schedule_id: UUID, wanted: Fields, doing: Doing, *, cut: bool
) -> BellEffects:
    """What that would mean for planned lessons. Nothing is changed."""
    schedule = bells.require_schedule(session, principal, Action.BELLS_SHOW, schedule_id)
    return effects_of_adding(session, principal, replace(bells.draft_of(schedule), **wanted), doing, cut=cut)


def remove_bells(
    session: Session, principal: Principal, schedule_id: UUID, doing: Doing, *, follow: bool
) -> None:
    """Take bells back before they begin to ring: the unit goes by those of the unit above. Refused as adding is."""
    schedule, unit = _reach(session, principal, schedule_id, doing)
    before = bells.draft_of(schedule)
    _change(
        session,
        unit,
        _days(before),
        doing,
        follow,
        lambda: bells.remove_schedule(session, schedule, principal.today),
    )
    note_bells(session, principal, unit, ScheduleChange(schedule_id, before, None))


def effects_of_removing(
    session: Session, principal: Principal, schedule_id: UUID, doing: Doing
) -> BellEffects:
    """What that would mean for planned lessons. Nothing is changed."""
    schedule = bells.require_schedule(session, principal, Action.BELLS_CHANGE, schedule_id)
    unit, days = schools.get_org_unit(session, schedule.org_unit_id), _days(bells.draft_of(schedule))
    return _try(session, unit, days, doing, lambda: bells.remove_schedule(session, schedule, principal.today))


def hold(session: Session, unit_ids: Collection[UUID]) -> None:
    """Wait for whoever changes the bells of these units or plans by them; what is read from now on stays so."""
    below = schools.ids_below(session, unit_ids)
    # Whoever plans in these rooms takes turns for them, and so sees either all of the change or nothing.
    take_turns(session, [*unit_ids, *schools.room_ids_of(session, below)])


def _reach(
    session: Session, principal: Principal, schedule_id: UUID, doing: Doing
) -> tuple[BellSchedule, OrgUnit]:
    """A schedule that somebody may change, as they saw it, and its unit, held."""
    found = bells.require_schedule(session, principal, Action.BELLS_CHANGE, schedule_id)
    hold(session, [found.org_unit_id])
    schedule = bells.require_schedule(session, principal, Action.BELLS_CHANGE, schedule_id)
    doing.seen.require(session, schedule)
    return schedule, schools.get_org_unit(session, schedule.org_unit_id)


def _put(
    session: Session, draft: BellDraft, cut: bool, today: date
) -> tuple[BellSchedule, list[ScheduleChange]]:
    cuts: list[ScheduleChange] = []
    if cut:
        timetables.check_bells(draft)
        cuts = bells.make_room(session, draft, today)
    return timetables.create_bell_schedule(session, draft), cuts


def _change(
    session: Session,
    unit: OrgUnit,
    days: tuple[date, date],
    doing: Doing,
    follow: bool,
    change: Callable[[], Made],
) -> Made:
    """Make a change of the bells of a unit that is held, with all that follows from it."""
    ahead = look_ahead(session, schools.ids_below(session, [unit.id]), days, doing)
    made = change()
    effects = effects_on(session, ahead)
    if effects and not follow:
        raise refusal(effects)
    carry_out(session, ahead, effects, doing)
    return made


def _try(
    session: Session, unit: OrgUnit, days: tuple[date, date], doing: Doing, change: Callable[[], object]
) -> BellEffects:
    ahead = look_ahead(session, schools.ids_below(session, [unit.id]), days, doing)
    with audit.trial(session):
        change()
        return effects_on(session, ahead)


def _days(*drafts: BellDraft) -> tuple[date, date]:
    return min(each.valid_from for each in drafts), max(each.valid_to for each in drafts)


def _facts(draft: BellDraft) -> Facts:
    return {
        "valid_from": draft.valid_from,
        "valid_to": draft.valid_to,
        "periods": timetables.facts_of(draft.periods),
    }


def note_bells(session: Session, principal: Principal, unit: OrgUnit, change: ScheduleChange) -> None:
    """Tell the trail what became of a schedule."""
    act = Act.BELLS_CHANGED
    if change.before is None:
        act = Act.BELLS_PUT_IN_FORCE
    elif change.after is None:
        act = Act.BELLS_REMOVED
    about = Subject("bell_schedule", change.schedule_id, unit.id)
    before, after = (_facts(each) if each else None for each in (change.before, change.after))
    audit.note(session, act, principal.county_id, principal.person_id, about, before=before, after=after)
