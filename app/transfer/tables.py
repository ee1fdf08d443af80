"""What every table file is read into: rows of cells, each at the place where a spreadsheet shows it.

Readers raise `BadFile` when nothing of a file can be used. What is wrong with one cell is kept in the cell, so that all
bad rows can be listed at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

MOST_ROWS: Final = 20_000
"""Rows of one table that hold anything."""
MOST_COLUMNS: Final = 64
MOST_CELLS: Final = 1_000_000
"""Cells of one sheet, empty ones that only have a format included."""
LONGEST_CELL: Final = 8_000
MOST_EXACT: Final = 10**15
"""Spreadsheets keep 15 digits of a number; those after it are gone."""


@dataclass(frozen=True, slots=True)
class BadCell:
    """A cell whose content cannot be known."""

    code: str


Cell = str | float | bool | date | BadCell
"""What a cell holds; an empty one is not kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row by its number, as a spreadsheet counts from 1, with its cells by column, counted from 0."""

    number: int
    cells: Mapping[int, Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file that hold anything, from the top."""

    rows: tuple[Row, ...]
    name: str = ""
    """Of the sheet or of the file in a bundle."""
    others: tuple[str, ...] = ()
    """Further sheets that hold something: they are not read."""


class BadFile(Exception):
    """A file that cannot be read as a table at all; `code` names a text, `facts` fill it.

    `file` among them is which of a bundle.
    """

    def __init__(self, code: str, **facts: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


@dataclass(slots=True)
class TableBuilder:
    """Collects rows as a reader finds them, and stops a reader that finds too much; raises `BadFile`."""

    rows: list[Row] = field(default_factory=list)
    _cells: int = 0

    def count_cells(self, number: int = 1) -> None:
        """Count cells that were looked at."""
        self._cells += number
        if self._cells > MOST_CELLS:
            raise BadFile("file.too_many_cells", most=MOST_CELLS)

    def add(self, number: int, cells: Mapping[int, Cell]) -> None:
        """Keep a row, unless nothing is in it."""
        if not cells:
            return
        if max(cells) >= MOST_COLUMNS:
            raise BadFile("file.too_many_columns", most=MOST_COLUMNS, row=number)
        if len(self.rows) >= MOST_ROWS:
            raise BadFile("file.too_many_rows", most=MOST_ROWS)
        self.rows.append(Row(number, cells))

    def table(self, name: str = "", others: tuple[str, ...] = ()) -> Table:
        """All that was kept."""
        return Table(tuple(self.rows), name, others)


def letters(column: int) -> str:
    """The letters over a column, counted from 0: A, B, … Z, AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def place(row: int, column: int) -> str:
    """What a spreadsheet calls a cell, such as C7."""
    return f"{letters(column)}{row}"
