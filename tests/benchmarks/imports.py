"""How long a table of 5,000 rows takes, from the file to the commit, in a county of Jinzhai's size."""

from __future__ import annotations

import csv
import time
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Final

from sqlalchemy import delete

from app.accounts.service import find_by_login, principal_of
from app.database import SessionFactory
from app.lessons.changes import Doing
from app.lessons.models import Lesson, LessonChange, LessonGroup, LessonSite
from app.schools import bulk
from app.schools.rules import OrgUnitKind
from app.seeds.jinzhai import ADMIN
from app.timetables.models import TimetableEntry
from app.transfer import people, rooms, service
from app.transfer.columns import Written
from app.transfer.kinds import KINDS, Imported, Kind
from app.transfer.plans import Importing
from app.transfer.service import Form, Wish
from app.transfer.writing import Sheet, xlsx_of
from app.web.language import Language

_ROWS: Final = 5_000
TABLES: Final = {Kind.PEOPLE: "import_people_s", Kind.ROOMS: "import_rooms_s"}
"""What is imported, and what the figure is called."""


def measure_import(factory: SessionFactory, kind: Kind, folder: Path) -> float:
    """Seconds from a workbook of new rows to the commit."""
    with factory() as session:
        admin = find_by_login(session, ADMIN)
        assert admin is not None
        principal = principal_of(session, admin.id, datetime.now(UTC))
        schools = [
            unit.code for unit in bulk.all_units(session, admin.county_id) if unit.kind is OrgUnitKind.SCHOOL
        ]
    rows = [_row(kind, number, schools[number % len(schools)]) for number in range(_ROWS)]
    path = folder / f"{kind}.xlsx"
    path.write_bytes(xlsx_of(Sheet("table", KINDS[kind].columns, rows), Language.CHINESE))
    at = Importing(Doing(datetime.now(UTC), principal.person_id))
    wish = Wish(Imported(kind.value), dry_run=False, language=Language.CHINESE, address="", at=at)
    began = time.perf_counter()
    report = service.import_file(factory, principal, wish, path)
    seconds = time.perf_counter() - began
    assert (report.created, report.unchanged) == (_ROWS, 0)
    return seconds


def measure_timetable(factory: SessionFactory, folder: Path) -> float:
    """Seconds from the workbook of a county's whole timetable, which is gone, to its commit."""
    with factory() as session:
        admin = find_by_login(session, ADMIN)
        assert admin is not None
        now = datetime.now(UTC)
        principal = principal_of(session, admin.id, now)
        path = folder / "timetable.xlsx"
        path.write_bytes(
            _as_new(service.export(session, principal, Kind.ENTRIES, Form.CSV, Language.CHINESE))
        )
    with factory.begin() as session:
        for table in (LessonChange, LessonGroup, LessonSite, Lesson, TimetableEntry):
            session.execute(delete(table))
    wish = Wish(Imported.ENTRIES, False, Language.CHINESE, "", Importing(Doing(now, principal.person_id)))
    began = time.perf_counter()
    report = service.import_file(factory, principal, wish, path)
    seconds = time.perf_counter() - began
    assert (report.created, report.refused) == (report.rows, 0)
    return seconds


def _as_new(table: bytes) -> bytes:
    """The workbook of an exported timetable without the column that its rows are known by."""
    columns = KINDS[Kind.ENTRIES].columns
    at = [column.key for column in columns].index("entry_id")
    _heads, *rows = csv.reader(StringIO(table.decode("utf-8-sig")))
    kept = [[cell or None for cell in (*row[:at], *row[at + 1 :])] for row in rows]
    return xlsx_of(Sheet("table", [*columns[:at], *columns[at + 1 :]], kept), Language.CHINESE)


def _row(kind: Kind, number: int, school: str) -> list[Written]:
    if kind is Kind.ROOMS:
        values = {"org_unit": school, "code": f"N{number}", "name": f"教室 {number}", "kind": "main"}
        return [values.get(column.key) for column in rooms.COLUMNS]
    values = {"login": f"new{number}", "name": f"教师 {number}", "role": "teacher", "org_unit": school}
    return [values.get(column.key) for column in people.COLUMNS]
