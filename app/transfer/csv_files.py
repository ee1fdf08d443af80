"""CSV files as they come from Excel, WPS and scripts: whatever encoding and delimiter, and no guess in silence."""

import codecs
import csv
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from app.transfer.tables import (
    LONGEST_CELL,
    MOST_COLUMNS,
    MOST_ROWS,
    BadCell,
    BadFile,
    Cell,
    Table,
    TableBuilder,
)

LONGEST_ROW: Final = 512 * 1024
"""Characters of one row, its line breaks included: as many as its columns may hold."""
MOST_LINES: Final = 1_048_576
"""Rows of a file, empty ones included: as many as a spreadsheet has."""
_DELIMITERS: Final = ",;\t"
_HEAD_LINES: Final = 10
"""Lines by which the delimiter is told: a title may stand above the names of the columns."""
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_WRITTEN: Final = re.compile("[\x01-\x08\x0e-\x1f]")
"""Control characters that nobody types: a picture or a program that is called a table."""
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_BETWEEN_QUOTES: Final = re.compile(r'"[^"]*"')
_LINE: Final = re.compile(r"[^\r\n]*+(?:\r\n?|\n)|[^\r\n]+")


def read_csv(content: bytes) -> Table:
    """The table in a CSV file; raises `BadFile`."""
    builder = TableBuilder()
    for number, texts in csv_rows(content):
        builder.count_cells(len(texts))
        builder.add(number, {column: _cell(each) for column, each in enumerate(texts) if each.strip()})
    if not builder.rows:
        raise BadFile("file.empty")
    return builder.table()


def csv_rows(content: bytes, most: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file one by one, with their numbers; raises `BadFile`, also for more than `most` of them."""
    text = decode(content)
    if not text.strip():
        raise BadFile("file.empty")
    # A quoted cell that never ends would hold the rest of the file: `strict` and the bound on a cell find it.
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=_delimiter(text), strict=True)
    try:
        for number, texts in enumerate(reader, start=1):
            if number > (most or MOST_LINES):
                raise BadFile("file.too_many_rows", most=most or MOST_ROWS)
            lines.begin_row(number + 1)
            if texts:
                yield number, texts
    except csv.Error:
        raise BadFile("file.csv_broken", line=reader.line_num) from None


class _Lines:
    """The lines of a text, given to the parser one by one as long as their row is not too long.

    A bound on lines would not do: quoted cells go over several, and the parser keeps all cells of a row.
    """

    def __init__(self, text: str) -> None:
        self._found = _LINE.finditer(text)
        self._row = 1
        self._taken = 0

    def __iter__(self) -> Iterator[str]:
        for found in self._found:
            self._taken += found.end() - found.start()
            if self._taken > LONGEST_ROW:
                raise BadFile("file.too_many_columns", most=MOST_COLUMNS, row=self._row)
            yield found[0]

    def begin_row(self, number: int) -> None:
        """The parser has all of a row: the next line belongs to this one."""
        self._row, self._taken = number, 0


def decode(content: bytes) -> str:
    """The text of a file in UTF-8, UTF-16 or GB18030 (which is also GBK and GB 2312); raises `BadFile`."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _decoded(content, encoding)
    if b"\0" in content:
        # UTF-16 without a mark: delimiters and digits have a zero in one half, and which half tells the order.
        big_end_first = content[::2].count(0) > content[1::2].count(0)
        return _decoded(content, "utf-16-be" if big_end_first else "utf-16-le")
    try:
        return _decoded(content, "utf-8")
    except BadFile as bad:
        if bad.code != "file.encoding":
            raise
        if _is_damaged_utf8(content):
            raise
        return _decoded(content, "gb18030")


def _decoded(content: bytes, encoding: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise BadFile("file.encoding") from None
    if "\0" in text:
        raise BadFile("file.encoding")
    if _NOT_WRITTEN.search(text):
        raise BadFile("file.not_text")
    return text


def _is_damaged_utf8(content: bytes) -> bool:
    """Whether a file is UTF-8 but for some of its characters: GB18030 would make others of all of them."""
    read = content.decode("utf-8", "replace")
    strange = read.count("\ufffd")
    return sum(map(len, _BEYOND_ASCII.findall(read))) - strange > 4 * strange


def _delimiter(text: str) -> str:
    """What stands in most of the first lines, and of several the one that stands there most often."""
    found = list(islice(_LINE.finditer(text), _HEAD_LINES))
    lines = [_BETWEEN_QUOTES.sub("", each[0][:LONGEST_CELL]) for each in found]
    return max(
        _DELIMITERS, key=lambda each: (sum(each in line for line in lines), "".join(lines).count(each))
    )


def _cell(text: str) -> Cell:
    return BadCell("cell.too_long") if len(text) > LONGEST_CELL else text
