"""What a class is required to be taught, and how much of it is planned: pure rules.

A plan says for each grade and subject how many periods a week there have to be. The county has one, a unit below
may differ from it grade by grade and subject by subject: the nearest unit that says anything decides.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True)
class Line:
    """One subject of one grade of a class over a term, in periods."""

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


def cover(classes: Iterable[Class], plans: Mapping[UUID, Plan], planned: Planned, weeks: float) -> Coverage:
    """Set what is planned beside what is required of each class, by the plan of its unit.

    Lessons that name no group count for the only class of the unit that needs the subject, if there is just one.
    """
    needing: dict[tuple[UUID, str], list[Class]] = {}
    for each in classes:
        for subject in {subject for _, subject in _required(each, plans[each.unit_id])}:
            needing.setdefault((each.unit_id, subject), []).append(each)
    lines: list[Line] = []
    unassigned = dict(planned.of_units)
    for (unit_id, subject), there in needing.items():
        alone = unassigned.pop((unit_id, subject), 0) if len(there) == 1 else 0
        for each in there:
            named = 0 if each.group_id is None else planned.of_groups.get((each.group_id, subject), 0)
            lines += _lines(each, subject, plans[unit_id], weeks, named + alone)
    return Coverage(weeks, tuple(lines), unassigned)


def _lines(each: Class, subject: str, plan: Plan, weeks: float, planned: int) -> list[Line]:
    return [
        Line(
            each.unit_id, each.group_id, grade, subject, each.pupils,
            plan[grade, wanted].required * weeks, plan[grade, wanted].own * weeks, planned,
        )
        for grade, wanted in _required(each, plan)
        if wanted == subject
    ]  # fmt: skip


def _required(each: Class, plan: Plan) -> list[tuple[int, str]]:
    return sorted(key for key, periods in plan.items() if key[0] in each.grades and periods.required > 0)
