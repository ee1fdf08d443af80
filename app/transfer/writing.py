"""Tables as files: CSV that Excel opens as it is, and XLSX. What looks like a formula is made harmless in both."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import xlsxwriter

from app.transfer.columns import Column, Written, guarded
from app.web.language import Language

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file shows: columns, rows, and what there is to know."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Written]]
    notes: Sequence[Sequence[Written]] = ()
    notes_title: str = ""


def csv_of(sheet: Sheet, language: Language) -> bytes:
    """A CSV file in UTF-8, with the mark without which Excel takes it for the system's own encoding."""
    text = io.StringIO(newline="")
    # All in quotes: a spreadsheet that takes semicolons for commas would begin a cell, or a formula, within a name.
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow([column.name(language) for column in sheet.columns])
    for row in sheet.rows:
        writer.writerow([_text(value) for value in row])
    return text.getvalue().encode("utf-8-sig")


def xlsx_of(sheet: Sheet, language: Language) -> bytes:
    """A workbook with the rows in its first sheet, and notes, if any, in a second one."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        head = book.add_format({"bold": True, "bg_color": "#E8F0FE", "bottom": 1})
        typed = book.add_format({"num_format": "@"})  # what is typed into it later stays as it is typed
        data = book.add_worksheet(sheet.title)
        data.freeze_panes(1, 0)
        for position, column in enumerate(sheet.columns):
            data.set_column(position, position, column.width, typed)
            data.write_string(0, position, column.name(language), head)
        _fill(book, data, 1, sheet.rows)
        if sheet.notes:
            notes = book.add_worksheet(sheet.notes_title)
            notes.set_column(0, 0, 24)
            notes.set_column(1, 1, 60)
            notes.set_column(2, 9, 20)
            _fill(book, notes, 0, sheet.notes)
    return file.getvalue()


def _fill(book: Any, sheet: Any, first: int, rows: Iterable[Sequence[Written]]) -> None:
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    typed = book.add_format({"num_format": "@"})
    for number, row in enumerate(rows, start=first):
        for position, value in enumerate(row):
            if isinstance(value, date):
                sheet.write_datetime(number, position, value, day)
            elif isinstance(value, int | float):
                sheet.write_number(number, position, value)
            elif value:
                sheet.write_string(number, position, guarded(value), typed)


def _text(value: Written) -> str:
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return guarded(value) if isinstance(value, str) else str(value)
