"""Bells by tables: schedules with their periods, winter after summer, and the lessons that stand on them."""

from collections.abc import Collection
from datetime import date, time, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import xlsxwriter
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.database import SessionFactory
from app.keys import Keys
from app.lessons import bells_at_once
from app.lessons.models import Lesson
from app.lessons.rules import LessonState
from app.timetables.models import BellSchedule, Period
from app.transfer.columns import BadValue
from app.transfer.weekly import as_clock
from tests import counties, factories
from tests.app.transfer.test_importing import Sender, look

HEAD = "org_unit,name,valid_from,valid_to,period,starts_at,ends_at\n"


def schedule(unit: str, name: str, first: date, last: date, *periods: tuple[int, str, str]) -> str:
    return "".join(f"{unit},{name},{first},{last},{n},{begin},{end}\n" for n, begin, end in periods)


def test_winter_begins_by_a_table_and_lessons_follow_when_they_are_told_to(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys, tmp_path: Path
) -> None:
    first = counties.tomorrow()
    county = counties.county(session, sites=1, first_day=first, weeks=4)
    county.schedule(session, counties.NOW, weekday=first.isoweekday(), title="英语课")
    head = factories.person(session, county.school, Role.SCHOOL_ADMIN)
    session.commit()
    bureau = Sender(client, factories.bearer(keys, county.bureau))
    root, school, site = county.county.code, county.school.code, county.sites[0].unit.code
    last, winter = county.term.last_day, first + timedelta(days=14)
    exported = bureau.get("/api/v1/exports/bell-schedules.csv", **{"Accept-Language": "en"})
    assert bureau.send("bell-schedules", exported)[1]["unchanged"] == 2

    # The year's bells end, and winter's begin, as one act: in between no lesson is without a period.
    autumn = ((1, "8:00", "8时40分"), (2, "08:40", "09:20:00"))
    cold = ((1, "8:30", "9:10"), (2, "9:20", "10:00"))
    table = (
        HEAD
        + schedule(root, "Autumn", first, winter - timedelta(days=1), *autumn)
        + schedule(root, "Winter", winter, last, *cold)
    )
    only_winter = HEAD + schedule(root, "Winter", winter, last, *cold)
    assert bureau.faults("bell-schedules", only_winter) == [(2, "C2", "bells.overlap")]
    assert bureau.faults("bell-schedules", table) == [(4, "F4", "bells.moving")]
    assert bureau.send("bell-schedules", table, dry_run=False)[0] == 422
    follow = "bell-schedules&lessons=follow"
    for dry_run in (True, False):
        _, report = bureau.send(follow, table, {"Accept-Language": "en"}, dry_run=dry_run)
        assert (report["errors"], report["created"], report["changed"]) == ([], 2, 2)
        assert (
            "move with the bells: 2; that are cancelled for want of their period: 0"
            in report["remarks"][0]["detail"]
        )
    lessons = select(Lesson.starts_at, Lesson.state).order_by(Lesson.date)
    times = [(begin.strftime("%H:%M"), state) for begin, state in look(session_factory, lessons)]
    assert times == [("00:00", LessonState.PUBLISHED)] * 2 + [("00:30", LessonState.PUBLISHED)] * 2
    assert bureau.send("bell-schedules", table, dry_run=False)[1]["unchanged"] == 4
    acts = (
        select(AuditEvent.act).where(AuditEvent.subject_kind == "bell_schedule").order_by(AuditEvent.number)
    )
    assert look(session_factory, acts) == [("bells.changed",), ("bells.put_in_force",)]

    # A site whose own bells leave it without a period then; and what cannot be at all.
    apart = HEAD + schedule(site, "教学点", first, last, (1, "11:00", "11:40"))
    assert bureau.faults(follow, apart) == [(2, "F2", "bells.apart")]
    wrong = (
        HEAD
        + schedule(school, "A", first, first - timedelta(days=1), (1, "8:00", "8:40"))
        + schedule(school, "B", winter, last, (1, "8:00", "8:40"), (2, "8:30", "9:00"), (2, "9:00", "9:30"))
        + schedule(site, "C", first, last, (1, "9:00", "8:00"), (100, "9:00", "9:30"), (3, "soon", "25:00"))
        + schedule(site, "D", first, last, (4, "9:00", "9:40"))
        + schedule("nowhere", "E", first, last, (1, "8:00", "8:40"))
    )
    assert bureau.faults("bell-schedules", wrong) == [
        (2, "D2", "days.reversed"),
        (4, "F4", "bells.periods_overlap"),
        (5, "E5", "row.twice"),
        (6, "G6", "bells.period_reversed"),
        (7, "E7", "cell.out_of_range"),
        (8, "F8", "cell.no_time"),
        (8, "G8", "cell.no_time"),
        (9, "B9", "bells.rows_differ"),
        (10, "A10", "org_unit.not_found"),
    ]

    # A school's admin sets the own school's bells, typed as times into a workbook, and nobody else's.
    mine = Sender(client, factories.bearer(keys, head))
    assert mine.faults("bell-schedules", table.replace("Winter", "冬季")) == [(4, "A4", "access.denied")]
    with xlsxwriter.Workbook(tmp_path / "own.xlsx") as book:
        sheet, clock = book.add_worksheet(), book.add_format({"num_format": "h:mm"})
        sheet.write_row(0, 0, HEAD.strip().split(","))
        sheet.write_row(1, 0, [school, "本校", "2099-01-01", "2099-06-30", 1])
        sheet.write_datetime(1, 5, time(8), clock)
        sheet.write_datetime(1, 6, time(8, 45), clock)
    assert mine.send("bell-schedules", (tmp_path / "own.xlsx").read_bytes(), dry_run=False)[1]["created"] == 1
    named = select(BellSchedule.name).where(BellSchedule.org_unit_id == county.school.id)
    assert look(session_factory, named) == [("本校",)]


def test_what_a_page_changed_until_the_table_has_its_turn_stays(
    client: TestClient,
    session: Session,
    session_factory: SessionFactory,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    county = counties.county(session, sites=1, first_day=counties.tomorrow(), weeks=2)
    session.commit()
    hold = bells_at_once.hold

    def hold_a_moment_late(session: Session, unit_ids: Collection[UUID]) -> None:
        second = update(Period).where(Period.number == 2)
        session.execute(second.values(ends_at=time(9, 35)).execution_options(synchronize_session=False))
        hold(session, unit_ids)

    monkeypatch.setattr(bells_at_once, "hold", hold_a_moment_late)
    bureau = Sender(client, factories.bearer(keys, county.bureau))
    first = HEAD + schedule(
        county.county.code, "New name", county.term.first_day, county.term.last_day, (1, "8:00", "8:40")
    )
    assert bureau.send("bell-schedules", first, dry_run=False)[1]["changed"] == 1
    assert look(session_factory, select(Period.ends_at).order_by(Period.number)) == [
        (time(8, 40),),
        (time(9, 35),),
    ]
    assert look(session_factory, select(BellSchedule.name)) == [("New name",)]


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        (0.375, time(9)),
        ("８：０５", time(8, 5)),
        ("24:00", time(0)),
        ("00:00", time(0)),
        (0.999, None),
        ("9", None),
    ],
)
def test_times_of_the_day(cell: str | float, meant: time | None) -> None:
    if meant is not None:
        assert as_clock(cell) == meant
    else:
        with pytest.raises(BadValue):
            as_clock(cell)
