"""What a class is required to be taught, and how much of it is planned: pure rules.

A plan says for each grade and subject how many periods a week there have to be. The county has one, a unit below
may differ from it grade by grade and subject by subject: the nearest unit that says anything decides.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from app.timetables.grades import GroupCount

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


def classes_of(unit_id: UUID, pupils: Mapping[int, int], groups: Collection[GroupCount]) -> list[Class]:
    """The classes of a unit: its groups, and each grade with pupils that no group takes from."""
    named = [Class(unit_id, each.id, tuple(sorted(each.grades)), each.headcount) for each in groups]
    in_groups = {grade for each in groups for grade in each.grades}
    unnamed = [
        Class(unit_id, None, (grade,), heads)
        for grade, heads in sorted(pupils.items())
        if heads and grade not in in_groups
    ]
    return named + unnamed


class Count(NamedTuple):
    """Lessons of a term, and seconds of them."""

    planned: int
    due: int = 0
    """Of the planned, those that are over by now."""
    delivered: int = 0
    """Those that were held and reached whom they are for."""
    due_seconds: int = 0
    """Of those that are over, as planned."""
    delivered_seconds: int = 0
    """Of those that were delivered, as they were received."""

    def plus(self, other: "Count") -> "Count":
        """Both together."""
        return Count(*(one + another for one, another in zip(self, other, strict=True)))


NOTHING = Count(0)
Counts = Mapping[UUID, Mapping[str, Count]]
"""By group or unit, and by subject."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Lessons of a term by what they reach: by group, and by unit where no group is named."""

    of_groups: Counts
    of_units: Counts


class Balance(NamedTuple):
    """What one subject of one grade of a class requires over a term, and what there is of it so far, in periods."""

    required: float
    own: float
    """Given by the unit's own teachers, who are taken at their word."""
    lessons: Count = NOTHING
    """Of the timetable, in all of the term."""

    @property
    def is_opened(self) -> bool:
        """Whether the subject is taught at all (开齐)."""
        return self.own > 0 or self.lessons.planned > 0

    @property
    def is_opened_by_delivery(self) -> bool:
        """Whether it has been taught at all."""
        return self.own > 0 or self.lessons.delivered > 0

    @property
    def counted(self) -> float:
        """What counts of it against what is required (开足): more than required makes up for nothing else."""
        return min(self.own + self.lessons.planned, self.required)

    @property
    def delivered_counted(self) -> float:
        """What counts of what was delivered."""
        return min(self.own + self.lessons.delivered, self.required)


class Cell(NamedTuple):
    """One subject of one grade of a class over a term. A tuple, since a county has some ten thousand."""

    unit_id: UUID
    group_id: UUID | None
    grade: int
    subject: str
    pupils: int
    balance: Balance


_Asked = Sequence[tuple[int, str, Balance]]
"""Grade, subject, and what is required, before any lesson is looked at."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Planned against required, cell by cell; every sum is one over its cells."""

    weeks: float
    """Teaching weeks of the term: its school days by the school days of a full week."""
    classes: Sequence[tuple[Class, _Asked, Mapping[str, Count]]]
    """With what is asked of each, and the lessons that count for it."""
    unassigned: Mapping[tuple[UUID, str], int] = field(default_factory=dict)
    """Lessons that reach a unit, by subject, of which nobody can say for which of its classes."""

    def cells(self) -> Iterator[Cell]:
        """In the order of the classes. Made one by one: to keep a county's takes longer than to make them again."""
        for each, asked, lessons in self.classes:
            unit_id, group_id, pupils = each.unit_id, each.group_id, each.pupils
            for grade, subject, balance in asked:
                if subject in lessons:
                    balance = balance._replace(lessons=lessons[subject])
                yield Cell(unit_id, group_id, grade, subject, pupils, balance)


def cover(classes: Collection[Class], plans: Mapping[UUID, Plan], reached: Reached, weeks: float) -> Coverage:
    """Set what is planned beside what is required of each class by the plan of its unit, in the order of the classes.

    Lessons that name no group count for the only class of the unit that needs the subject, if there is just one.
    """
    shared: dict[tuple[int, tuple[int, ...]], _Asked] = {}  # units share few plans
    of_class: list[tuple[Class, _Asked]] = []
    needing: Counter[tuple[UUID, str]] = Counter()
    for each in classes:
        plan = plans[each.unit_id]
        if (key := (id(plan), each.grades)) not in shared:
            shared[key] = _asked(plan, each.grades, weeks)
        asked = shared[key]
        of_class.append((each, asked))
        if each.unit_id in reached.of_units:
            needing.update((each.unit_id, subject) for subject in {subject for _, subject, _ in asked})
    unassigned = {
        (unit_id, subject): count.planned
        for unit_id, counts in reached.of_units.items()
        for subject, count in counts.items()
        if needing[unit_id, subject] != 1
    }
    found = [(each, asked, _lessons_of(each, reached, needing)) for each, asked in of_class]
    return Coverage(weeks, found, unassigned)


def _asked(plan: Plan, grades: Collection[int], weeks: float) -> _Asked:
    """What a plan requires of a class: in hundredths, as it is shown, since figures are sums of what is shown."""
    return [
        (grade, subject, Balance(round(periods.required * weeks, 2), round(periods.own * weeks, 2)))
        for (grade, subject), periods in sorted(plan.items())
        if grade in grades and periods.required > 0
    ]


def _lessons_of(
    each: Class, reached: Reached, needing: Mapping[tuple[UUID, str], int]
) -> Mapping[str, Count]:
    """The lessons that count for a class, by subject."""
    named = reached.of_groups.get(each.group_id, {}) if each.group_id else {}
    unnamed = reached.of_units.get(each.unit_id)
    if not unnamed:
        return named
    alone = {key: count for key, count in unnamed.items() if needing[each.unit_id, key] == 1}
    return {**named, **{key: count.plus(named.get(key, NOTHING)) for key, count in alone.items()}}
