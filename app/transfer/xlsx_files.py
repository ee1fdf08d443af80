"""XLSX files (ECMA-376), read as a stream of XML with a bound on everything. Why not with a library: decision 0050.

A sheet holds numbers for dates, references for texts, and the last result beside a formula. Here a cell becomes what
its reader sees; one that cannot be known becomes a `BadCell`.
"""

import math
import posixpath
import re
import struct
import zipfile
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from xml.parsers import expat

from app.transfer.tables import (
    LONGEST_CELL,
    MOST_CELLS,
    MOST_COLUMNS,
    BadCell,
    BadFile,
    Cell,
    Row,
    Table,
    TableBuilder,
)

MOST_ENTRIES: Final = 1_000
MOST_UNZIPPED: Final = 64 * 1024 * 1024
MOST_OF_SMALL: Final = 4 * 1024 * 1024
"""Bytes of the parts that only describe: formats, relations, the list of sheets."""
MOST_MERGED: Final = 1_000
_LONGEST_FORMAT: Final = 255
"""Characters of a number format: spreadsheets keep no more."""
_PIECE: Final = 64 * 1024
_LAST_SERIAL: Final = 2_958_465  # 9999-12-31
_DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})
"""The built-in number formats that show dates (ECMA-376 part 1 §18.8.30), those of Chinese editions included."""
_QUOTED: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""A character that XML cannot hold, or an underscore that would look like one (ST_Xstring, §22.9.2.19)."""
_STRINGS: Final = "/sharedStrings"
_STYLES: Final = "/styles"


# What zipfile and expat raise for archives that were damaged, or made to do damage.
BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, expat.ExpatError, struct.error,
    EOFError, KeyError, NotImplementedError, OverflowError, RuntimeError, ValueError,
)  # fmt: skip


def read_xlsx(path: Path) -> Table:
    """The first visible sheet of a workbook; raises `BadFile`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _Workbook(Parts(archive)).first_sheet()
    except BROKEN:
        raise BadFile("file.xlsx_broken") from None


