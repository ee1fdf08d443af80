"""What a class is required to be taught, and how much of it is planned: pure rules.

A plan says for each grade and subject how many periods a week there have to be. The county has one, a unit below
may differ from it grade by grade and subject by subject: the nearest unit that says anything decides.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from uuid import UUID

from app.timetables.grades import Taught

MOST_PERIODS = 40


@dataclass(frozen=True, slots=True)
class Periods:
    """Periods a week: how many are required, and how many of them the unit's own teachers give outside of here."""

    required: float
    own: float = 0


Plan = Mapping[tuple[int, str], Periods]
"""By grade and code of the subject."""


def effective(nearest_first: Sequence[Plan]) -> dict[tuple[int, str], Periods]:
    """What counts for a unit, given its own plan and those of the units above it."""
    return {key: periods for plan in reversed(nearest_first) for key, periods in plan.items()}


@dataclass(frozen=True, slots=True)
class Class:
    """Pupils who are taught together, or a grade of which no group is named."""

    unit_id: UUID
    group_id: UUID | None
    grades: tuple[int, ...]
    pupils: int


def classes_of(unit_id: UUID, pupils: Mapping[int, int], groups: Collection[Taught]) -> list[Class]:
    """The classes of a unit: its groups, and each grade with pupils that no group takes from."""
    named = [Class(unit_id, each.id, tuple(sorted(each.grades)), each.headcount) for each in groups]
    in_groups = {grade for each in groups for grade in each.grades}
    unnamed = [
        Class(unit_id, None, (grade,), heads)
        for grade, heads in sorted(pupils.items())
        if heads and grade not in in_groups
    ]
    return named + unnamed


class Line(NamedTuple):
    """One subject of one grade of a class over a term, in periods. A tuple: a county has some ten thousand."""

    unit_id: UUID
    group_id: UUID | None
    grade: int
    subject: str
    pupils: int
    required: float
    own: float
    """Given by the unit's own teachers."""
    planned: int
    """Lessons of the timetable, in all of the term."""

    @property
    def is_opened(self) -> bool:
        """Whether the subject is taught at all (开齐)."""
        return self.own > 0 or self.planned > 0

    @property
    def counted(self) -> float:
        """What counts of it against what is required (开足): more than required makes up for nothing else."""
        return min(self.own + self.planned, self.required)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Planned against required, line by line; every sum is one over its lines."""

    weeks: float
    """Teaching weeks of the term: its school days by the school days of a full week."""
    lines: tuple[Line, ...]
    unassigned: Mapping[tuple[UUID, str], int] = field(default_factory=dict)
    """Lessons that reach a unit, by subject, of which nobody can say for which of its classes."""

    def of_unit(self, unit_id: UUID) -> "Coverage":
        """The same for one unit."""
        return replace(
            self,
            lines=tuple(line for line in self.lines if line.unit_id == unit_id),
            unassigned={key: count for key, count in self.unassigned.items() if key[0] == unit_id},
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """Lessons of a term by what they reach: by group and subject, and by unit and subject where no group is named."""

    of_groups: Mapping[tuple[UUID, str], int]
    of_units: Mapping[tuple[UUID, str], int]


class Need(NamedTuple):
    """One subject of one grade of a class over a term, before any lesson is looked at."""

    unit_id: UUID
    group_id: UUID | None
    grade: int
    subject: str
    pupils: int
    required: float
    own: float
    alone: bool
    """No other class of the unit needs the subject: lessons that name no group are for this one."""

    def lessons(self, planned: Planned) -> int:
        """How many lessons count for it."""
        named = planned.of_groups.get((self.group_id, self.subject), 0) if self.group_id else 0
        return named + planned.of_units.get((self.unit_id, self.subject), 0) if self.alone else named


def needs_of(classes: Collection[Class], plans: Mapping[UUID, Plan], weeks: float) -> list[Need]:
    """What is required of each class by the plan of its unit, in the order of the classes."""
    asked: dict[tuple[int, tuple[int, ...]], list[tuple[int, str, Periods]]] = {}  # units share few plans
    for each in classes:
        plan = plans[each.unit_id]
        if (id(plan), each.grades) not in asked:
            asked[id(plan), each.grades] = [
                (grade, subject, periods)
                for (grade, subject), periods in sorted(plan.items())
                if grade in each.grades and periods.required > 0
            ]
    of_class = [(each, asked[id(plans[each.unit_id]), each.grades]) for each in classes]
    needing = Counter(
        (each.unit_id, subject)
        for each, there in of_class
        for subject in {subject for _, subject, _ in there}
    )
    return [
        Need(
            each.unit_id, each.group_id, grade, subject, each.pupils,
            periods.required * weeks, periods.own * weeks, needing[each.unit_id, subject] == 1,
        )
        for each, there in of_class
        for grade, subject, periods in there
    ]  # fmt: skip


def cover(classes: Collection[Class], plans: Mapping[UUID, Plan], planned: Planned, weeks: float) -> Coverage:
    """Set what is planned beside what is required of each class, by the plan of its unit.

    Lessons that name no group count for the only class of the unit that needs the subject, if there is just one.
    """
    return covered(needs_of(classes, plans, weeks), planned, weeks)


def covered(needs: Sequence[Need], planned: Planned, weeks: float) -> Coverage:
    """The same for needs that are known; its lines are in their order."""
    lines = [
        Line(
            each.unit_id, each.group_id, each.grade, each.subject, each.pupils, each.required, each.own,
            each.lessons(planned),
        )
        for each in needs
    ]  # fmt: skip
    alone = {(each.unit_id, each.subject) for each in needs if each.alone}
    unassigned = {key: count for key, count in planned.of_units.items() if key not in alone}
    return Coverage(weeks, tuple(lines), unassigned)
