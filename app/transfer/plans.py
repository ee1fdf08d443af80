"""What an import would do: found out completely before anything is stored."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import allows
from app.accounts.rules import Principal
from app.errors import AppError
from app.lessons.changes import Doing
from app.schools.models import OrgUnit
from app.schools.service import target_of
from app.transfer.columns import Fault, Record, plain

Model = TypeVar("Model", bound=BaseModel)
Thing = TypeVar("Thing")
NOBODY: Final = uuid.UUID(int=0)
"""Stands for an id that a row has none for, while its other cells are looked at."""

# What pydantic says, in our words.
_CODES: Final = {
    "string_too_long": "cell.bad_text",
    "greater_than": "cell.out_of_range",
    "greater_than_equal": "cell.out_of_range",
    "less_than": "cell.out_of_range",
    "less_than_equal": "cell.out_of_range",
    "multiple_of": "cell.no_half",
    "own_periods": "curriculum.own_within",
    "time_zone": "cell.bad_time_zone",
    "days_in_order": "days_in_order",
    "mail_address": "cell.bad_mail",
}

Said = tuple[str, Mapping[str, int | str]]
"""Something to know that is no error: a code that names a text, and what fills it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of the rows of a file, and how it is carried out when there are no faults."""

    created: int
    changed: int
    unchanged: int
    faults: tuple[Fault, ...]
    carry_out: Callable[[Session], None]
    remarks: tuple[Said, ...] = ()


class Planning(Protocol):
    """What takes the rows of a table one by one, and then judges them together."""

    created: int
    changed: int
    unchanged: int
    faults: list[Fault]
    remarks: list[Said]

    def take(self, record: Record) -> None: ...
    def judge(self) -> None: ...
    def carry_out(self, session: Session) -> None: ...


def planned(planning: Planning, records: Iterable[Record]) -> Plan:
    """What comes of all rows."""
    for record in records:
        planning.take(record)
    planning.judge()
    return Plan(
        planning.created,
        planning.changed,
        planning.unchanged,
        tuple(planning.faults),
        planning.carry_out,
        tuple(planning.remarks),
    )


@dataclass(frozen=True, slots=True)
class Importing:
    """The circumstances of an import."""

    doing: Doing
    """When, by whom, and under which rule for bells."""
    follow: bool = False
    """Whether planned lessons shall follow what changes under them."""
    may_try: bool = True
    """Whether something may be stored that is taken back at once."""


class HasToBeTried(Exception):
    """What rows would do is known only by doing it, and nothing may be stored."""


@dataclass
class Gathered(Generic[Thing]):
    """What the rows of a table of things would do, row by row."""

    new: list[Thing] = field(default_factory=list)
    changes: list[tuple[Thing, dict[str, Any]]] = field(default_factory=list)
    unchanged: int = 0
    faults: list[Fault] = field(default_factory=list)

    def take(
        self,
        record: Record,
        present: Thing | None,
        values: Mapping[str, Any],
        denied: Sequence[Fault],
        make: Callable[[], Thing],
        column: str,
    ) -> None:
        """Decide about a row whose cells are right: it changes nothing, or what is there, or adds what `make` makes.

        `denied` says why somebody may do neither; what a rule of the domain refuses is a fault of that column.
        """
        changes = differing(record, present, values) if present is not None else {}
        if present is not None and not changes:
            self.unchanged += 1
        elif denied:
            self.faults += denied
        elif present is not None:
            self.changes.append((present, changes))
        else:
            try:
                self.new.append(make())
            except AppError as error:
                self.faults.append(refused(record, column, error))

    def plan(self, carry_out: Callable[[Session], None]) -> Plan:
        """All of it, and how it is carried out."""
        return Plan(len(self.new), len(self.changes), self.unchanged, tuple(self.faults), carry_out)


def checked(
    schema: type[Model],
    record: Record,
    patterns: Mapping[str, str],
    columns: Mapping[str, str] | None = None,
    /,
    **fields: Any,
) -> Model | list[Fault]:
    """The fields as REST would take them, or what it would refuse.

    `patterns` names what a field that does not match its pattern is; `columns` the column of a field that is called
    otherwise.
    """
    try:
        return schema(**fields)
    except ValidationError as error:
        return [
            _refused(
                record, str(item["loc"][0]) if item["loc"] else None, item["type"], patterns, columns or {}
            )
            for item in error.errors(include_url=False, include_input=False)
        ]


def _refused(
    record: Record, field: str | None, kind: str, patterns: Mapping[str, str], columns: Mapping[str, str]
) -> Fault:
    code = _CODES.get(kind, "cell.invalid")
    if kind == "string_pattern_mismatch":
        code = patterns.get(field or "", "cell.bad_text")
    return record.fault(columns.get(field or "", field), code)


def refused(record: Record, column: str | None, error: AppError) -> Fault:
    """What a rule of a domain refused."""
    facts = {name: value for name, value in error.extra.items() if isinstance(value, str | int | float)}
    return Fault(record.row, column, error.code, facts, error.detail)


def not_allowed(
    principal: Principal, action: Action, unit: OrgUnit, record: Record, column: str
) -> list[Fault]:
    """The fault of a row about a unit at which somebody may not do such a thing; none where they may."""
    if allows(principal, action, target_of(unit)):
        return []
    return [record.fault(column, "access.denied")]


def twice(records: Iterable[Record], key: Callable[[Record], object], column: str) -> dict[int, Fault]:
    """By row: the rows that are about the same as an earlier one."""
    first: dict[object, int] = {}
    found: dict[int, Fault] = {}
    for record in records:
        earlier = first.setdefault(key(record), record.row)
        if earlier != record.row:
            found[record.row] = record.fault(column, "row.twice", first=earlier)
    return found


def differing(record: Record, thing: object, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that a thing has otherwise, as far as the file has columns of them."""
    return {
        name: value
        for name, value in values.items()
        if name in record.columns and _same(getattr(thing, name)) != _same(value)
    }


def _same(value: Any) -> Any:
    """A value as a table shows it: without blanks around it, and with one kind of line break."""
    if isinstance(value, str):
        return plain(value.replace("\r\n", "\n").replace("\r", "\n")) or None
    return value


def padded(codes: Iterable[str]) -> dict[str, str]:
    """The numbers that begin with a zero, by what a spreadsheet makes of them that takes it off."""
    return {code.lstrip("0") or "0": code for code in codes if code.startswith("0") and code.isdecimal()}


def no_unit(record: Record, column: str, code: str, units: Mapping[str, OrgUnit]) -> Fault:
    """The fault of a row whose unit is not there."""
    if other := padded(units).get(code):
        return zeros_lost(record, column, code, other)
    return record.fault(column, "org_unit.not_found", value=code[:40])


def zeros_lost(record: Record, column: str, code: str, other: str) -> Fault:
    """The fault of a row that has a code which is there with zeros before it: 7 where 007 is meant."""
    return record.fault(column, "code.zeros_lost", value=code[:40], other=other[:40])


def by_code(units: Sequence[OrgUnit]) -> dict[str, OrgUnit]:
    """Units by their codes."""
    return {unit.code: unit for unit in units}
