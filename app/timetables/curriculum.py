"""Use cases of the curriculum: how many periods a week each grade has to have in each subject, term by term."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.schools import service as schools
from app.schools import subjects
from app.schools.models import OrgUnit
from app.schools.rules import path_ids
from app.timetables import curriculum_queries as queries
from app.timetables import list_versions
from app.timetables.calendar import days_between
from app.timetables.curriculum_rules import Class, Periods, Plan, classes_of, effective
from app.timetables.grades import GroupCount
from app.timetables.headcounts import counts_of
from app.timetables.list_versions import curriculum_id
from app.timetables.models import CurriculumRequirement, Term
from app.timetables.service import calendar_of, get_term
from app.versions import ANY, Seen

Said = dict[UUID, dict[tuple[int, str], Periods]]
"""What units say themselves."""


@dataclass(frozen=True, slots=True)
class Curriculum:
    """What a unit says itself, and what counts for it."""

    term_id: UUID
    org_unit_id: UUID
    version: int
    own: Plan
    effective: Plan


def set_curriculum(
    session: Session, principal: Principal, term_id: UUID, unit_id: UUID, plan: Plan, seen: Seen = ANY
) -> Curriculum:
    """Say what the county requires, or where a unit below differs from it, as a bureau admin.

    What the unit said before is gone. Raises `Invalid` for a subject that is not on the county's list.
    """
    unit = schools.require_at(session, principal, Action.CURRICULUM_SET, unit_id)
    term = get_term(session, term_id, unit.county_id)
    before = put_curriculum(session, term, unit, plan, seen)
    _note(session, principal, term, unit, before, plan)
    return _curriculum(session, term, unit)


def _note(
    session: Session, principal: Principal, term: Term, unit: OrgUnit, before: Plan, after: Plan
) -> None:
    audit.note(
        session,
        Act.CURRICULUM_SET,
        unit.county_id,
        principal.person_id,
        Subject("curriculum", term.id, unit.id),
        before=_facts(before),
        after=_facts(after),
    )


def put_curriculum(session: Session, term: Term, unit: OrgUnit, plan: Plan, seen: Seen = ANY) -> Plan:
    """Store what a unit says without asking who wants it: for imports and seeds. Returns what it said before."""
    take_turns(session, [unit.id])
    list_versions.count(session, curriculum_id(term.id, unit.id), seen)
    subjects.require_known(session, unit.county_id, {subject for _, subject in plan})
    rows = {(row.grade, row.subject): row for row in queries.requirements_of(session, term.id, [unit.id])}
    before = {key: row.periods for key, row in rows.items()}
    for key in rows.keys() - plan.keys():
        session.delete(rows[key])
    for (grade, subject), periods in sorted(plan.items()):
        row = rows.get((grade, subject))
        if row is None:
            row = CurriculumRequirement(
                term_id=term.id, org_unit_id=unit.id, county_id=unit.county_id, grade=grade, subject=subject
            )
            session.add(row)
        row.periods_per_week, row.own_periods = periods.required, periods.own
    session.flush()
    return before


def copy_curriculum(
    session: Session, principal: Principal, term_id: UUID, from_term_id: UUID
) -> tuple[int, int]:
    """Let a county's units say in a term what they said in another one, as a bureau admin.

    Units that say something there already keep that; returns how many took it over and how many kept theirs.
    """
    county = schools.require_at(session, principal, Action.CURRICULUM_SET, principal.county_id)
    term, source = (get_term(session, each, county.id) for each in (term_id, from_term_id))
    said = said_in(session, source.id)
    take_turns(session, said.keys())  # before it is read which of them say something there
    there = {row.org_unit_id for row in queries.requirements_of(session, term.id)}
    for unit in schools.org_units(session, said.keys() - there).values():
        before = put_curriculum(session, term, unit, said[unit.id])
        _note(session, principal, term, unit, before, said[unit.id])
    return len(said.keys() - there), len(said.keys() & there)


def show_curriculum(session: Session, principal: Principal, term_id: UUID, unit_id: UUID) -> Curriculum:
    """What a unit of one's own county says, and what counts for it."""
    unit = schools.require_at(session, principal, Action.CURRICULUM_SHOW, unit_id)
    return _curriculum(session, get_term(session, term_id, unit.county_id), unit)


def said_in(session: Session, term_id: UUID) -> Said:
    """What each unit says itself in a term, those that say anything."""
    said: Said = {}
    for row in queries.requirements_of(session, term_id):
        said.setdefault(row.org_unit_id, {})[row.grade, row.subject] = row.periods
    return said


def plans_of(session: Session, term_id: UUID, units: Collection[OrgUnit]) -> Mapping[UUID, Plan]:
    """What counts for each of some units in a term: two statements, however many units."""
    chains = {unit.id: tuple(reversed(path_ids(unit.path))) for unit in units}
    said = said_in(session, term_id)
    shared: dict[tuple[UUID, ...], Plan] = {}
    found = {}
    for unit_id, chain in chains.items():
        saying = tuple(each for each in chain if each in said)
        if saying not in shared:
            shared[saying] = effective([said[each] for each in saying])
        found[unit_id] = shared[saying]
    return found


def classes_in(session: Session, term: Term, unit_ids: Collection[UUID]) -> Sequence[Class]:
    """The classes of some units in a term: their groups, and grades with pupils that have no group."""
    counts = counts_of(session, term.id, unit_ids)
    groups: dict[UUID, list[GroupCount]] = {}
    for unit_id, group_id, grades, headcount in schools.taught_groups(session, unit_ids, term.first_day):
        groups.setdefault(unit_id, []).append(GroupCount(group_id, frozenset(grades), headcount))
    return [
        each
        for unit_id in unit_ids
        for each in classes_of(unit_id, counts.get(unit_id, {}), groups.get(unit_id, ()))
    ]


def teaching_weeks(session: Session, term: Term) -> float:
    """How many full weeks of school days a term has: holidays count off it, make-up days on to it."""
    calendar = calendar_of(session, term)
    days = days_between(term.first_day, term.last_day)
    return sum(calendar.weekday_taught(day) is not None for day in days) / len(term.weekdays)


def _curriculum(session: Session, term: Term, unit: OrgUnit) -> Curriculum:
    rows = queries.requirements_of(session, term.id, [unit.id])
    own = {(row.grade, row.subject): row.periods for row in rows}
    version = list_versions.version_of(session, curriculum_id(term.id, unit.id))
    return Curriculum(term.id, unit.id, version, own, plans_of(session, term.id, [unit])[unit.id])


def _facts(plan: Plan) -> dict[str, str]:
    return {
        f"{grade} {subject}": f"{periods.required:g}" + (f" (own {periods.own:g})" if periods.own else "")
        for (grade, subject), periods in sorted(plan.items())
    }
