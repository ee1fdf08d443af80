"""Pupil groups as a table: one row each, named by the code of their unit and their name. No pupil is named."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.errors import AppError
from app.schools import bulk
from app.schools.group_schemas import NewPupilGroup
from app.schools.groups import GroupDraft, group_in
from app.schools.models import OrgUnit, PupilGroup
from app.transfer.columns import (
    Column,
    Fault,
    Record,
    Value,
    Written,
    as_code,
    as_text,
    as_whole,
)
from app.transfer.grades import as_grades
from app.transfer.plans import NOBODY, Plan, by_code, checked, differing, not_allowed, refused, twice
from app.web.language import Language


def _grades(value: Value, _language: Language) -> str:
    return "、".join(map(str, value)) if not isinstance(value, str) else value


COLUMNS = (
    Column("org_unit", ("单位编码", "Code of the org unit"), ("学校或教学点的编码", "Of the school or site"), as_code,
           required=True, width=18),
    Column("name", ("班级或复式班", "Group"), ("在该单位内唯一", "Unique in the unit"), as_text, required=True,
           width=24),
    Column("grades", ("年级", "Grades"), ("如 3;复式班写 1、2", "Such as 3; for a combined class 1、2 or 1-3"),
           as_grades, _grades, required=True),
    Column("headcount", ("人数", "Pupils"), ("只填人数,不填姓名", "How many; no names"), as_whole, required=True),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Written]] = (
    ("3415240012", "三(1)班", "3", 42),
    ("3415240112", "一二年级复式班", "1、2", 9),
)


class _Planning:
    """The county's groups as they are, and what the rows would make of them."""

    def __init__(self, principal: Principal, units: Sequence[OrgUnit], groups: Sequence[PupilGroup]) -> None:
        self._principal = principal
        self._units = by_code(units)
        self._groups = {(group.org_unit_id, group.name): group for group in groups}
        self.new: list[PupilGroup] = []
        self.changes: list[tuple[PupilGroup, dict[str, object]]] = []
        self.unchanged = 0
        self.faults: list[Fault] = []

    def take(self, record: Record) -> None:
        """Decide about one row."""
        values = record.values
        unit = self._units.get(values["org_unit"])
        if unit is None:
            self.faults.append(record.fault("org_unit", "org_unit.not_found", value=values["org_unit"][:40]))
        asked = {key: values[key] for key in ("name", "grades", "headcount")}
        checks = checked(
            NewPupilGroup, record, {}, {"org_unit_id": "org_unit"}, org_unit_id=unit.id if unit else NOBODY, **asked
        )  # fmt: skip
        if isinstance(checks, list):
            self.faults += checks
        elif unit is not None:
            self._place(record, unit, checks)

    def _place(self, record: Record, unit: OrgUnit, new: NewPupilGroup) -> None:
        present = self._groups.get((unit.id, new.name))
        values = {"grades": new.grades, "headcount": new.headcount}
        changes = differing(record, present, values) if present else {}
        if present is not None and not changes:
            self.unchanged += 1
        elif denied := not_allowed(self._principal, Action.PUPIL_GROUP_ADD, unit, record, "org_unit"):
            self.faults += denied
        elif present is not None:
            self.changes.append((present, changes))
        else:
            try:
                draft = GroupDraft(unit.id, new.name, tuple(new.grades), new.headcount)
                self.new.append(group_in(unit, draft))
            except AppError as error:
                self.faults.append(refused(record, "org_unit", error))


def plan(session: Session, principal: Principal, records: Sequence[Record]) -> Plan:
    """What the rows would do to the county's pupil groups."""
    county_id = principal.county_id
    planning = _Planning(principal, bulk.all_units(session, county_id), bulk.all_groups(session, county_id))
    again = twice(records, lambda record: (record.values["org_unit"], record.values["name"]), "name")
    planning.faults += again.values()
    for record in records:
        if record.row not in again:
            planning.take(record)

    def carry_out(session: Session) -> None:
        bulk.add_groups(session, principal, planning.new)
        bulk.change(session, principal, planning.changes)

    return Plan(
        len(planning.new), len(planning.changes), planning.unchanged, tuple(planning.faults), carry_out
    )


def rows(session: Session, principal: Principal) -> list[Sequence[Written]]:
    """The county's pupil groups as rows."""
    codes = {unit.id: unit.code for unit in bulk.all_units(session, principal.county_id)}
    return [
        (codes[group.org_unit_id], group.name, "、".join(map(str, group.grades)), group.headcount)
        for group in bulk.all_groups(session, principal.county_id)
    ]