class Parts:
    """The files in a ZIP archive, with a bound on what they become."""

    def __init__(self, archive: zipfile.ZipFile, most_bytes: int = MOST_UNZIPPED) -> None:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES or sum(each.file_size for each in entries) > most_bytes:
            raise BadFile("file.zip_bomb", most=most_bytes // (1024 * 1024))
        if any(each.flag_bits & 1 for each in entries):
            raise BadFile("file.encrypted")
        if any(
            each.header_offset < 0 for each in entries
        ):  # zipfile would ask the disk for what is before it
            raise zipfile.BadZipFile
        if any(each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for each in entries):
            raise BadFile("file.xlsx_broken")
        self._archive = archive
        self._left = most_bytes
        self.names = {each.filename for each in entries}

    def feed(self, name: str, take: Callable[[bytes], object], most: int | None = None) -> None:
        """Give a file away piece by piece; raises `BadFile` when it is longer than it may be."""
        left = self._left if most is None else most
        with self._archive.open(name) as file:
            while piece := file.read(_PIECE):
                self._left -= len(piece)
                left -= len(piece)
                if min(left, self._left) < 0:
                    raise BadFile("file.zip_bomb", most=MOST_UNZIPPED // (1024 * 1024))
                take(piece)

    def read(self, name: str) -> bytes:
        """The whole of a file."""
        pieces: list[bytes] = []
        self.feed(name, pieces.append)
        return b"".join(pieces)


Attributes = dict[str, str]


class _Reader:
    """What is told of the elements of an XML file, by their names without prefixes."""

    def begin(self, name: str, attributes: Attributes) -> None:
        """An element starts."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """Some of an element's text."""


def _parse(parts: Parts, name: str, reader: _Reader, most: int | None = MOST_OF_SMALL) -> None:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_doctype  # without it there are no entities to expand
    parser.StartElementHandler = lambda tag, attributes: reader.begin(tag.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda tag: reader.end(tag.rpartition(":")[2])
    parser.CharacterDataHandler = reader.text
    parts.feed(name, lambda piece: parser.Parse(piece, False), most)
    parser.Parse(b"", True)


def _no_doctype(*_: object) -> None:
    raise BadFile("file.xlsx_broken")


class _Relations(_Reader):
    """Which part of a workbook is where."""

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}
        self.kinds: dict[str, str] = {}

    def begin(self, name: str, attributes: Attributes) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/xl", attributes.get("Target", ""))).lstrip("/")
            self.targets[attributes.get("Id", "")] = target
            self.kinds["/" + attributes.get("Type", "").rpartition("/")[2]] = target


class _Sheets(_Reader):
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


class _Texts(_Reader):
    """The texts that cells refer to. What tells how to pronounce them (rPh) is no part of them."""

    def __init__(self, builder: TableBuilder) -> None:
        self.found: list[str] = []
        self._builder = builder
        self._pieces: list[str] = []
        self._taking = False
        self._aside = False

    def begin(self, name: str, attributes: Attributes) -> None:
        if name == "si":
            self._builder.count_cells()
            self._pieces = []
        self._aside = self._aside or name == "rPh"
        self._taking = name == "t" and not self._aside

    def end(self, name: str) -> None:
        if name == "si":
            self.found.append("".join(self._pieces))
        elif name == "rPh":
            self._aside = False
        self._taking = False

    def text(self, text: str) -> None:
        if self._taking:
            self._pieces.append(text)


class _Styles(_Reader):
    """Which styles show a number as a date."""

    def __init__(self) -> None:
        self.dates: set[int] = set()
        self._own: set[int] = set()
        self._index = 0
        self._inside = False

    def begin(self, name: str, attributes: Attributes) -> None:
        if name == "numFmt" and _shows_a_date(attributes.get("formatCode", "")):
            self._own.add(_whole(attributes.get("numFmtId", "")))
        elif name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside:
            shown = _whole(attributes.get("numFmtId", "0"))
            if shown in _DATE_FORMATS or shown in self._own:
                self.dates.add(self._index)
            self._index += 1

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._inside = False


def _shows_a_date(code: str) -> bool:
    if len(code) > _LONGEST_FORMAT:
        raise BadFile("file.xlsx_broken")
    bare = _QUOTED.sub("", code.partition(";")[0]).lower()
    return "general" not in bare and any(letter in bare for letter in "yd年月日")


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 9 else 0


@dataclass(slots=True)
class _Seen:
    """A cell as far as it has been read."""

    column: int
    kind: str
    style: int
    value: list[str] = field(default_factory=list)
    has_value: bool = False
    has_formula: bool = False


class _Sheet(_Reader):
    """The cells of a sheet."""

    def __init__(self, texts: list[str], dates: set[int], from_1904: bool, builder: TableBuilder) -> None:
        self._texts, self._dates, self._from_1904, self._builder = texts, dates, from_1904, builder
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
            self._row = _whole(attributes.get("r", "")) or self._row + 1
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
        found = _REFERENCE.fullmatch(attributes.get("r", ""))
        self._column = column_of(found[1]) if found else self._column + 1
        self._seen = _Seen(self._column, attributes.get("t", "n"), _whole(attributes.get("s", "0")))

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
            self._seen.value.append(text)

    def _cell(self, seen: _Seen) -> Cell | None:
        text = "".join(seen.value)
        if not text.strip():
            lacks_result = seen.has_formula and not seen.has_value
            return BadCell("cell.formula_without_result") if lacks_result else None
        if seen.kind == "s":
            index = _whole(text)
            text = self._texts[index] if index < len(self._texts) else ""
        if seen.kind in ("s", "str", "inlineStr"):
            return _unescaped(text)
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
        if seen.style in self._dates and not 0 <= number < 1:  # less than a day is a time of it
            return day_of_serial(number, self._from_1904) or BadCell("cell.no_date")
        return number


class _Workbook:
    """A workbook's parts, put together."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def first_sheet(self) -> Table:
        """The rows of the first sheet that is not hidden."""
        relations, sheets = _Relations(), _Sheets()
        _parse(self._parts, "xl/_rels/workbook.xml.rels", relations)
        _parse(self._parts, "xl/workbook.xml", sheets)
        if not sheets.visible:
            raise BadFile("file.empty")
        name, relation = sheets.visible[0]
        builder = TableBuilder(name)
        texts, styles = _Texts(builder), _Styles()
        self._parse_if_there(relations.kinds.get(_STRINGS), texts, None)
        self._parse_if_there(relations.kinds.get(_STYLES), styles, MOST_OF_SMALL)
        sheet = _Sheet(texts.found, styles.dates, sheets.from_1904, builder)
        _parse(self._parts, relations.targets[relation], sheet, None)
        if not builder.rows:
            raise BadFile("file.empty")
        return _with_merged(builder.table(), sheet.merged)

    def _parse_if_there(self, name: str | None, reader: _Reader, most: int | None) -> None:
        if name is not None and name in self._parts.names:
            _parse(self._parts, name, reader, most)


def _unescaped(text: str) -> Cell | None:
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


def _with_merged(table: Table, merged: list[str]) -> Table:
    """The table with each cell that a merged one covers marked: whom its value is for is nobody's guess.

    Ranges may lie upon each other, so what they cover is counted; raises `BadFile`.
    """
    numbers = [row.number for row in table.rows]
    marked: dict[int, dict[int, Cell]] = {}
    covered = 0
    for reference in merged:
        first, _, last = reference.partition(":")
        begin, end = _REFERENCE.fullmatch(first), _REFERENCE.fullmatch(last)
        if begin is None or end is None:
            continue
        columns = range(column_of(begin[1]), min(column_of(end[1]), MOST_COLUMNS - 1) + 1)
        indices = range(bisect_left(numbers, int(begin[2])), bisect_right(numbers, int(end[2])))
        covered += len(indices) * len(columns)
        if covered > MOST_CELLS:
            raise BadFile("file.too_many_merged", most=MOST_MERGED)
        marks = dict.fromkeys(columns, BadCell("cell.merged"))
        for index in indices:
            if index not in marked:
                marked[index] = dict(table.rows[index].cells)
            marked[index].update(marks)
    rows = (
        Row(row.number, marked[index]) if index in marked else row for index, row in enumerate(table.rows)
    )
    return Table(tuple(rows), table.name)


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
