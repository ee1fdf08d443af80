"""Pupils by grade as a table: one row a term, unit and grade. Grades that a file does not name keep their number."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import allows
from app.accounts.rules import Principal
from app.errors import AppError
from app.schools import bulk
from app.schools.models import OrgUnit
from app.schools.service import target_of
from app.timetables import headcounts
from app.timetables.headcount_schemas import GradeCount
from app.timetables.models import Term
from app.transfer.columns import Column, Fault, Record, Written, as_code, as_text, as_whole
from app.transfer.grades import as_grade
from app.transfer.plans import Plan, by_code, checked, no_unit, not_allowed, refused
from app.transfer.references import Terms

COLUMNS = (
    Column("term", ("学期", "Term"), ("学期名称;空着表示今天所在的学期", "Its name; empty: the term of today"),
           as_text, width=24),
    Column("org_unit", ("单位编码", "Code of the org unit"), ("学校或教学点的编码", "Of the school or site"), as_code,
           required=True, width=18),
    Column("grade", ("年级", "Grade"), ("1 至 12", "1 to 12"), as_grade, required=True),
    Column("pupils", ("人数", "Pupils"), ("只填人数,不填姓名", "How many; no names"), as_whole, required=True),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Written]] = (
    (None, "3415240112", 1, 5),
    (None, "3415240112", 2, 4),
)


class _Planning:
    """The county's headcounts as they are, and what the rows would make of them."""

    def __init__(self, session: Session, principal: Principal) -> None:
        self._session, self._principal = session, principal
        self._units = by_code(bulk.all_units(session, principal.county_id))
        self._terms = Terms.read(session, principal)
        self._counts: dict[UUID, dict[UUID, dict[int, int]]] = {}
        self._seen: dict[object, int] = {}
        self.new: dict[tuple[UUID, UUID], tuple[Term, OrgUnit, dict[int, int]]] = {}
        self.created = self.changed = self.unchanged = 0
        self.faults: list[Fault] = []

    def take(self, record: Record) -> None:
        """Decide about one row."""
        values = record.values
        unit, term = self._units.get(values["org_unit"]), self._terms.find(values["term"])
        if term is None:
            self.faults.append(self._terms.fault(record))
        if unit is None:
            self.faults.append(no_unit(record, "org_unit", values["org_unit"], self._units))
        checks = checked(GradeCount, record, {}, grade=values["grade"], pupils=values["pupils"])
        if isinstance(checks, list):
            self.faults += checks
        elif unit is not None and term is not None:
            self._count(record, unit, term, checks)

    def _count(self, record: Record, unit: OrgUnit, term: Term, new: GradeCount) -> None:
        first = self._seen.setdefault((term.id, unit.id, new.grade), record.row)
        if first != record.row:
            self.faults.append(record.fault("grade", "row.twice", first=first))
            return
        try:
            headcounts.require_pupils_at(unit)
        except AppError as error:
            self.faults.append(refused(record, "org_unit", error))
            return
        if not allows(self._principal, Action.HEADCOUNT_SHOW, target_of(unit)):
            self.faults += not_allowed(self._principal, Action.HEADCOUNT_SET, unit, record, "org_unit")
            return
        present = self._counts_of(term).get(unit.id, {}).get(new.grade)
        if present == new.pupils:
            self.unchanged += 1
        elif denied := not_allowed(self._principal, Action.HEADCOUNT_SET, unit, record, "org_unit"):
            self.faults += denied
        else:
            self.created += present is None
            self.changed += present is not None
            self.new.setdefault((term.id, unit.id), (term, unit, {}))[2][new.grade] = new.pupils

    def _counts_of(self, term: Term) -> dict[UUID, dict[int, int]]:
        if term.id not in self._counts:
            self._counts[term.id] = headcounts.counts_of(self._session, term.id)
        return self._counts[term.id]


def plan(session: Session, principal: Principal, records: Sequence[Record]) -> Plan:
    """What the rows would do to the county's headcounts."""
    planning = _Planning(session, principal)
    for record in records:
        planning.take(record)

    def carry_out(session: Session) -> None:
        for term, unit, counts in planning.new.values():
            headcounts.add_headcounts(session, principal, term, unit, counts)

    return Plan(planning.created, planning.changed, planning.unchanged, tuple(planning.faults), carry_out)


def rows(session: Session, principal: Principal) -> list[Sequence[Written]]:
    """The headcounts within somebody's reach as rows."""
    found: list[Sequence[Written]] = []
    units = [
        unit
        for unit in bulk.all_units(session, principal.county_id)
        if allows(principal, Action.HEADCOUNT_SHOW, target_of(unit))
    ]
    for name, term in Terms.read(session, principal).by_name.items():
        counts = headcounts.counts_of(session, term.id)
        found += (
            (name, unit.code, grade, pupils)
            for unit in units
            for grade, pupils in sorted(counts.get(unit.id, {}).items())
        )
    return found
