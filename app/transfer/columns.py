"""The columns of a table: what they are called, and how cells become values. Pure rules."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from app.transfer.tables import MOST_EXACT, BadCell, Cell, Row, Table
from app.transfer.xlsx_cells import day_of_serial
from app.web.language import Language

_UNSEEN: Final = dict.fromkeys(map(ord, "\u200b\ufeff"))
_HEAD_ROWS: Final = 10
"""So many rows may stand above the names of the columns: a title, a remark."""
_DAY: Final = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]0?0:00(?::00(?:\.0+)?)?)?"
)
_SEPARATORS: Final = re.compile(r"[,，、;；\n]+")
_SCIENTIFIC: Final = re.compile(r"\d(?:\.\d+)?E\+\d{2,3}")
"""A long number as spreadsheets show it, and write it into CSV."""
_COMPACT_DAY: Final = re.compile(r"((?:19|20|21)\d{2})(\d{2})(\d{2})")


class BadValue(Exception):
    """A cell that is not what its column holds; `code` names a text, `facts` fill it."""

    def __init__(self, code: str, **facts: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


Value = Any
Reads = Callable[[Cell], Value]
Written = str | int | float | date | None
Writes = Callable[[Value, Language], Written]


def as_it_is(value: Value, _language: Language) -> Value:
    """Writes a value as it is."""
    return value


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    key: str
    """Its name to programs; a file may use it, too."""
    names: tuple[str, str]
    """In Chinese and English."""
    notes: tuple[str, str]
    """What to write, for templates."""
    reads: Reads
    writes: Writes = as_it_is
    required: bool = False
    width: int = 16

    def name(self, language: Language) -> str:
        """What it is called."""
        return self.names[0] if language is Language.CHINESE else self.names[1]

    def note(self, language: Language) -> str:
        """What to write."""
        return self.notes[0] if language is Language.CHINESE else self.notes[1]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, in which column, as a code with the facts that go with it.

    `detail` is for codes that have no text of their own: what the rule itself said.
    """

    row: int
    column: str | None
    code: str
    facts: Mapping[str, str | int | float]
    detail: str = ""
    table: str = ""
    at: int | None = None
    """Where in the row, counted from 0, when no column's name tells."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row as values by the keys of its columns; columns that are empty hold None."""

    row: int
    values: Mapping[str, Value]
    columns: frozenset[str]
    """The columns that the file has; of the others it says nothing, not even that they are empty."""

    def fault(self, column: str | None, code: str, **facts: str | int) -> Fault:
        """Something is wrong with this row."""
        return Fault(self.row, column, code, facts)


@dataclass(frozen=True, slots=True)
class Header:
    """Where the columns of a table are."""

    row: int
    positions: Mapping[str, int]
    """By their keys."""


def plain(text: str) -> str:
    """A text without blanks around it, those of all scripts, and without marks that nobody sees."""
    return (text if text.isascii() else text.translate(_UNSEEN)).strip()


def narrow(text: str) -> str:
    """The same with full-width letters and digits as ASCII."""
    return plain(unicodedata.normalize("NFKC", text))


def find_header(table: Table, columns: tuple[Column, ...]) -> tuple[Header | None, list[Fault]]:
    """The row that names the columns, and what is wrong with it."""
    known = {bare(name): column.key for column in columns for name in (column.key, *column.names)}
    rows = table.rows[:_HEAD_ROWS]
    head = max(rows, key=lambda row: sum(_name(cell) in known for cell in row.cells.values()))
    positions: dict[str, int] = {}
    faults: list[Fault] = []
    for position, cell in sorted(head.cells.items()):
        key = known.get(_name(cell))
        if isinstance(cell, BadCell):
            faults.append(Fault(head.number, None, cell.code, {}, at=position))
        elif key is None:
            shown = cell if isinstance(cell, str) else ""
            faults.append(Fault(head.number, None, "column.unknown", {"name": shown[:60]}, at=position))
        elif key in positions:
            faults.append(Fault(head.number, key, "column.twice", {}, at=position))
        else:
            positions[key] = position
    for column in columns:
        if column.required and column.key not in positions:
            faults.append(Fault(head.number, column.key, "column.missing", {}))
    return (None if faults else Header(head.number, positions)), faults


def records(table: Table, header: Header, columns: tuple[Column, ...]) -> tuple[list[Record], list[Fault]]:
    """The rows under the header as values, and what is wrong with those that cannot be."""
    found: list[Record] = []
    faults: list[Fault] = []
    present = [(column, header.positions[column.key]) for column in columns if column.key in header.positions]
    absent = {column.key: None for column in columns if column.key not in header.positions}
    taken = frozenset(header.positions.values())
    for row in table.rows:
        if row.number <= header.row:
            continue
        values, wrong = _record(row, present)
        if beyond := row.cells.keys() - taken:
            wrong.append(Fault(row.number, None, "row.beyond_columns", {}, at=min(beyond)))
        faults += wrong
        if not wrong:
            found.append(Record(row.number, values | absent, frozenset(header.positions)))
    return found, faults


