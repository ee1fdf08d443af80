"""Townships, schools and teaching sites as a table: one row each, named by code, in any order."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.errors import AppError
from app.schools import bulk
from app.schools.models import OrgUnit
from app.schools.rules import OrgUnitKind
from app.schools.schemas import NewOrgUnit
from app.schools.service import OrgUnitDraft, unit_below
from app.transfer.columns import Column, Fault, Record, Words, Written, as_code, as_text, as_word, word_of
from app.transfer.plans import (
    NOBODY,
    Plan,
    by_code,
    checked,
    differing,
    no_unit,
    not_allowed,
    padded,
    refused,
    twice,
    zeros_lost,
)

KINDS: Words = {
    OrgUnitKind.TOWNSHIP.value: ("乡镇", "township"),
    OrgUnitKind.SCHOOL.value: ("学校", "school"),
    OrgUnitKind.TEACHING_SITE.value: ("教学点", "teaching site"),
}
COLUMNS = (
    Column("code", ("编码", "Code"), ("官方编码,全县唯一", "Official code, unique in the county"), as_code,
           required=True, width=18),
    Column("name", ("名称", "Name"), ("全称", "Full name"), as_text, required=True, width=32),
    Column("kind", ("类型", "Kind"), ("乡镇、学校或教学点", "township, school or teaching site"), as_word(KINDS),
           word_of(KINDS), required=True),
    Column("parent", ("上级编码", "Code of the unit above"),
           ("空着表示直属县级;可以是本文件中任何一行", "Empty: the county itself; may be any row of this file"),
           as_code, width=18),
    Column("time_zone", ("时区", "Time zone"), ("一般空着", "Usually empty; an IANA name otherwise"), as_text),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Written]] = (
    ("3415240010", "梅山镇", "township", None, None),
    ("3415240012", "梅山镇中心小学", "school", "3415240010", None),
    ("3415240112", "响洪甸教学点", "teaching_site", "3415240012", None),
)
_PATTERNS = {"code": "cell.bad_code"}


@dataclass(slots=True)
class _Planning:
    """The county's tree as it is, and as it grows row by row."""

    principal: Principal
    county: OrgUnit
    units: dict[str, OrgUnit]
    rows: dict[str, Record]
    by_id: dict[uuid.UUID, OrgUnit]
    cut: dict[str, str]
    """Codes that begin with a zero, by what is left without it."""
    new: list[OrgUnit] = field(default_factory=list)
    changes: list[tuple[OrgUnit, dict[str, object]]] = field(default_factory=list)
    unchanged: int = 0
    faults: list[Fault] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """Decide about one row; the one above it has been."""
        values = record.values
        parent = self._parent(record)
        checks = checked(
            NewOrgUnit, record, _PATTERNS,
            kind=values["kind"], parent_id=parent.id if parent else NOBODY, code=values["code"],
            name=values["name"], time_zone=values["time_zone"],
        )  # fmt: skip
        if isinstance(checks, list):
            self.faults += checks
            return
        if parent is None:
            return
        present = self.units.get(checks.code)
        if present is self.county:
            self.faults.append(record.fault("code", "org_unit.is_county"))
        elif present is None and (other := self.cut.get(checks.code)):
            self.faults.append(zeros_lost(record, "code", checks.code, other))
        elif present is None:
            self._add(record, parent, checks)
        else:
            self._compare(record, parent, checks, present)

    def _parent(self, record: Record) -> OrgUnit | None:
        code = record.values["parent"]
        there = self.units.get(record.values["code"])
        if "parent" not in record.columns and there is not None:
            return self.by_id.get(there.parent_id) if there.parent_id else self.county
        parent = self.units.get(code) if code else self.county
        if parent is None and code in self.rows:
            fault = record.fault("parent", "org_unit.parent_refused", first=self.rows[code].row)
            self.faults.append(fault)
        elif parent is None:
            self.faults.append(no_unit(record, "parent", code, self.units))
        return parent

    def _add(self, record: Record, parent: OrgUnit, new: NewOrgUnit) -> None:
        draft = OrgUnitDraft(new.kind, parent.id, new.code, new.name, new.time_zone)
        try:
            unit = unit_below(parent, draft)
        except AppError as error:
            self.faults.append(refused(record, "parent", error))
            return
        if denied := not_allowed(self.principal, Action.ORG_UNIT_ADD, parent, record, "parent"):
            self.faults += denied
            return
        self.units[unit.code] = unit
        self.new.append(unit)

    def _compare(self, record: Record, parent: OrgUnit, new: NewOrgUnit, present: OrgUnit) -> None:
        if present.kind is not new.kind or present.parent_id != parent.id:
            column = "kind" if present.kind is not new.kind else "parent"
            self.faults.append(record.fault(column, "org_unit.place_fixed"))
            return
        changes = differing(record, present, {"name": new.name, "time_zone": new.time_zone})
        if not changes:
            self.unchanged += 1
        elif denied := not_allowed(self.principal, Action.ORG_UNIT_ADD, parent, record, "code"):
            self.faults += denied
        else:
            self.changes.append((present, changes))


def plan(session: Session, principal: Principal, records: Sequence[Record]) -> Plan:
    """What the rows would do to the county's tree. Whoever is above may stand further down."""
    units = by_code(bulk.all_units(session, principal.county_id))
    county = next(unit for unit in units.values() if unit.kind is OrgUnitKind.COUNTY)
    again = twice(records, lambda record: record.values["code"], "code")
    once = [record for record in records if record.row not in again]
    planning = _Planning(
        principal,
        county,
        units,
        {record.values["code"]: record for record in once},
        {unit.id: unit for unit in units.values()},
        padded(units),
    )
    planning.faults += again.values()
    ordered, circles = _parents_first(once, planning.rows)
    planning.faults += (record.fault("parent", "org_unit.circle") for record in circles)
    for record in ordered:
        planning.take(record)

    def carry_out(session: Session) -> None:
        bulk.add_units(session, principal, planning.new)
        bulk.change(session, principal, planning.changes)

    return Plan(
        len(planning.new), len(planning.changes), planning.unchanged, tuple(planning.faults), carry_out
    )


def _parents_first(records: Iterable[Record], rows: dict[str, Record]) -> tuple[list[Record], list[Record]]:
    """The rows, each after the one above it; and those that stand in or below a circle."""
    ordered: list[Record] = []
    done: set[str] = set()
    circles: dict[str, Record] = {}
    for record in records:
        chain: dict[str, Record] = {}
        code = record.values["code"]
        while code in rows and code not in done and code not in circles and code not in chain:
            chain[code] = rows[code]
            code = rows[code].values["parent"]
        if code in chain or code in circles:
            circles |= chain
        else:
            done.update(chain)
            ordered += reversed(chain.values())
    return ordered, list(circles.values())


def rows(session: Session, principal: Principal) -> list[Sequence[Written]]:
    """The county's tree as rows, those above first."""
    units = bulk.all_units(session, principal.county_id)
    codes = {unit.id: unit.code for unit in units if unit.kind is not OrgUnitKind.COUNTY}
    below = [unit for unit in units if unit.parent_id is not None]
    below.sort(key=lambda unit: (unit.path.count("/"), unit.code))
    return [
        (
            unit.code,
            unit.name,
            unit.kind.value,
            codes.get(unit.parent_id) if unit.parent_id else None,
            unit.time_zone,
        )
        for unit in below
    ]
