"""The cells of a sheet, each as its reader sees it; one that cannot be known is a `BadCell`."""

import math
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from app.transfer.tables import MOST_EXACT, BadCell, BadFile, Cell, TableBuilder
from app.transfer.xlsx_parts import Pieces, Styles, unescaped, whole
from app.transfer.xml_files import Attributes, Reader

MOST_MERGED: Final = 1_000
_LAST_SERIAL: Final = 2_958_465  # 9999-12-31
REFERENCE: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
"""Where a cell stands, such as C7."""


@dataclass(slots=True)
class _Seen:
    """A cell as far as it has been read."""

    column: int
    kind: str
    style: int
    value: Pieces = field(default_factory=Pieces)
    has_value: bool = False
    has_formula: bool = False


class Sheet(Reader):
    """The cells of a sheet."""

    def __init__(
        self, texts: list[Cell | None], styles: Styles, from_1904: bool, builder: TableBuilder
    ) -> None:
        self._texts, self._styles, self._from_1904, self._builder = texts, styles, from_1904, builder
        self._row = 0
        self._column = -1
        self._cells: dict[int, Cell] = {}
        self._seen: _Seen | None = None
        self._taking = False
        self._aside = False
        self.merged: list[str] = []

    def begin(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            self._begin_cell(attributes)
        elif name == "row":
            self._row = whole(attributes.get("r", "")) or self._row + 1
            self._column, self._cells = -1, {}
        elif name == "mergeCell":
            self.merged.append(attributes.get("ref", ""))
            if len(self.merged) > MOST_MERGED:
                raise BadFile("file.too_many_merged", most=MOST_MERGED)
        elif self._seen is not None:
            self._aside = self._aside or name == "rPh"
            self._taking = name == "v" or (name == "t" and not self._aside)
            self._seen.has_value = self._seen.has_value or self._taking
            self._seen.has_formula = self._seen.has_formula or name == "f"

    def _begin_cell(self, attributes: Attributes) -> None:
        self._builder.count_cells()
        found = REFERENCE.fullmatch(attributes.get("r", ""))
        self._column = column_of(found[1]) if found else self._column + 1
        self._seen = _Seen(self._column, attributes.get("t", "n"), whole(attributes.get("s", "0")))

    def end(self, name: str) -> None:
        self._taking = False
        if name == "rPh":
            self._aside = False
        elif name == "c" and self._seen is not None:
            cell = self._cell(self._seen)
            if cell is not None:
                self._cells[self._seen.column] = cell
            self._seen = None
        elif name == "row":
            self._builder.add(self._row, self._cells)

    def text(self, text: str) -> None:
        if self._taking and self._seen is not None:
            self._seen.value.add(text)

    def _cell(self, seen: _Seen) -> Cell | None:
        text = seen.value.joined()
        if not text.strip():
            # Only a text may be empty: of programs that do not calculate, some write <v/> and some nothing.
            lacks_result = seen.has_formula and not (seen.has_value and seen.kind == "str")
            return BadCell("cell.formula_without_result") if lacks_result else None
        if seen.kind == "s":
            index = whole(text)
            return self._texts[index] if index < len(self._texts) else None
        if seen.kind in ("str", "inlineStr"):
            return unescaped(text)
        if seen.kind == "e":
            return BadCell("cell.formula_failed")
        if seen.kind == "b":
            return text == "1"
        return self._number(text, seen)

    def _number(self, text: str, seen: _Seen) -> Cell:
        if seen.kind == "d":
            text, _, _ = text.partition("T")
        try:
            if seen.kind == "d":
                return date.fromisoformat(text)
            number = float(text)
        except ValueError:
            return BadCell("cell.unreadable")
        if not math.isfinite(number):
            return BadCell("cell.unreadable")
        if seen.style in self._styles.dates and not 0 <= number < 1:  # less than a day is a time of it
            return day_of_serial(number, self._from_1904) or BadCell("cell.no_date")
        digits = self._styles.digits.get(seen.style)
        if digits and 0 <= number < MOST_EXACT and number == int(number):
            return f"{int(number):0{digits}}"
        return number


def column_of(name: str) -> int:
    """The column under these letters, counted from 0."""
    number = 0
    for letter in name:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def day_of_serial(number: float, from_1904: bool = False) -> date | None:
    """The day of a number that counts days, as spreadsheets do; None when it counts none, or stands for a time too.

    Lotus took 1900 for a leap year, and Excel kept it so; days before March of that year are refused.
    """
    if number != int(number) or not 61 <= number <= _LAST_SERIAL:
        return None
    start = date(1904, 1, 1) if from_1904 else date(1899, 12, 30)
    try:
        return start + timedelta(days=int(number))
    except OverflowError:
        return None
