"""The curriculum as a table: periods a week by grade and subject, of the county or of a unit that differs from it.

A row may name several grades that are alike. What a file does not name stays, so 0 periods say that a subject is not
required.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import allows
from app.accounts.rules import Principal
from app.schools import bulk
from app.schools.models import OrgUnit
from app.schools.service import target_of
from app.timetables import curriculum
from app.timetables.curriculum_rules import Periods
from app.timetables.curriculum_schemas import Requirement
from app.timetables.models import Term
from app.transfer.columns import Column, Fault, Record, Value, as_code, as_number, as_text
from app.transfer.grades import as_grades, grades_in
from app.transfer.plans import Plan, checked, not_allowed
from app.transfer.references import Lacking, References, Terms, name_in

COLUMNS = (
    Column("term", ("学期", "Term"), ("学期名称;空着表示今天所在的学期", "Its name; empty: the term of today"),
           as_text, width=24),
    Column("org_unit", ("单位编码", "Code of the org unit"),
           ("空着表示全县;某单位与全县不同时才写它的编码", "Empty: the county; a unit's code only where it differs"),
           as_code, width=18),
    Column("grades", ("年级", "Grades"), ("1 至 12;几个年级相同时可写 1-2", "1 to 12; 1-2 where grades are alike"),
           as_grades, grades_in, required=True),
    Column("subject", ("学科", "Subject"), ("本县学科表中的名称", "Of the county's list"), as_text, name_in,
           required=True),
    Column("periods_per_week", ("每周课时", "Periods a week"),
           ("0.5 表示隔周一节;0 表示不要求", "0.5 is one every other week; 0: not required"), as_number, required=True),
    Column("own_periods", ("其中自授课时", "Of these by own teachers"),
           ("由本校教师在本课表之外上的课时;空着表示 0", "Given outside of this timetable; empty: 0"), as_number,
           width=20),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Value]] = (
    (None, None, [3, 4, 5, 6], ("英语", "English"), 3, None),
    (None, None, [1, 2], ("音乐", "Music"), 2, None),
    (None, "3415240112", [1, 2], ("音乐", "Music"), 2, 1),
)
_RENAMED: Final = {"grade": "grades", "": "own_periods"}
_Key = tuple[UUID, UUID]
"""A term and a unit."""


class _Planning:
    """The county's curriculum as it is, and what the rows would make of it."""

    def __init__(self, session: Session, principal: Principal) -> None:
        self._session, self._principal = session, principal
        self._places = References.read(session, principal)
        self._county = next(unit for unit in self._places.units.values() if unit.parent_id is None)
        self._terms = Terms.read(session, principal)
        self._said: dict[UUID, curriculum.Said] = {}
        self._seen: dict[object, int] = {}
        self.new: dict[_Key, dict[tuple[int, str], Periods]] = {}
        """All that units say which say something else now."""
        self.created = self.changed = self.unchanged = 0
        self.faults: list[Fault] = []

    def take(self, record: Record) -> None:
        """Decide about one row."""
        try:
            term = self._terms.of(record)
            unit = self._places.unit(record, "org_unit") if record.values["org_unit"] else self._county
            subject = self._places.subject(record, "subject", record.values["subject"])
        except Lacking as error:
            self.faults.append(error.fault)
            return
        before = self._said_in(term).get(unit.id, {})
        wanted: dict[tuple[int, str], Periods] = {}
        for grade in record.values["grades"]:
            if (first := self._seen.setdefault((term.id, unit.id, grade, subject), record.row)) != record.row:
                self.faults.append(record.fault("grades", "row.twice", first=first))
                return
            there = before.get((grade, subject), Periods(0))
            own = (record.values["own_periods"] or 0) if "own_periods" in record.columns else there.own
            new = checked(
                Requirement, record, {}, _RENAMED, grade=grade, subject=subject, own_periods=own,
                periods_per_week=record.values["periods_per_week"],
            )  # fmt: skip
            if isinstance(new, list):
                self.faults += new
                return
            wanted[grade, subject] = Periods(new.periods_per_week, new.own_periods)
        self._compare(record, term, unit, wanted)

    def _compare(
        self, record: Record, term: Term, unit: OrgUnit, wanted: dict[tuple[int, str], Periods]
    ) -> None:
        before = self._said_in(term).get(unit.id, {})
        if all(before.get(key) == periods for key, periods in wanted.items()):
            self.unchanged += 1
        elif denied := not_allowed(self._principal, Action.CURRICULUM_SET, unit, record, "org_unit"):
            self.faults += denied
        else:
            is_new = before.keys().isdisjoint(wanted)
            self.created += is_new
            self.changed += not is_new
            self.new.setdefault((term.id, unit.id), dict(before)).update(wanted)

    def _said_in(self, term: Term) -> curriculum.Said:
        if term.id not in self._said:
            self._said[term.id] = curriculum.said_in(self._session, term.id)
        return self._said[term.id]


def plan(session: Session, principal: Principal, records: Sequence[Record]) -> Plan:
    """What the rows would do to the county's curriculum."""
    planning = _Planning(session, principal)
    for record in records:
        planning.take(record)

    def carry_out(session: Session) -> None:
        for (term_id, unit_id), said in planning.new.items():
            curriculum.set_curriculum(session, principal, term_id, unit_id, said)

    return Plan(planning.created, planning.changed, planning.unchanged, tuple(planning.faults), carry_out)


def rows(session: Session, principal: Principal) -> list[Sequence[Value]]:
    """What the county and its units say, term by term; the county first."""
    places = References.read(session, principal)
    units = [
        unit
        for unit in bulk.all_units(session, principal.county_id)
        if allows(principal, Action.CURRICULUM_SHOW, target_of(unit))
    ]
    units.sort(key=lambda unit: (unit.parent_id is not None, unit.code))
    found: list[Sequence[Value]] = []
    for name, term in Terms.read(session, principal).by_name.items():
        said = curriculum.said_in(session, term.id)
        found += (
            (name, unit.code if unit.parent_id else None, [grade], places.subject_names(subject), periods.required,
             periods.own)
            for unit in units
            for (grade, subject), periods in sorted(said.get(unit.id, {}).items())
        )  # fmt: skip
    return found
