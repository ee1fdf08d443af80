"""What files would do, in whole: a table by itself, and a OneRoster bundle, whose parts build on each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.schools import bulk
from app.schools.models import OrgUnit
from app.schools.rules import OrgUnitKind
from app.timetables.service import find_term
from app.transfer.columns import Fault, Record, find_header, records
from app.transfer.kinds import KINDS, Kind, TableKind
from app.transfer.one_roster import COUNTY, Bundle, Portion
from app.transfer.plans import Importing, Said, by_code
from app.transfer.tables import Table, place
from app.transfer.words import TEXTS
from app.web.language import Language

MOST_FILES: Final = 20
"""Files of a bundle that are named when they were not read: OneRoster has no more."""
MOST_NAMED: Final = 5
"""Sheets that are named when they were not read."""


@dataclass(frozen=True, slots=True)
class Found:
    """A fault as it is shown: which column that is, and which cell."""

    fault: Fault
    columns: tuple[str, str] | None
    """Its name in Chinese and English."""
    cell: str | None = None

    def column(self, language: Language) -> str | None:
        """The column's name."""
        if self.columns is None:
            return None
        return self.columns[0] if language is Language.CHINESE else self.columns[1]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a file would do."""

    rows: int
    created: int
    changed: int
    unchanged: int
    faults: tuple[Found, ...]
    carry_out: Callable[[Session], None]
    remarks: tuple[Said, ...] = ()


def judge_table(
    session: Session, principal: Principal, kind: TableKind, table: Table, at: Importing
) -> Judged:
    """What a table would do; nothing is stored."""
    columns = {column.key: column for column in kind.columns}
    header, faults = find_header(table, kind.columns)

    def found(fault: Fault) -> Found:
        column = columns.get(fault.column or "")
        position = fault.at
        if position is None and header is not None:
            position = header.positions.get(fault.column or "")
        return Found(
            replace(fault, table=table.name),
            column.names if column else None,
            None if position is None else place(fault.row, position),
        )

    left = _left_out(table)
    if header is None:
        if other := _kind_of(table):
            chinese, english = other.titles
            faults = [Fault(faults[0].row, None, "table.of_kind", {"chinese": chinese, "english": english})]
        return Judged(0, 0, 0, 0, tuple(map(found, faults)), _nothing, left)
    values, faults = records(table, header, kind.columns)
    plan = kind.plan(session, principal, values, at)
    rows = sum(row.number > header.row for row in table.rows)
    wrong = sorted([*faults, *plan.faults], key=lambda fault: fault.row)
    return Judged(
        rows,
        plan.created,
        plan.changed,
        plan.unchanged,
        tuple(map(found, wrong)),
        plan.carry_out,
        (*left, *plan.remarks),
    )


def _kind_of(table: Table) -> TableKind | None:
    """What a table is about, by the names of its columns."""
    return next((kind for kind in KINDS.values() if find_header(table, kind.columns)[0]), None)


def _left_out(table: Table) -> tuple[Said, ...]:
    """A word about further sheets, but for the notes of our own templates."""
    notes = TEXTS["template.notes"]
    others = [name for name in table.others if name not in notes]
    if not others:
        return ()
    shown = ", ".join(others[:MOST_NAMED]) + (" …" if len(others) > MOST_NAMED else "")
    return (("file.other_sheets", {"name": table.name, "others": shown}),)


def judge_bundle(session: Session, principal: Principal, bundle: Bundle, at: Importing) -> Judged:
    """What a bundle would do. Its parts are stored one after the other, since people refer to schools of the same file:
    who only wants to know has to undo that.
    """
    units = bulk.all_units(session, principal.county_id)
    remarks: list[Said] = [("oneroster.pupils", {"number": bundle.pupils})]
    remarks += [(code, {"number": number}) for code, number in sorted(bundle.skipped.items()) if number]
    if bundle.unread:
        remarks.append(("oneroster.unread", {"names": ", ".join(bundle.unread[:MOST_FILES])}))
    faults = [Found(fault, _as_theirs(fault.column)) for fault in bundle.faults]
    created = changed = unchanged = 0
    for portion in bundle.portions:
        if (
            portion.kind is Kind.HEADCOUNTS
            and find_term(session, principal.county_id, principal.today) is None
        ):
            remarks.append(("oneroster.no_term", {}))
            continue
        plan = KINDS[portion.kind].plan(session, principal, _in_our_words(portion, units), at)
        plan.carry_out(session)
        created, changed, unchanged = (
            created + plan.created,
            changed + plan.changed,
            unchanged + plan.unchanged,
        )
        faults += (
            Found(
                replace(fault, table=portion.file),
                _as_theirs(portion.columns.get(fault.column or "", fault.column)),
            )
            for fault in plan.faults
        )
    # A user of several orgs is several rows here, and one there.
    once = {(each.fault.table, each.fault.row, each.columns, each.fault.code): each for each in faults}
    return Judged(bundle.rows, created, changed, unchanged, tuple(once.values()), _nothing, tuple(remarks))


def _in_our_words(portion: Portion, units: Sequence[OrgUnit]) -> list[Record]:
    """The rows with what only the county knows: its own code, and where units that are there stand.

    OneRoster has no townships and no teaching sites.
    """
    if portion.kind is Kind.ORG_UNITS:
        there = by_code(units)
        return [
            _standing(record, there[record.values["code"]]) if record.values["code"] in there else record
            for record in portion.records
        ]
    county = next(unit.code for unit in units if unit.kind is OrgUnitKind.COUNTY)
    return [
        replace(record, values={**record.values, "org_unit": county})
        if record.values["org_unit"] == COUNTY
        else record
        for record in portion.records
    ]


def _standing(record: Record, unit: OrgUnit) -> Record:
    if unit.kind is OrgUnitKind.COUNTY:
        return record
    return replace(
        record, values={**record.values, "kind": unit.kind.value}, columns=record.columns - {"parent"}
    )


def _as_theirs(column: str | None) -> tuple[str, str] | None:
    return None if column is None else (column, column)


def _nothing(_session: Session) -> None:
    """Nothing is left to be stored."""