def _record(row: Row, present: Iterable[tuple[Column, int]]) -> tuple[dict[str, Value], list[Fault]]:
    values: dict[str, Value] = {}
    wrong: list[Fault] = []
    for column, position in present:
        cell = row.cells.get(position)
        try:
            value = None if cell is None else read_cell(column, cell)
        except BadValue as error:
            wrong.append(Fault(row.number, column.key, error.code, error.facts))
            continue
        if value is None and column.required:
            wrong.append(Fault(row.number, column.key, "cell.empty", {}))
        values[column.key] = value
    return values, wrong


def read_cell(column: Column, cell: Cell) -> Value:
    """The value of a cell; None when nothing is in it. Raises `BadValue`."""
    if isinstance(cell, BadCell):
        raise BadValue(cell.code)
    if isinstance(cell, str):
        cell = plain(unguarded(cell))
        if not cell:
            return None
    return column.reads(cell)


def _name(cell: Cell) -> str:
    return bare(cell) if isinstance(cell, str) else ""


def bare(text: str) -> str:
    """A name as it is compared: whatever people put between its letters, and however large they write them."""
    return re.sub(r"[\s*_-]+", "", narrow(text)).casefold()


# --- texts that a spreadsheet would take for formulas -------------------------------------------------------

_ACTIVE: Final = re.compile(r"'*[\s\u200b\ufeff]*[=+\-@\t\r\n＝＋－＠]")


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula, by an apostrophe before those it would."""
    return "'" + text if _ACTIVE.match(text) else text


def unguarded(text: str) -> str:
    """The text that was guarded."""
    return text[1:] if text.startswith("'") and _ACTIVE.match(text) else text


# --- values -------------------------------------------------------------------------------------------------


def as_text(cell: Cell) -> str:
    """A text as it was typed."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return _digits(cell)
    if isinstance(cell, date):
        raise BadValue("cell.became_date")
    assert isinstance(cell, str)
    return cell


def as_code(cell: Cell) -> str:
    """A code or login: full-width letters and digits are typed by accident."""
    text = narrow(as_text(cell))
    if _SCIENTIFIC.fullmatch(text):
        raise BadValue("cell.scientific", value=text[:40])
    return text


def as_whole(cell: Cell) -> int:
    """A whole number."""
    number = as_number(cell)
    if number != int(number):
        raise BadValue("cell.no_whole_number")
    return int(number)


def as_number(cell: Cell) -> float:
    """A number."""
    if isinstance(cell, float):
        return cell
    text = as_code(cell).replace(",", "")
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,9})?", text, re.ASCII):
        raise BadValue("cell.no_number", value=text[:40])
    return float(text)


def as_day(cell: Cell) -> date:
    """A day: a date, the number behind one, or a text with the year first."""
    if isinstance(cell, date):
        return cell
    text = as_code(cell)
    if found := _DAY.fullmatch(text) or _COMPACT_DAY.fullmatch(text):
        try:
            return date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            raise BadValue("cell.no_date", value=text[:40]) from None
    serial = day_of_serial(float(text)) if re.fullmatch(r"\d{5}", text, re.ASCII) else None
    if serial is None:
        raise BadValue("cell.no_date", value=text[:40])
    return serial


Words = Mapping[str, tuple[str, str]]
"""What may be meant, and how it is written in Chinese and English."""


def as_word(words: Words) -> Reads:
    """Reads one of some words, in either language or as programs call it."""
    known = {bare(name): meant for meant, names in words.items() for name in (meant, *names)}

    def read(cell: Cell) -> str:
        text = as_code(cell)
        if (meant := known.get(bare(text))) is None:
            options = ", ".join(f"{chinese} ({english})" for chinese, english in words.values())
            raise BadValue("cell.unknown_word", value=text[:40], words=options)
        return meant

    return read


def word_of(words: Words) -> Writes:
    """Writes one of some words in a language."""

    def write(value: Value, language: Language) -> str:
        chinese, english = words[str(value)]
        return chinese if language is Language.CHINESE else english

    return write


def listed(cell: Cell) -> list[str]:
    """The parts of a cell that holds several things, in the order in which they were written."""
    parts = (plain(part) for part in _SEPARATORS.split(as_text(cell)))
    return [part for part in parts if part]


def as_words(words: Words) -> Reads:
    """Reads several of some words, each once."""
    one = as_word(words)

    def read(cell: Cell) -> list[str]:
        return sorted({one(part) for part in listed(cell)})

    return read


def words_of(words: Words) -> Writes:
    """Writes several of some words in a language."""
    one = word_of(words)

    def write(values: Value, language: Language) -> str:
        return separated([str(one(value, language)) for value in values], language)

    return write


def separated(parts: Iterable[str], language: Language) -> str:
    """Several things in one cell, as a language lists them."""
    return ("、" if language is Language.CHINESE else ", ").join(parts)


def _digits(number: float) -> str:
    if abs(number) >= MOST_EXACT:
        raise BadValue("cell.number_lost_digits")
    return str(int(number)) if number == int(number) else repr(number)
