"""Use cases of whole tables: trying a file, importing it, exporting, templates.

A file is read and judged completely before the first row is stored; with one bad row, none is. The same file again
changes nothing, since rows are known by their codes and logins.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.reach import require_somewhere
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.database import CALLER_ADDRESS, SessionFactory, reading, take_turns
from app.errors import Conflict, Invalid
from app.transfer.columns import Written
from app.transfer.csv_files import read_csv
from app.transfer.judging import Found, Judged, judge_bundle, judge_table
from app.transfer.kinds import KINDS, Imported, Kind, TableKind
from app.transfer.one_roster import read_bundle
from app.transfer.plans import HasToBeTried, Importing
from app.transfer.schemas import ImportReport, Remark, RowError
from app.transfer.tables import BadFile, Table
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

    kind: Imported
    dry_run: bool
    language: Language
    address: str
    """Where from, for the trail."""
    at: Importing


class _Tried(Exception):
    """Something was only tried: what was stored on the way is undone."""

    def __init__(self, report: ImportReport) -> None:
        super().__init__()
        self.report = report


def import_file(factory: SessionFactory, principal: Principal, wish: Wish, path: Path) -> ImportReport:
    """Import a file, or say what that would do. Raises `Invalid` when it is refused, `Conflict` when raced."""
    whole = wish.kind is Imported.ONE_ROSTER
    kind = KINDS[Kind.ORG_UNITS if whole else Kind(wish.kind.value)]
    require_somewhere(principal, kind.adds)
    try:
        content = read_bundle(path) if whole else read_table(path)
    except BadFile as error:
        within = f"{error.facts['file']}: " if "file" in error.facts else ""
        detail = within + text(error.code, wish.language, error.facts)
        raise Invalid(error.code, "File not readable", detail) from None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if wish.dry_run and isinstance(content, Table):
        only_look = replace(wish.at, may_try=False)
        with suppress(HasToBeTried), reading(factory) as session:
            return _report(wish, digest, judge_table(session, principal, kind, content, only_look))
    try:
        with factory.begin() as session:
            session.info[CALLER_ADDRESS] = wish.address
            take_turns(
                session, [principal.county_id]
            )  # the second of two imports sees what the first one stored
            if isinstance(content, Table):
                judged = judge_table(session, principal, kind, content, wish.at)
            else:
                judged = judge_bundle(session, principal, content, wish.at)
            return _carry_out(session, principal, wish, digest, judged)
    except _Tried as tried:
        return tried.report
    except IntegrityError:
        raise Conflict(
            "import.raced",
            "Changed meanwhile",
            "Somebody changed the same things at the same moment, and nothing was stored; import again.",
        ) from None


def _carry_out(
    session: Session, principal: Principal, wish: Wish, digest: str, judged: Judged
) -> ImportReport:
    report = _report(wish, digest, judged)
    if wish.dry_run:
        raise _Tried(report)
    if judged.faults:
        detail = text("import.refused", wish.language, {"rows": report.refused})
        raise Invalid("import.refused", "Nothing imported", detail, report=report.model_dump(mode="json"))
    judged.carry_out(session)
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


def _report(wish: Wish, digest: str, judged: Judged) -> ImportReport:
    return ImportReport(
        kind=wish.kind,
        dry_run=wish.dry_run,
        sha256=digest,
        rows=judged.rows,
        created=judged.created,
        changed=judged.changed,
        unchanged=judged.unchanged,
        refused=len({(found.fault.table, found.fault.row) for found in judged.faults}),
        errors=[_error(found, wish.language) for found in judged.faults[:MOST_ERRORS]],
        more_errors=max(0, len(judged.faults) - MOST_ERRORS),
        remarks=[
            Remark(code=code, detail=text(code, wish.language, facts)) for code, facts in judged.remarks
        ],
    )


def _error(found: Found, language: Language) -> RowError:
    fault = found.fault
    return RowError(
        table=fault.table,
        row=fault.row,
        column=found.column(language),
        cell=found.cell,
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
