"""XLSX files (ECMA-376), read as a stream of XML with a bound on everything. Why not with a library: decision 0050.

A sheet holds numbers for dates, references for texts, and the last result beside a formula. Here a cell becomes what
its reader sees; one that cannot be known becomes a `BadCell`.
"""

import zipfile
from bisect import bisect_left, bisect_right
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.transfer.archives import BROKEN, Parts
from app.transfer.tables import MOST_CELLS, MOST_COLUMNS, BadCell, BadFile, Cell, Row, Table, TableBuilder
from app.transfer.xlsx_cells import MOST_MERGED, REFERENCE, Sheet, column_of
from app.transfer.xlsx_parts import Relations, Sheets, Styles, Texts
from app.transfer.xml_files import MOST_OF_SMALL, Attributes, Reader, parse

_STRINGS: Final = "/sharedStrings"
_STYLES: Final = "/styles"


def read_xlsx(path: Path) -> Table:
    """The first visible sheet of a workbook that holds anything; raises `BadFile`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _Workbook(Parts(archive)).first_sheet()
    except BROKEN:
        raise BadFile("file.xlsx_broken") from None


class _Workbook:
    """A workbook's parts, put together."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def first_sheet(self) -> Table:
        """The rows of the first sheet that is not hidden and not empty, with the names of further ones."""
        relations, sheets = Relations(), Sheets()
        parse(self._parts, "xl/_rels/workbook.xml.rels", relations)
        parse(self._parts, "xl/workbook.xml", sheets)
        builder = TableBuilder()
        texts, styles = Texts(builder), Styles()
        self._parse_if_there(relations.kinds.get(_STRINGS), texts, None)
        self._parse_if_there(relations.kinds.get(_STYLES), styles, MOST_OF_SMALL)
        visible = [(name, relations.targets[relation]) for name, relation in sheets.visible]
        for place, (name, part) in enumerate(visible, start=1):
            sheet = Sheet(texts.found, styles, sheets.from_1904, builder)
            parse(self._parts, part, sheet, None)
            if builder.rows:
                others = tuple(other for other, its in visible[place:] if self._holds_anything(its))
                return _with_merged(builder.table(name, others), sheet.merged)
        raise BadFile("file.empty")

    def _holds_anything(self, part: str) -> bool:
        try:
            parse(self._parts, part, _Looking(), None)
        except _Something:
            return True
        return False

    def _parse_if_there(self, name: str | None, reader: Reader, most: int | None) -> None:
        if name is not None and name in self._parts.names:
            parse(self._parts, name, reader, most)


class _Something(Exception):
    """A sheet is not empty."""


class _Looking(Reader):
    """Looks for the first cell with a value."""

    def begin(self, name: str, attributes: Attributes) -> None:
        if name in ("v", "is"):
            raise _Something


def _with_merged(table: Table, merged: list[str]) -> Table:
    """The table with each cell that a merged one covers marked: whom its value is for is nobody's guess.

    Ranges may lie upon each other, so what they cover is counted; raises `BadFile`.
    """
    numbers = [row.number for row in table.rows]
    marked: dict[int, dict[int, Cell]] = {}
    covered = 0
    for reference in merged:
        first, _, last = reference.partition(":")
        begin, end = REFERENCE.fullmatch(first), REFERENCE.fullmatch(last)
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
    return replace(table, rows=tuple(rows))
