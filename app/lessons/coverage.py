"""Planned against required: what of the curriculum the timetable covers."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.lessons import tallies
from app.schools import service as schools
from app.schools.models import OrgUnit
from app.schools.rules import is_there
from app.timetables import curriculum
from app.timetables import service as timetables
from app.timetables.curriculum_rules import Coverage, cover
from app.timetables.models import Term


def coverage_of(session: Session, term: Term, units: Collection[OrgUnit], now: datetime) -> Coverage:
    """What is planned for the classes of some units in a term beside what is required of them, cell by cell.

    Published lessons count, cancelled and moved ones do not. About ten statements, however many units.
    Units that are closed before the term have nothing to cover.
    """
    units = [unit for unit in units if is_there(unit.closed_from, term.first_day)]
    ids = {unit.id for unit in units}
    reached = tallies.reached(session, term.id, now, ids)
    classes = curriculum.classes_in(session, term, ids)
    plans = curriculum.plans_of(session, term.id, units)
    return cover(classes, plans, reached, curriculum.teaching_weeks(session, term))


def show_coverage(
    session: Session, principal: Principal, term_id: UUID, unit_id: UUID, now: datetime
) -> Coverage:
    """The same for one unit within one's reach."""
    unit = schools.require_at(session, principal, Action.COVERAGE_SHOW, unit_id)
    term = timetables.get_term(session, term_id, unit.county_id)
    return coverage_of(session, term, [unit], now)
