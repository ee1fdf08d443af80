"""What planning costs in a county of Jinzhai's size, on both databases."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.database import SessionFactory, make_engine, make_session_factory, measure_tables
from app.lessons import scheduling
from app.lessons.models import Lesson
from app.migrate import upgrade
from app.seeds.jinzhai import BELLS, COUNTY_CODE, ensure_jinzhai
from app.settings import Settings
from app.timetables.models import TimetableEntry
from app.timetables.planning import EntryDraft
from tests.benchmarks.figures import Figure, Selection
from tests.benchmarks.following import measure_bells, measure_checks
from tests.benchmarks.imports import TABLES, measure_changes, measure_import, measure_timetable
from tests.benchmarks.reads import RATE, measure_reads
from tests.benchmarks.showing import hold_half, measure_report, measure_weeks
from tests.databases import PostgresDatabases, postgres_server

_ENTRIES: Final = 40
_LESSONS: Final = 14_300
_READS: Final = ("reads_p95_ms", "reads_per_second", "read_cpu_ms")
_FIGURES: Final = (
    *("seed_s", "create_entry_ms", *_READS),
    *(
        "report_ms",
        "report_held_ms",
        "week_ms",
        "bells_s",
        "check_ms",
        *TABLES.values(),
        "import_changes_s",
        "import_timetable_s",
    ),
)


@dataclass(frozen=True)
class _County:
    """A seeded county."""

    settings: Settings
    factory: SessionFactory
    seconds: float


async def planning_figures(wanted: Selection) -> AsyncIterator[Figure]:
    """Figures of the year's planning; nothing is seeded when none is wanted."""
    for kind in ("sqlite", "postgresql"):
        names = [f"planning.{figure}.{kind}" for figure in _FIGURES]
        if wanted.takes_any(names):
            with (
                tempfile.TemporaryDirectory(prefix="tongtang-bench-") as folder,
                _url(kind, Path(folder)) as url,
            ):
                county = _seed(Settings(data_dir=Path(folder), database_url=url))
                async for figure in _figures_of(county, kind, wanted):
                    if wanted.takes(figure.name):
                        yield figure
                county.factory.engine.dispose()


async def _figures_of(county: _County, kind: str, wanted: Selection) -> AsyncIterator[Figure]:
    yield Figure(f"planning.seed_s.{kind}", round(county.seconds, 1), "s")
    if wanted.takes(name := f"planning.report_ms.{kind}"):
        yield Figure(name, round(measure_report(county.settings, county.factory) * 1000, 1), "ms")
    if wanted.takes(name := f"planning.week_ms.{kind}"):
        yield Figure(name, round(measure_weeks(county.settings, county.factory) * 1000, 1), "ms")
    if wanted.takes(name := f"planning.bells_s.{kind}"):
        yield Figure(name, round(measure_bells(county.factory), 2), "s for half a term's lessons")
    if wanted.takes(name := f"planning.check_ms.{kind}"):
        with county.factory() as session:
            drafts, now = _free_entries(session), _first_moment(session)
        yield Figure(name, round(measure_checks(county.factory, drafts, now) * 1000, 1), "ms")
    for table, figure in TABLES.items():
        if wanted.takes(name := f"planning.{figure}.{kind}"):
            seconds = measure_import(county.factory, table, county.settings.data_dir)
            yield Figure(name, round(seconds, 2), "s for 5,000 rows")
    if wanted.takes(name := f"planning.import_changes_s.{kind}"):
        seconds = measure_changes(county.factory, county.settings.data_dir)
        yield Figure(name, round(seconds, 2), "s for 200 of 715 weekly lessons that change places")
    if wanted.takes(name := f"planning.import_timetable_s.{kind}"):
        seconds = measure_timetable(county.factory, county.settings.data_dir)
        yield Figure(name, round(seconds, 2), "s for 715 weekly lessons")
    if wanted.takes(name := f"planning.create_entry_ms.{kind}"):
        yield Figure(name, round(statistics.median(_create_entries(county)) * 1000, 1), "ms")
    if wanted.takes_any([f"planning.{figure}.{kind}" for figure in _READS]):
        reads = await measure_reads(county.settings)
        yield Figure(f"planning.reads_p95_ms.{kind}", round(reads.p95 * 1000, 1), f"ms at {RATE} a second")
        yield Figure(f"planning.reads_per_second.{kind}", round(reads.per_second, 1), "1/s")
        yield Figure(
            f"planning.read_cpu_ms.{kind}",
            round(reads.cpu * 1000, 2),
            "ms of the web process's processor time",
        )
    if wanted.takes(name := f"planning.report_held_ms.{kind}"):
        hold_half(county.factory)
        _settle(county.factory)
        yield Figure(name, round(measure_report(county.settings, county.factory) * 1000, 1), "ms in mid-term")


@contextmanager
def _url(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'tongtang.db'}"
        return
    with postgres_server() as server:
        databases = PostgresDatabases(server)
        with databases.fresh(folder) as url:
            yield url
        databases.close()


def _seed(settings: Settings) -> _County:
    upgrade(settings.database_url)
    factory = make_session_factory(make_engine(settings.database_url))
    began = time.perf_counter()
    with factory.begin() as session:
        ensure_jinzhai(session, settings, datetime.now(UTC))
    _settle(factory)
    seconds = time.perf_counter() - began
    with factory() as session:
        lessons = session.scalar(select(func.count(Lesson.id)))
    assert lessons == _LESSONS, f"{COUNTY_CODE} has {lessons} lessons"
    return _County(settings, factory, seconds)


def _settle(factory: SessionFactory) -> None:
    """Let the database know what it has now; on PostgreSQL as autovacuum would, which our own server goes without."""
    measure_tables(factory.engine)
    if factory.engine.dialect.name == "postgresql":
        with factory.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _create_entries(county: _County) -> Iterator[float]:
    """Seconds from the wish to the commit of entries with their weeks of lessons, each in free periods."""
    with county.factory() as session:
        drafts, now = _free_entries(session), _first_moment(session)
    for draft in drafts:
        began = time.perf_counter()
        with county.factory.begin() as session:
            scheduling.create_entry(session, draft, now)
        yield time.perf_counter() - began


def _first_moment(session: Session) -> datetime:
    return session.scalars(select(func.min(Lesson.starts_at))).one()


def _free_entries(session: Session) -> list[EntryDraft]:
    """One for each of some main classrooms, at a time at which it has none yet, with the sites it teaches."""
    taken: dict[object, list[TimetableEntry]] = {}
    for entry in session.scalars(select(TimetableEntry).order_by(TimetableEntry.id)):
        taken.setdefault(entry.main_room_id, []).append(entry)
    drafts = []
    for entries in list(taken.values())[:_ENTRIES]:
        session.refresh(entries[0], ["sites"])
        busy = {(entry.weekday, entry.period) for entry in entries}
        weekday, period = next(
            (weekday, period) for weekday in range(1, 6) for period in BELLS if (weekday, period) not in busy
        )
        drafts.append(
            EntryDraft(
                term_id=entries[0].term_id,
                main_room_id=entries[0].main_room_id,
                teacher_id=entries[0].teacher_id,
                receiving_room_ids=tuple(site.receiving_room_id for site in entries[0].sites),
                subject=entries[0].subject,
                title="One more",
                weekday=weekday,
                period=period,
            )
        )
    return drafts
