"""What an import would do: found out completely before anything is stored."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action, allows
from app.accounts.rules import Principal
from app.errors import AppError
from app.schools.models import OrgUnit
from app.schools.service import target_of
from app.transfer.columns import Fault, Record, plain

Model = TypeVar("Model", bound=BaseModel)
NOBODY: Final = uuid.UUID(int=0)
"""Stands for an id that a row has none for, while its other cells are looked at."""

# What pydantic says, in our words.
_CODES: Final = {
    "string_too_long": "cell.bad_text",
    "greater_than": "cell.out_of_range",
    "greater_than_equal": "cell.out_of_range",
    "less_than": "cell.out_of_range",
    "less_than_equal": "cell.out_of_range",
    "time_zone": "cell.bad_time_zone",
    "days_in_order": "days_in_order",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of the rows of a file, and how it is carried out when there are no faults."""

    created: int
    changed: int
    unchanged: int
    faults: tuple[Fault, ...]
    carry_out: Callable[[Session], None]


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
    return Fault(record.row, column, error.code, {}, error.detail)


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


def by_code(units: Sequence[OrgUnit]) -> dict[str, OrgUnit]:
    """Units by their codes."""
    return {unit.code: unit for unit in units}
