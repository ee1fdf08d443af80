"""CSV files as they come from Excel, WPS and scripts: whatever encoding and delimiter, and no guess in silence."""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Final

from app.transfer.tables import LONGEST_CELL, BadCell, BadFile, Cell, Table, TableBuilder

_DELIMITERS: Final = ",;\t"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_csv(content: bytes, name: str = "") -> Table:
    """The table in a CSV file; raises `BadFile`."""
    builder = TableBuilder(name)
    for number, texts in csv_rows(content):
        builder.count_cells(len(texts))
        builder.add(number, {column: _cell(each) for column, each in enumerate(texts) if each.strip()})
    return builder.table()


def csv_rows(content: bytes, most: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file one by one, with their numbers; raises `BadFile`, also for more than `most` of them."""
    text = decode(content)
    if not text.strip():
        raise BadFile("file.empty")
    # A quoted cell that never ends would hold the rest of the file: `strict` and the bound on a cell find it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        for number, texts in enumerate(reader, start=1):
            if most is not None and number > most:
                raise BadFile("file.too_many_rows", most=most)
            if texts:
                yield number, texts
    except csv.Error:
        raise BadFile("file.csv_broken", line=reader.line_num) from None


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
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(content, "gb18030")


def _decoded(content: bytes, encoding: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise BadFile("file.encoding") from None
    if "\0" in text:
        raise BadFile("file.encoding")
    return text


def _delimiter(text: str) -> str:
    head = text.lstrip().partition("\n")[0]
    counts = {each: head.count(each) for each in _DELIMITERS}
    return max(_DELIMITERS, key=lambda each: counts[each])


def _cell(text: str) -> Cell:
    return BadCell("cell.too_long") if len(text) > LONGEST_CELL else text
