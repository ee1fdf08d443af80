"""The weekly timetable by tables: planned together, told apart by rows, changed and given out again."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.database import SessionFactory
from app.keys import Keys
from app.lessons.models import Lesson, LessonChange, LessonSite
from app.lessons.rules import LessonState
from app.schools import groups
from app.schools.groups import GroupDraft
from app.schools.models import OrgUnit, PupilGroup
from app.timetables.models import TimetableEntry
from app.timetables.weeks import WeekPattern
from app.transfer import entries
from app.transfer.columns import BadValue
from app.transfer.entry_columns import COLUMNS, as_groups
from app.transfer.weekly import as_period, as_weekday, as_weeks, weekday_in, weeks_in
from app.web.language import Language
from tests import counties, factories
from tests.app.transfer.test_importing import Sender, look

HEAD = ",".join(column.key for column in COLUMNS) + "\n"


def class_of(session: Session, unit: OrgUnit) -> PupilGroup:
    return groups.create_group(session, GroupDraft(unit.id, "1、2年级", (1, 2), 9))


class Timetable:
    """Rows of one main classroom."""

    def __init__(self, county: counties.County) -> None:
        self.county = county
        self.sites = [f"{site.unit.code}/{site.room.code}" for site in county.sites]

    def row(self, **said: Any) -> str:
        one = {
            "term": self.county.term.name, "org_unit": self.county.school.code, "weekday": 1, "period": 1,
            "subject": "English", "teacher": self.county.teacher.login, "sites": "、".join(self.sites),
        }  # fmt: skip
        one |= said
        return ",".join(str(one.get(column, "")) for column in HEAD.strip().split(",")) + "\n"


def test_a_timetable_comes_in_is_corrected_and_goes_out(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    county = counties.county(session, first_day=counties.next_monday(), weeks=4)
    second = factories.person(session, county.school, Role.TEACHER)
    group, there = class_of(session, county.school), class_of(session, county.sites[0].unit)
    head = factories.person(session, county.school, Role.SCHOOL_ADMIN)
    session.commit()
    bureau, table = Sender(client, factories.bearer(keys, county.bureau)), Timetable(county)
    of_site = f"{county.sites[0].unit.code}/{there.name}"
    good = HEAD + (
        table.row(weekday="星期一", groups=f"{group.name}; {of_site}", title="三年级英语")
        + table.row(weekday="Mon", period="第2节", weeks="单周", subject="音乐", status="已发布")
        + table.row(
            weekday="周一", period=2, weeks="双周", subject="Art", mode="专递课堂", teacher=second.name
        )
        + table.row(weekday=2, weeks="第1-2周", sites=county.sites[1].unit.code)
    )
    for dry_run, created in ((True, 4), (False, 4), (False, 0)):
        status, report = bureau.send("timetable-entries", good, dry_run=dry_run)
        assert (status, report["errors"]) == (200, [])
        assert (report["created"], report["changed"], report["unchanged"]) == (created, 0, 4 - created)
    stored = select(Lesson.state, func.count()).group_by(Lesson.state)
    states: dict[Any, int] = dict(look(session_factory, stored))
    assert states == {LessonState.DRAFT: 8, LessonState.PUBLISHED: 2}
    assert look(session_factory, select(func.count()).select_from(LessonSite)) == [(18,)]
    assert look(session_factory, select(func.count()).select_from(LessonChange)) == [(1,)]
    titles = select(TimetableEntry.title).where(TimetableEntry.subject == "Art")
    assert look(session_factory, titles) == [("美术",)]
    planned = select(func.count()).where(AuditEvent.act == "entry.planned")
    assert look(session_factory, planned) == [(4,)]
    for form, language in (("csv", "zh"), ("xlsx", "en")):
        exported = bureau.get(f"/api/v1/exports/timetable-entries.{form}", **{"Accept-Language": language})
        _, report = bureau.send("timetable-entries", exported, dry_run=False)
        assert (report["unchanged"], report["rows"]) == (4, 4)

    # A school sees what is published; it plans nothing.
    school = Sender(client, factories.bearer(keys, head))
    assert school.send("timetable-entries", good)[0] == 403
    assert school.get("/api/v1/exports/timetable-entries.csv").count(b"\n") == 2

    # Corrections: another teacher, published now; what clashes with what is there says so, and nothing is changed.
    changes = good.replace("三年级英语", "四年级英语").replace(
        f",{county.teacher.login},{county.sites[1].unit.code},,,,\n",
        f",{second.login},{county.sites[1].unit.code},,published,,\n",
    )
    for dry_run in (True, False, False):
        _, report = bureau.send("timetable-entries", changes, dry_run=dry_run)
        assert (report["errors"], report["changed"] + report["unchanged"]) == ([], 4)
    assert report["changed"] == 0
    taught = select(Lesson.teacher_id, Lesson.state).where(Lesson.period == 1).distinct()
    assert {(teacher, state) for teacher, state in look(session_factory, taught)} == {
        (county.teacher.id, LessonState.DRAFT),
        (second.id, LessonState.PUBLISHED),
    }
    assert bureau.faults("timetable-entries", changes.replace("published", "draft")) == [
        (5, "O5", "entry.published")
    ]
    # What one row changes may be in the way of another row, which learns it although nothing is stored yet.
    other = factories.room(session, county.school)
    counties.pair(session, other, county.sites[0].room, county.term)
    session.commit()
    slot = {"weekday": 2, "weeks": "第1-2周", "status": "published"}
    busy = (
        HEAD
        + table.row(**slot, main_room=county.main_room.code, sites=table.sites[1], title="换名")
        + table.row(**slot, main_room=other.code, sites=table.sites[0], teacher=second.login)
        + table.row(**slot, main_room=other.code, sites=table.sites[0], teacher=second.login, period=2)
    )
    assert bureau.faults("timetable-entries", busy.replace(second.login, county.teacher.login)) == [
        (3, "L3", "clash.row"),
        (3, "D3", "clash.free"),
    ]
    assert bureau.faults("timetable-entries", busy) == []
    for bound, code in (("MOST_NEW", "entry.too_many"), ("MOST_BOOKED", "entry.too_much")):
        with pytest.MonkeyPatch.context() as fewer:
            fewer.setattr(entries, bound, 1)
            assert bureau.faults("timetable-entries", busy)[-1][1:] == (None, code)


def test_rows_with_their_ids_move_lessons_and_call_them_off(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    county = counties.county(session, first_day=counties.next_monday(), weeks=4)
    session.commit()
    bureau, table = Sender(client, factories.bearer(keys, county.bureau)), Timetable(county)
    slots = ((1, 1), (2, 1), (3, 1), (4, 1))
    good = HEAD + "".join(table.row(weekday=day, period=period) for day, period in slots)
    assert bureau.send("timetable-entries", good, dry_run=False)[1]["created"] == 4
    exported = bureau.get("/api/v1/exports/timetable-entries.csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(exported)))

    def send(wanted: list[dict[str, str]], dry_run: bool = False) -> Any:
        text = io.StringIO()
        writer = csv.DictWriter(text, wanted[0].keys())
        writer.writeheader()
        writer.writerows(wanted)
        report = bureau.send("timetable-entries", text.getvalue(), dry_run=dry_run)[1]
        return report.get("report", report)

    def stand() -> set[tuple[int, int, str]]:
        there = select(Lesson.date, Lesson.period, Lesson.title).where(Lesson.state != LessonState.CANCELLED)
        return {(day.isoweekday(), period, title) for day, period, title in look(session_factory, there)}

    # Each takes the place of the next one, in whatever order; the last one is called off, with a reason.
    moved = [dict(row) for row in rows]
    for row, weekday in zip(moved, ("星期二", "星期三", "星期四"), strict=False):
        row["星期"] = weekday
    moved[0]["课程名称"] = "首行"
    moved[3] |= {"状态": "停课", "调整原因": "并校"}
    assert {key: send(moved, True)[key] for key in ("errors", "changed", "created")} == {
        "errors": [],
        "changed": 4,
        "created": 0,
    }
    assert send(moved)["changed"] == 4
    assert stand() == {(2, 1, "首行"), (3, 1, "英语"), (4, 1, "英语")}
    again = send(moved)
    assert (again["unchanged"], again["changed"], again["created"]) == (4, 0, 0)
    called_off = select(AuditEvent.after).where(AuditEvent.act == "entry.withdrawn")
    assert "并校" in str(look(session_factory, called_off))

    # Three go round, then two change places: nobody waits for a place to be free first.
    for days in ((3, 4, 2), (4, 3, 2), (2, 3, 4)):
        for row, day in zip(moved, days, strict=False):
            row["星期"] = str(day)
        assert (send(moved, True)["errors"], send(moved)["errors"]) == ([], [])
        assert stand() == {(days[0], 1, "首行"), (days[1], 1, "英语"), (days[2], 1, "英语")}
    # A new one may take the place that another leaves in the same file.
    back = [dict(row) for row in rows[:2]]
    back[1] |= {"星期": "星期五"}
    there_now = dict(rows[1]) | {"课表编号": "", "星期": "星期三", "课程名称": "新课"}
    assert [send([*back, there_now], True)[key] for key in ("errors", "changed", "created")] == [[], 2, 1]
    copied = [moved[0], moved[0] | {"星期": "星期五"}]
    assert [(each["row"], each["code"]) for each in send(copied, True)["errors"]] == [(3, "entry.id_twice")]
    # What is in the way stays in it; what cannot move says so; a row of its own is told that it stands beside another.
    moved[0]["星期"] = "星期三"
    assert [(each["cell"], each["code"]) for each in send(moved)["errors"]] == [
        ("L2", "clash.row"),
        ("D2", "clash.free"),
    ]
    moved[0] |= {"星期": "星期二", "开始日期": str(county.term.first_day + timedelta(days=7))}
    moved[1]["课表编号"] = "7"
    moved[3]["状态"] = "草稿"
    assert [(each["column"], each["code"]) for each in send(moved)["errors"]] == [
        ("开始日期", "entry.start_fixed"),
        ("课表编号", "cell.bad_id"),
        ("课表编号", "entry.gone"),
    ]
    beside = HEAD + table.row(weekday=5)
    (remark,) = bureau.send("timetable-entries", beside)[1]["remarks"]
    assert remark["code"] == "entry.beside"


def test_every_row_that_cannot_be_says_which_lesson_what_and_when(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    county = counties.county(session, first_day=counties.next_monday(), weeks=4)
    namesakes = [factories.person(session, county.school, Role.TEACHER) for _ in range(2)]
    for each in namesakes:
        each.name = "李老师"
    retired = factories.person(session, county.school, Role.TEACHER, valid_to=counties.tomorrow())
    group = class_of(session, county.school)
    alone = factories.teaching_site(session, county.county)
    now = counties.NOW
    county.schedule(session, now, weekday=3, title="原有课")
    session.commit()
    bureau, table = Sender(client, factories.bearer(keys, county.bureau)), Timetable(county)
    days = {"first_day": county.term.first_day, "last_day": county.term.last_day}
    wrong = (
        HEAD
        + (
            table.row(**days)  # 2: nothing is wrong with it
            + table.row(
                weeks="双周", teacher=county.teacher.login
            )  # 3: the same teacher and rooms in some of the weeks
            + table.row(weekday=3, weeks="单周", groups=group.name)  # 4: what is there
            + table.row(weekday=4, period=7)
            + table.row(weekday=4, teacher="李老师")
            + table.row(weekday=4, teacher="nobody")
            + table.row(weekday=5, teacher=retired.login)
            + table.row(weekday=4, sites=alone.code)
            + table.row(weekday=4, weeks="第1-9周")
            + table.row(weekday=4, groups="nowhere/一班")
            + table.row(weekday=4, mode="dedicated", groups=group.name)
            + table.row(weekday="一月", period="x", weeks="冬天")
            + table.row(term="春季")
            + table.row(**days)  # 15
            + table.row(weekday=4, sites=f"{table.sites[0]}、{table.sites[0][:-3]}nowhere")
            + table.row(weekday=4, weeks="每周", first_day="2026-09-09", last_day="2026-09-08")
        )
    )
    found = bureau.faults("timetable-entries", wrong)
    assert found == [
        (3, "L3", "clash.row"),
        (3, "D3", "clash.free"),
        (4, "L4", "clash.lesson"),
        (4, "D4", "clash.free"),
        (5, "E5", "timetable.period_unknown"),
        (6, "L6", "teacher.name_shared"),
        (7, "L7", "teacher.not_found"),
        (8, "L8", "timetable.not_a_teacher"),
        (9, "M9", "room.no_receiving_room"),
        (10, "F10", "timetable.outside_term"),
        (11, "N11", "org_unit.not_found"),
        (12, "N12", "timetable.main_class_taught"),
        (13, "D13", "cell.no_weekday"),
        (13, "E13", "cell.no_number"),
        (13, "F13", "cell.bad_weeks"),
        (14, "A14", "term.not_found"),
        (15, "E15", "row.twice"),
        (16, "M16", "room.not_found"),
        (17, "G17", "timetable.outside_term"),
    ]
    status, answer = bureau.send("timetable-entries", wrong, {"Accept-Language": "zh"}, dry_run=False)
    assert (status, answer["code"]) == (422, "import.refused")
    row, free, lesson = (each["detail"] for each in answer["report"]["errors"][:3])
    assert (
        row.startswith("与第 2 行“英语”同时：")
        and f"需要：{county.teacher.name}, {county.main_room.name}" in row
    )
    assert "08:00–08:40" in row and "“原有课”，共 2 次" in lesson and "1-2" in free
    assert look(session_factory, select(func.count()).select_from(TimetableEntry)) == [(1,)]


PATTERNS = [
    ("每周", (WeekPattern.EVERY, ())),
    ("Every week", (WeekPattern.EVERY, ())),
    ("单周", (WeekPattern.ODD, ())),
    ("even weeks", (WeekPattern.EVEN, ())),
    ("第1-3、8周", (WeekPattern.LISTED, (1, 2, 3, 8))),
    ("1-6周(单)", (WeekPattern.LISTED, (1, 3, 5))),
    ("weeks 1-6 (even)", (WeekPattern.LISTED, (2, 4, 6))),
    ("２，４", (WeekPattern.LISTED, (2, 4))),
]


@pytest.mark.parametrize(("written", "meant"), PATTERNS)
def test_weeks_as_people_write_them(written: str, meant: object) -> None:
    assert as_weeks(written) == meant


@given(st.sets(st.integers(1, 60), min_size=1), st.sampled_from(Language), st.integers(1, 7))
def test_weeks_and_weekdays_are_read_as_they_are_written(
    weeks: set[int], language: Language, weekday: int
) -> None:
    listed = (WeekPattern.LISTED, tuple(sorted(weeks)))
    for pattern in (listed, *((each, ()) for each in WeekPattern if each is not WeekPattern.LISTED)):
        assert as_weeks(weeks_in(pattern, language)) == pattern
    assert as_weekday(weekday_in(weekday, language)) == weekday
    assert as_period(f"第{weekday}节") == as_period(float(weekday)) == weekday


@pytest.mark.parametrize("written", ["0", "61", "3-1", "夏", "1,,x", "(单)"])
def test_weeks_that_are_none(written: str) -> None:
    with pytest.raises(BadValue):
        as_weeks(written)


def test_groups_may_be_called_anything() -> None:
    names = ["S1/1、2年级", "S1/a; b", "三(1)班", "T-1/x/y"]
    assert as_groups("; ".join([names[2], *names[:2], names[3]])) == [names[2], *names[:2], names[3]]
    assert as_groups("一班；二班;") == ["一班", "二班"]
