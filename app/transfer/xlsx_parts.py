"""What stands beside the cells of a workbook (ECMA-376): its sheets, its texts, and how styles show numbers."""

import posixpath
import re
from typing import Final

from app.transfer.tables import LONGEST_CELL, BadCell, BadFile, Cell, TableBuilder
from app.transfer.xml_files import Attributes, Reader

_LONGEST_FORMAT: Final = 255
"""Characters of a number format: spreadsheets keep no more."""
_DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})
"""The built-in number formats that show dates (ECMA-376 part 1 §18.8.30), those of Chinese editions included."""
_QUOTED: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_PADDED: Final = re.compile(r"(0{2,32})(?:_ ?|;@)?")
"""Formats that show a number with zeros before it, as codes have them."""
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""A character that XML cannot hold, or an underscore that would look like one (ST_Xstring, §22.9.2.19)."""
_LONGEST_TEXT: Final = LONGEST_CELL * len("_x0000_")
"""Characters of a text that are kept, so that one that is too long is known as such."""


class Pieces:
    """A text as a parser gives it away, and of one that is too long for a cell no more than tells so."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0

    def add(self, text: str) -> None:
        """The next piece."""
        if self._length <= _LONGEST_TEXT:
            self._pieces.append(text[: _LONGEST_TEXT + 1])
            self._length += len(text)

    def joined(self) -> str:
        """All of it."""
        return "".join(self._pieces)


def unescaped(text: str) -> Cell | None:
    """A text cell with its escaped characters as they are; those beyond U+FFFF are two, which belong together."""
    try:
        plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        plain = plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return BadCell("cell.unreadable")
    if "\0" in plain:
        return BadCell("cell.unreadable")
    if len(plain) > LONGEST_CELL:
        return BadCell("cell.too_long")
    return plain if plain.strip() else None


class Relations(Reader):
    """Which part of a workbook is where."""

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}
        self.kinds: dict[str, str] = {}

    def begin(self, name: str, attributes: Attributes) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/xl", attributes.get("Target", ""))).lstrip("/")
            self.targets[attributes.get("Id", "")] = target
            self.kinds["/" + attributes.get("Type", "").rpartition("/")[2]] = target


class Sheets(Reader):
    """The sheets of a workbook in their order, and from when it counts days."""

    def __init__(self) -> None:
        self.visible: list[tuple[str, str]] = []
        self.from_1904 = False

    def begin(self, name: str, attributes: Attributes) -> None:
        if name == "workbookPr":
            self.from_1904 = attributes.get("date1904") in ("1", "true")
        elif name == "sheet" and attributes.get("state", "visible") == "visible":
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            self.visible.append((attributes.get("name", ""), relation))


class Texts(Reader):
    """The texts that cells refer to. What tells how to pronounce them (rPh) is no part of them."""

    def __init__(self, builder: TableBuilder) -> None:
        self.found: list[Cell | None] = []
        self._builder = builder
        self._pieces = Pieces()
        self._taking = False
        self._aside = False

    def begin(self, name: str, attributes: Attributes) -> None:
        if name == "si":
            self._builder.count_cells()
            self._pieces = Pieces()
        self._aside = self._aside or name == "rPh"
        self._taking = name == "t" and not self._aside

    def end(self, name: str) -> None:
        if name == "si":
            self.found.append(unescaped(self._pieces.joined()))
        elif name == "rPh":
            self._aside = False
        self._taking = False

    def text(self, text: str) -> None:
        if self._taking:
            self._pieces.add(text)


class Styles(Reader):
    """Which styles show a number as a date, and which with how many digits at least."""

    def __init__(self) -> None:
        self.dates: set[int] = set()
        self.digits: dict[int, int] = {}
        self._own: set[int] = set()
        self._padded: dict[int, int] = {}
        self._index = 0
        self._inside = False

    def begin(self, name: str, attributes: Attributes) -> None:
        if name == "numFmt":
            self._learn(whole(attributes.get("numFmtId", "")), attributes.get("formatCode", ""))
        elif name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside:
            shown = whole(attributes.get("numFmtId", "0"))
            if shown in _DATE_FORMATS or shown in self._own:
                self.dates.add(self._index)
            elif shown in self._padded:
                self.digits[self._index] = self._padded[shown]
            self._index += 1

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._inside = False

    def _learn(self, number: int, code: str) -> None:
        if len(code) > _LONGEST_FORMAT:
            raise BadFile("file.xlsx_broken")
        if padded := _PADDED.fullmatch(code):
            self._padded[number] = len(padded[1])
        elif _shows_a_date(code):
            self._own.add(number)


def _shows_a_date(code: str) -> bool:
    bare = _QUOTED.sub("", code.partition(";")[0]).lower()
    return "general" not in bare and any(letter in bare for letter in "yd年月日")


def whole(text: str) -> int:
    """A number as attributes have them; 0 for anything else."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 9 else 0
