"""Whom a change concerns, and what is kept of it: pure rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

Facts = Mapping[str, Any]

MOST_ITEMS: Final = 20
"""So many changes of one act are shown in a notice; the others are counted."""
MOST_KEPT: Final = 500
"""So many notices are kept for one person, the newest."""

_SHOWN: Final = (
    "date",
    "weekday",
    "period",
    "starts_at",
    "ends_at",
    "title",
    "subject",
    "school_id",
    "main_room_id",
    "teacher_id",
)


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whom a change concerns: these people, and whoever looks after these org units."""

    people: frozenset[UUID]
    units: frozenset[UUID]
    """The school that gives the lesson and the sites that receive it, before and after."""


def concerned(*states: Facts | None) -> Concerned:
    """Whom the states of a lesson concern: who teaches or was to teach it, and the places it is given at."""
    people, units = set[UUID](), set[UUID]()
    for facts in states:
        if facts is None:
            continue
        people |= {UUID(facts[key]) for key in ("teacher_id", "substitute_for") if facts.get(key)}
        units |= {UUID(facts["school_id"]), *(UUID(each["site_id"]) for each in facts["sites"])}
    return Concerned(frozenset(people), frozenset(units))


def readers(
    whom: Concerned, holders: Mapping[UUID, Iterable[UUID]], paths: Mapping[UUID, Iterable[UUID]]
) -> frozenset[UUID]:
    """The people to be told: `holders` are those who look after a unit, `paths` lead to each unit from the county."""
    looking_after = (holders.get(unit, ()) for each in whom.units for unit in paths.get(each, ()))
    return whom.people.union(*looking_after)


def kept_of(facts: Facts | None) -> dict[str, Any] | None:
    """What a notice keeps of a lesson; ids, no names."""
    if facts is None:
        return None
    kept = {key: facts[key] for key in _SHOWN if facts.get(key) is not None}
    return kept | {"sites": [each["site_id"] for each in facts["sites"]]}
