"""How long a table of 5,000 rows takes, from the file to the commit, in a county of Jinzhai's size."""

from __future__ import annotations

import csv
import time
from collections import defaultdict
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Final

from sqlalchemy import delete, update

from app.accounts.service import find_by_login, principal_of
from app.database import SessionFactory
from app.lessons.changes import Doing
from app.lessons.models import Lesson, LessonChange, LessonGroup, LessonSite
from app.lessons.rules import LessonState
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
_MOVED: Final = 200
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
        # What people know of is not deleted, whoever writes.
        session.execute(update(Lesson).values(state=LessonState.DRAFT))
        for table in (LessonChange, LessonGroup, LessonSite, Lesson, TimetableEntry):
            session.execute(delete(table))
    wish = Wish(Imported.ENTRIES, False, Language.CHINESE, "", Importing(Doing(now, principal.person_id)))
    began = time.perf_counter()
    report = service.import_file(factory, principal, wish, path)
    seconds = time.perf_counter() - began
    assert (report.created, report.refused) == (report.rows, 0)
    return seconds


def measure_changes(factory: SessionFactory, folder: Path) -> float:
    """Seconds from a county's whole timetable, 200 of whose lessons changed places two by two, to the commit."""
    with factory() as session:
        admin = find_by_login(session, ADMIN)
        assert admin is not None
        now = datetime.now(UTC)
        principal = principal_of(session, admin.id, now)
        table = service.export(session, principal, Kind.ENTRIES, Form.CSV, Language.CHINESE)
    path = folder / "changes.csv"
    path.write_bytes(_changing_places(table))
    wish = Wish(Imported.ENTRIES, False, Language.CHINESE, "", Importing(Doing(now, principal.person_id)))
    began = time.perf_counter()
    report = service.import_file(factory, principal, wish, path)
    seconds = time.perf_counter() - began
    assert (report.changed, report.unchanged) == (_MOVED, report.rows - _MOVED)
    return seconds


def _changing_places(table: bytes) -> bytes:
    """The table with lessons of one room after the other in each other's slots."""
    heads, *rows = csv.reader(StringIO(table.decode("utf-8-sig")))
    keys = [column.key for column in KINDS[Kind.ENTRIES].columns]
    weekday, room = keys.index("weekday"), slice(keys.index("org_unit"), keys.index("main_room") + 1)
    in_room: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for row in rows:
        in_room[tuple(row[room])].append(row)
    pairs = [pair for each in in_room.values() for pair in zip(each[::2], each[1::2], strict=False)]
    for one, other in pairs[: _MOVED // 2]:
        slot = slice(weekday, keys.index("period") + 1)
        one[slot], other[slot] = other[slot], one[slot]
    text = StringIO()
    csv.writer(text).writerows([heads, *rows])
    return text.getvalue().encode()


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
