"""From what classes are required to be taught and what they are taught to rates that add up: pure rules.

Everything is counted in *cells*: one subject of one grade of one class over a term. A cell is the line of the list
behind every figure; each figure is the sum of its cells, so whatever a county is divided by adds up to the same.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TypeVar
from uuid import UUID

from app.timetables.curriculum_rules import Balance, Cell, Class

Key = TypeVar("Key", bound=Hashable)
Order = tuple[str, int, str, str]


def order_of(cell: Cell, places: Mapping[UUID, str]) -> Order:
    """A cell's place in lists, by unit, grade, class and subject; no two cells of a county have the same."""
    return places[cell.unit_id], cell.grade, str(cell.group_id or ""), cell.subject


def order_of_class(each: Class, places: Mapping[UUID, str]) -> tuple[str, str, str]:
    """A class's place in lists likewise."""
    grades = ",".join(f"{grade:02}" for grade in each.grades)
    return places[each.unit_id], grades, str(each.group_id or "")


def minutes(seconds: int) -> int:
    """Seconds as the reports show them. Figures are sums of what is shown."""
    return round(seconds / 60)


@dataclass(slots=True)
class Figures:
    """Sums over cells; periods of the whole term."""

    cells: int = 0
    opened: int = 0
    """Cells that have lessons planned, or the unit's own teachers."""
    opened_delivered: int = 0
    required: float = 0
    own: float = 0
    """Given by the units' own teachers."""
    planned: int = 0
    counted: float = 0
    """Own and planned, in each cell at most what is required: too much English makes up for no music."""
    due: int = 0
    delivered: int = 0
    delivered_counted: float = 0
    due_minutes: int = 0
    delivered_minutes: int = 0

    def add(self, cell: Balance, times: int = 1) -> None:
        """Take in one more cell, or several that are alike."""
        lessons = cell.lessons
        self.cells += times
        self.opened += cell.is_opened * times
        self.opened_delivered += cell.is_opened_by_delivery * times
        self.required = _exact(self.required + cell.required * times)
        self.own = _exact(self.own + cell.own * times)
        self.planned += lessons.planned * times
        self.counted = _exact(self.counted + cell.counted * times)
        self.due += lessons.due * times
        self.delivered += lessons.delivered * times
        self.delivered_counted = _exact(self.delivered_counted + cell.delivered_counted * times)
        self.due_minutes += minutes(lessons.due_seconds) * times
        self.delivered_minutes += minutes(lessons.delivered_seconds) * times

    @property
    def opening_rate(self) -> float | None:
        """开课率: the share of required subjects that are taught; None: nothing is required."""
        return _share(self.opened, self.cells)

    @property
    def opening_rate_delivered(self) -> float | None:
        """The same by what was delivered."""
        return _share(self.opened_delivered, self.cells)

    @property
    def full_hours_rate(self) -> float | None:
        """开足率: the share of required periods that are planned."""
        return _share(self.counted, self.required)

    @property
    def full_hours_rate_delivered(self) -> float | None:
        """The same by what was delivered, of all that the whole term requires."""
        return _share(self.delivered_counted, self.required)


def total(parts: Iterable[Figures]) -> Figures:
    """The figures of all parts together."""
    found = Figures()
    for part in parts:
        for field in fields(Figures):
            setattr(found, field.name, _exact(getattr(found, field.name) + getattr(part, field.name)))
    return found


def divided(cells: Iterable[Cell], key: Callable[[Cell], Key]) -> dict[Key, Figures]:
    """The figures by what the cells are divided by; together they are those of all cells.

    A county's classes are required much the same: cells that are alike are added at once.
    """
    alike = Counter((key(cell), cell.balance) for cell in cells)
    found: dict[Key, Figures] = {}
    for (part, balance), times in alike.items():
        if part not in found:
            found[part] = Figures()
        found[part].add(balance, times)
    return found


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _exact(periods: float) -> float:
    """A sum of hundredths without what adding up binary fractions leaves behind."""
    return round(periods, 2)
