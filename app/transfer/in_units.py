"""What belongs to an org unit and is known there by one column: rooms by their code, pupil groups by their name."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.schools import bulk
from app.schools.models import OrgUnit, PupilGroup, Room
from app.transfer.columns import Record
from app.transfer.plans import (
    NOBODY,
    Gathered,
    Model,
    Plan,
    by_code,
    checked,
    no_unit,
    not_allowed,
    padded,
    twice,
    zeros_lost,
)

Belonging = TypeVar("Belonging", bound=Room | PupilGroup)


@dataclass(frozen=True)
class InUnits(Generic[Belonging, Model]):
    """What is peculiar to one kind of such things."""

    schema: type[Model]
    """What REST takes for a new one; the columns are called as its fields, but for `org_unit`."""
    known_by: str
    """The column by which one is known in its unit."""
    may_change: tuple[str, ...]
    """The fields that a row changes of one that is there."""
    adds: Action
    refused_at: str
    """The column that is to blame when the unit cannot have such a thing."""
    there: Callable[[Session, Principal], Sequence[Belonging]]
    """What the county has of them."""
    make: Callable[[OrgUnit, Model], Belonging]
    """One that is not stored yet; raises what the rules of the domain refuse."""
    store: Callable[[Session, Principal, Sequence[Belonging]], None]
    patterns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    """The fields that never change, each with the code of who tries."""

    def plan(self, session: Session, principal: Principal, records: Sequence[Record]) -> Plan:
        """What the rows would do to the county's things of this kind."""
        units = by_code(bulk.all_units(session, principal.county_id))
        there = {self._key(each): each for each in self.there(session, principal)}
        known: dict[UUID, list[str]] = defaultdict(list)
        for unit_id, name in there:
            known[unit_id].append(name)
        cut = {unit_id: padded(names) for unit_id, names in known.items()}
        found = Gathered[Belonging]()
        again = twice(
            records, lambda record: (record.values["org_unit"], record.values[self.known_by]), self.known_by
        )
        found.faults += again.values()
        for record in records:
            if record.row not in again:
                self._take(found, principal, units, there, cut, record)

        def carry_out(session: Session) -> None:
            self.store(session, principal, found.new)
            bulk.change(session, principal, found.changes)

        return found.plan(carry_out)

    def _key(self, thing: Any) -> tuple[UUID, str]:
        return thing.org_unit_id, getattr(thing, self.known_by)

    def _take(
        self,
        found: Gathered[Belonging],
        principal: Principal,
        units: Mapping[str, OrgUnit],
        there: Mapping[tuple[UUID, str], Belonging],
        cut: Mapping[UUID, Mapping[str, str]],
        record: Record,
    ) -> None:
        above = record.values["org_unit"]
        unit = units.get(above)
        if unit is None:
            found.faults.append(no_unit(record, "org_unit", above, units))
        said = {key: value for key, value in record.values.items() if key != "org_unit" and value is not None}
        new = checked(
            self.schema, record, self.patterns, {"org_unit_id": "org_unit"},
            org_unit_id=unit.id if unit else NOBODY, **said,
        )  # fmt: skip
        if isinstance(new, list):
            found.faults += new
            return
        if unit is None:
            return
        name = getattr(new, self.known_by)
        present = there.get((unit.id, name))
        if present is None and (other := cut.get(unit.id, {}).get(name)):
            found.faults.append(zeros_lost(record, self.known_by, name, other))
            return
        for column, code in self.fixed.items():
            if present is not None and getattr(present, column) != getattr(new, column):
                found.faults.append(record.fault(column, code))
                return
        found.take(
            record,
            present,
            {name: getattr(new, name) for name in self.may_change},
            not_allowed(principal, self.adds, unit, record, "org_unit"),
            lambda: self.make(unit, new),
            self.refused_at,
        )
