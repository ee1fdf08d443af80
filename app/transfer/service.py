"""Use cases of whole tables: trying a file, importing it, exporting, templates.

A file is read and judged completely before the first row is stored; with one bad row, none is. The same file again
changes nothing, since rows are known by their codes and logins.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import require_somewhere
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.database import CALLER_ADDRESS, SessionFactory, reading, take_turns
from app.errors import Conflict, Invalid
from app.transfer.columns import Column, Fault, Header, Written, find_header, records
from app.transfer.csv_files import read_csv
from app.transfer.kinds import KINDS, Kind, TableKind
from app.transfer.plans import Plan
from app.transfer.schemas import ImportReport, RowError
from app.transfer.tables import BadFile, Table, place
from app.transfer.words import text
from app.transfer.writing import Sheet, csv_of, xlsx_of
from app.transfer.xlsx_files import read_xlsx
from app.web.language import Language

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of one file: 20,000 rows are a few MiB, and so is the zipped OneRoster bundle of a large county."""
MOST_ERRORS: Final = 200


class Form(StrEnum):
    """How a table is given out."""

    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be done with a file."""

    kind: Kind
    dry_run: bool
    language: Language
    address: str
    """Where from, for the trail."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A file as far as it is known without the database, and with it."""

    rows: int
    header: Header | None
    faults: tuple[Fault, ...]
    plan: Plan | None
    table: str


def import_file(factory: SessionFactory, principal: Principal, wish: Wish, path: Path) -> ImportReport:
    """Import a file, or say what that would do. Raises `Invalid` when it is refused, `Conflict` when raced."""
    require_somewhere(principal, KINDS[wish.kind].adds)
    try:
        table = read_table(path)
    except BadFile as error:
        raise refused_file(error, wish.language) from None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if wish.dry_run:
        with reading(factory) as session:
            return _report(wish, digest, _judge(session, principal, KINDS[wish.kind], table))
    try:
        with factory.begin() as session:
            session.info[CALLER_ADDRESS] = wish.address
            return _carry_out(session, principal, wish, digest, table)
    except IntegrityError:
        raise Conflict(
            "import.raced",
            "Changed meanwhile",
            "Somebody changed the same things at the same moment, and nothing was stored; import again.",
        ) from None


def refused_file(error: BadFile, language: Language) -> Invalid:
    """The refusal of a file of which nothing can be used."""
    return Invalid(error.code, "File not readable", text(error.code, language, error.facts))


def _carry_out(session: Session, principal: Principal, wish: Wish, digest: str, table: Table) -> ImportReport:
    take_turns(session, [principal.county_id])  # the second of two imports sees what the first one stored
    judged = _judge(session, principal, KINDS[wish.kind], table)
    report = _report(wish, digest, judged)
    if judged.plan is None or judged.faults:
        detail = text("import.refused", wish.language, {"rows": report.refused})
        raise Invalid("import.refused", "Nothing imported", detail, report=report.model_dump(mode="json"))
    judged.plan.carry_out(session)
    facts = report.model_dump(
        include={"kind", "sha256", "rows", "created", "changed", "unchanged"}, mode="json"
    )
    audit.note(session, Act.TABLE_IMPORTED, principal.county_id, principal.person_id, after=facts)
    return report


def read_table(path: Path) -> Table:
    """The table in a file, told by its content and not by its name; raises `BadFile`."""
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadFile("file.old_xls")
    if start.startswith(b"PK"):
        return read_xlsx(path)
    return read_csv(path.read_bytes())


def _judge(session: Session, principal: Principal, kind: TableKind, table: Table) -> _Judged:
    header, faults = find_header(table, kind.columns)
    if header is None:
        return _Judged(0, None, tuple(faults), None, table.name)
    found, faults = records(table, header, kind.columns)
    plan = kind.plan(session, principal, found)
    rows = sum(row.number > header.row for row in table.rows)
    wrong = sorted([*faults, *plan.faults], key=lambda fault: fault.row)
    return _Judged(rows, header, tuple(wrong), plan, table.name)


def _report(wish: Wish, digest: str, judged: _Judged) -> ImportReport:
    plan, columns = judged.plan, {column.key: column for column in KINDS[wish.kind].columns}
    return ImportReport(
        kind=wish.kind,
        dry_run=wish.dry_run,
        sha256=digest,
        rows=judged.rows,
        created=plan.created if plan else 0,
        changed=plan.changed if plan else 0,
        unchanged=plan.unchanged if plan else 0,
        refused=len({fault.row for fault in judged.faults}),
        errors=[_error(fault, judged, columns, wish.language) for fault in judged.faults[:MOST_ERRORS]],
        more_errors=max(0, len(judged.faults) - MOST_ERRORS),
    )


def _error(fault: Fault, judged: _Judged, columns: dict[str, Column], language: Language) -> RowError:
    column = columns.get(fault.column or "")
    position = judged.header.positions.get(fault.column or "") if judged.header else None
    return RowError(
        table=fault.table or judged.table,
        row=fault.row,
        column=column.name(language) if column else None,
        cell=place(fault.row, position) if position is not None else None,
        code=fault.code,
        detail=text(fault.code, language, fault.facts, fault.detail),
    )


def export(session: Session, principal: Principal, kind: Kind, form: Form, language: Language) -> bytes:
    """A table of what there is, as far as somebody may see it, in the form in which it can be imported."""
    table = KINDS[kind]
    require_somewhere(principal, table.shows)
    rows = _written(table, table.rows(session, principal), language)
    return _file(Sheet(_in(table.titles, language), table.columns, rows), form, language)


def template(kind: Kind, form: Form, language: Language) -> bytes:
    """An empty table. A workbook says in its second sheet what to write, with examples that nobody can import."""
    table = KINDS[kind]
    notes: list[Sequence[Written]] = [(text("template.remark", language, {}),), ()]
    for column in table.columns:
        star = " *" if column.required else ""
        notes.append((column.name(language) + star, column.note(language)))
    notes += [
        (),
        (text("template.examples", language, {}),),
        [column.name(language) for column in table.columns],
    ]
    notes += _written(table, table.examples, language)
    title = text("template.notes", language, {})
    return _file(Sheet(_in(table.titles, language), table.columns, (), notes, title), form, language)


def _written(
    table: TableKind, rows: Sequence[Sequence[Written]], language: Language
) -> list[Sequence[Written]]:
    return [
        [
            None if value is None else column.writes(value, language)
            for column, value in zip(table.columns, row, strict=True)
        ]
        for row in rows
    ]


def _file(sheet: Sheet, form: Form, language: Language) -> bytes:
    return csv_of(sheet, language) if form is Form.CSV else xlsx_of(sheet, language)


def _in(names: tuple[str, str], language: Language) -> str:
    return names[0] if language is Language.CHINESE else names[1]
