"""From what classes are required to be taught and what they are taught to rates that add up: pure rules.

Everything is counted in *cells*: one subject of one grade of one class over a term. A cell is the line of the list
behind every figure; each figure is the sum of its cells, so whatever a county is divided by adds up to the same.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, TypeVar

from app.lessons.tallies import Reached
from app.timetables.curriculum_rules import Class, Line, Need

Key = TypeVar("Key", bound=Hashable)
Order = tuple[str, str, int, str]


class Cell(NamedTuple):
    """One subject of one grade of a class: required and planned, and what became of it so far."""

    line: Line
    due: int
    """Lessons of those planned whose time is over."""
    delivered: int
    """Lessons that were held and reached the class."""
    due_minutes: int = 0
    """Of those that are over, as planned."""
    delivered_minutes: int = 0
    """In which the class was taught; breaks are none."""

    @property
    def order(self) -> Order:
        """Its place in lists; no two cells of a county have the same."""
        return str(self.line.unit_id), str(self.line.group_id or ""), self.line.grade, self.line.subject

    @property
    def is_opened_by_delivery(self) -> bool:
        """Whether the subject has been taught at all."""
        return self.line.own > 0 or self.delivered > 0

    @property
    def delivered_counted(self) -> float:
        """What counts of what was delivered; the unit's own teachers are taken at their word."""
        return min(self.line.own + self.delivered, self.line.required)


def in_order(classes: Iterable[Class]) -> list[Class]:
    """Classes so that their cells come in the order of lists."""
    return sorted(classes, key=lambda each: (str(each.unit_id), str(each.group_id or ""), each.grades))


def cells_of(planned: Sequence[Line], needs: Sequence[Need], reached: Reached) -> list[Cell]:
    """The lines of what is planned for some needs, with what is over and what was delivered."""
    together = zip(planned, needs, strict=True)
    return [_cell(line, need, reached) for line, need in together]


def _cell(line: Line, need: Need, reached: Reached) -> Cell:
    # Nine of ten have no lessons at all: nothing is looked up for them.
    if not line.planned or not (due := need.lessons(reached.due)):
        return Cell(line, 0, 0)
    return Cell(
        line,
        due,
        need.lessons(reached.delivered),
        minutes(need.lessons(reached.due_seconds)),
        minutes(need.lessons(reached.delivered_seconds)),
    )


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

    def add(self, cell: Cell) -> None:
        """Take in one more cell."""
        line = cell.line
        self.cells += 1
        self.opened += line.is_opened
        self.opened_delivered += cell.is_opened_by_delivery
        self.required += line.required
        self.own += line.own
        self.planned += line.planned
        self.counted += line.counted
        self.due += cell.due
        self.delivered += cell.delivered
        self.delivered_counted += cell.delivered_counted
        self.due_minutes += cell.due_minutes
        self.delivered_minutes += cell.delivered_minutes

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
            setattr(found, field.name, getattr(found, field.name) + getattr(part, field.name))
    return found


def divided(cells: Iterable[Cell], key: Callable[[Cell], Key]) -> dict[Key, Figures]:
    """The figures by what the cells are divided by; together they are those of all cells."""
    found: dict[Key, Figures] = {}
    for cell in cells:
        part = key(cell)
        figures = found.get(part)
        if figures is None:
            figures = found[part] = Figures()
        figures.add(cell)
    return found


def after(cells: Sequence[Cell], last: Order) -> list[Cell]:
    """The cells behind one in the order of lists."""
    return list(cells[bisect_right(cells, last, key=lambda cell: cell.order) :])


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
