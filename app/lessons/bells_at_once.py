"""Use case of many bell schedules at once: put in force and changed as one act, so that no lesson sees a state between.

A winter that begins in all schools ends every one's autumn. Schedule by schedule, lessons would fall out of days that
have bells again a moment later; here what becomes of lessons is asked once, when all schedules are as they shall be.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.errors import AppError
from app.lessons.bell_changes import hold as hold
from app.lessons.bell_changes import note_bells
from app.lessons.bell_effects import (
    Ahead,
    carry_out,
    effects_on,
    look_ahead,
    obstacle,
    refusal,
)
from app.lessons.bell_effects import (
    BellEffects as BellEffects,
)
from app.lessons.bell_effects import (
    Concerned as Concerned,
)
from app.lessons.changes import Doing
from app.schools import service as schools
from app.schools.models import OrgUnit
from app.schools.rules import path_ids
from app.timetables import bells
from app.timetables import service as timetables
from app.timetables.bells import ScheduleChange
from app.timetables.models import BellSchedule
from app.timetables.service import BellDraft


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a schedule is to be; without an id it is a new one."""

    draft: BellDraft
    schedule_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying: schedules that cannot be, by their keys; else what would become of lessons."""

    refused: Mapping[int, AppError]
    effects: Mapping[int, BellEffects]
    """By the schedules that make it so."""
    clash: AppError | None = None
    """Where lessons that shall follow cannot go, if anywhere."""


@dataclass(frozen=True)
class _Ground:
    """Schedules as they are, and the lessons that stand on them."""

    units: Mapping[int, OrgUnit]
    present: Mapping[int, BellSchedule]
    before: Mapping[int, BellDraft]
    ahead: Ahead


def try_all(
    session: Session, principal: Principal, wanted: Mapping[int, Wanted], doing: Doing, *, follow: bool
) -> Trial:
    """What changing all of these would come to. Nothing is changed."""
    ground = _read(session, principal, wanted, doing)
    refused: dict[int, AppError] = {}
    effects = BellEffects()
    with audit.trial(session):
        for key in _in_safe_order(wanted, ground):
            try:
                with session.begin_nested():
                    _put(session, wanted[key], ground.present.get(key))
            except AppError as error:
                refused[key] = error
        if not refused:
            effects = effects_on(session, ground.ahead)
    clash = obstacle(effects) if follow and not effects.apart else None
    return Trial(refused, _by_schedule(wanted, ground, effects), clash)


def put_all(
    session: Session, principal: Principal, wanted: Mapping[int, Wanted], doing: Doing, *, follow: bool
) -> None:
    """Make all of these so, as a bureau admin or as the admin of these schools.

    Raises what a single change raises.
    """
    ground = _read(session, principal, wanted, doing)
    made = {
        key: _put(session, wanted[key], ground.present.get(key)) for key in _in_safe_order(wanted, ground)
    }
    effects = effects_on(session, ground.ahead)
    if effects and not follow:
        raise refusal(effects)
    carry_out(session, ground.ahead, effects, doing)
    for key, schedule in made.items():
        change = ScheduleChange(schedule.id, ground.before.get(key), wanted[key].draft)
        note_bells(session, principal, ground.units[key], change)


def _read(session: Session, principal: Principal, wanted: Mapping[int, Wanted], doing: Doing) -> _Ground:
    hold(session, {each.draft.org_unit_id for each in wanted.values()})
    units, present = {}, {}
    for key, each in wanted.items():
        if each.schedule_id is None:
            units[key] = schools.require_at(session, principal, Action.BELLS_ADD, each.draft.org_unit_id)
        else:
            present[key] = bells.require_schedule(session, principal, Action.BELLS_CHANGE, each.schedule_id)
            units[key] = schools.get_org_unit(session, present[key].org_unit_id)
    below = schools.ids_below(session, {unit.id for unit in units.values()})
    before = {key: bells.draft_of(schedule) for key, schedule in present.items()}
    drafts = [*before.values(), *(each.draft for each in wanted.values())]
    days = min(each.valid_from for each in drafts), max(each.valid_to for each in drafts)
    return _Ground(units, present, before, look_ahead(session, below, days, doing))


def _in_safe_order(wanted: Mapping[int, Wanted], ground: _Ground) -> list[int]:
    """Those that give days up come first, and new ones last, so that none meets another on the way."""

    def place(key: int) -> int:
        if key not in ground.before:
            return 2
        return int(wanted[key].draft.valid_to > ground.before[key].valid_to)

    return sorted(wanted, key=place)


def _put(session: Session, wanted: Wanted, present: BellSchedule | None) -> BellSchedule:
    if present is None:
        return timetables.create_bell_schedule(session, wanted.draft)
    bells.rewrite_schedule(session, present, wanted.draft)
    return present


def _by_schedule(
    wanted: Mapping[int, Wanted], ground: _Ground, effects: BellEffects
) -> dict[int, BellEffects]:
    """What becomes of lessons, by the change that is nearest to them: of their own unit, or of one above."""
    schools_of = {lesson.id: lesson.school_id for lesson in ground.ahead.lessons}
    of_unit: dict[UUID, list[int]] = defaultdict(list)
    for key, unit in ground.units.items():
        of_unit[unit.id].append(key)

    def cause(each: Concerned) -> int:
        units = (
            [schools_of[each.lesson_id]]
            if each.site_id is None
            else [each.site_id, schools_of[each.lesson_id]]
        )
        for unit_id in units:
            for above in reversed(path_ids(ground.ahead.places[unit_id].unit.path)):
                keys = of_unit.get(above, [])
                drafts = [
                    *(
                        (key, wanted[key].draft) for key in keys
                    ),  # what rings now comes before what does no more
                    *((key, ground.before[key]) for key in keys if key in ground.before),
                ]
                for key, draft in drafts:
                    if draft.valid_from <= each.date <= draft.valid_to:
                        return key
        return min(wanted)

    found: dict[int, dict[str, list[Concerned]]] = {}
    kinds: Mapping[str, Sequence[Concerned]] = {
        "moving": effects.moving, "falling": effects.falling, "apart": effects.apart
    }  # fmt: skip
    for kind, concerned in kinds.items():
        for each in concerned:
            found.setdefault(cause(each), defaultdict(list))[kind].append(each)
    return {
        key: BellEffects(tuple(each["moving"]), tuple(each["falling"]), tuple(each["apart"]))
        for key, each in found.items()
    }
