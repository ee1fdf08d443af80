"""Reports: every figure is the sum of a list that can be looked at, down to single lessons."""

import io
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.keys import Keys
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import LessonState, SiteState
from app.reports.rules import Figures, divided, total
from app.schemas import encode_cursor
from app.schools import groups
from app.schools.groups import GroupDraft
from app.schools.models import OrgUnit
from app.schools.rules import OrgUnitKind
from app.timetables import curriculum, headcounts
from app.timetables.curriculum_rules import Balance, Cell, Count, Periods
from tests import counties, factories
from tests.counties import County

REPORTS = "/api/v1/reports"
COUNTS = st.integers(0, 9)
PERIODS = st.integers(0, 900).map(lambda hundredths: hundredths / 100)
SECONDS = st.integers(0, 9999)
CELLS = st.lists(
    st.builds(
        Cell,
        unit_id=st.sampled_from([UUID(int=1), UUID(int=2)]),
        group_id=st.sampled_from([None, UUID(int=3), UUID(int=4)]),
        grade=st.integers(1, 3),
        subject=st.sampled_from(["English", "Music"]),
        pupils=COUNTS,
        balance=st.builds(
            Balance, PERIODS, PERIODS, st.builds(Count, COUNTS, COUNTS, COUNTS, SECONDS, SECONDS)
        ),
    ),
    max_size=12,
)


@given(CELLS)
def test_whatever_a_county_is_divided_by_adds_up(cells: list[Cell]) -> None:
    whole = divided(cells, lambda _cell: "all").get("all", Figures())
    assert asdict(whole) == figures_of(cells)
    assert whole.opening_rate == (round(whole.opened / len(cells), 4) if cells else None)
    assert whole.full_hours_rate is None or 0 <= whole.full_hours_rate <= 1
    for key in ("unit_id", "group_id", "grade", "subject"):
        parts = divided(cells, lambda cell, key=key: getattr(cell, key))  # type: ignore[misc]
        assert total(parts.values()) == whole
        for at, part in parts.items():
            assert asdict(part) == figures_of([each for each in cells if getattr(each, key) == at])


def figures_of(cells: list[Cell]) -> dict[str, float]:
    """The sums, cell by cell, in whole hundredths."""
    sums = dict.fromkeys((each.name for each in fields(Figures)), 0)
    for cell in cells:
        required, own, (planned, due, delivered, *seconds) = cell.balance
        minutes = [round(each / 60) for each in seconds]
        for name, value in {
            "cells": 1,
            "opened": planned > 0 or own > 0,
            "opened_delivered": delivered > 0 or own > 0,
            "required": required,
            "own": own,
            "planned": planned,
            "counted": min(own + planned, required),
            "due": due,
            "delivered": delivered,
            "delivered_counted": min(own + delivered, required),
            "due_minutes": minutes[0],
            "delivered_minutes": minutes[1],
        }.items():
            sums[name] += round(value * 100)
    return {name: value / 100 for name, value in sums.items()}


def sum_of(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            if not name.endswith("_rate") and "rate_" not in name:
                found[name] = found.get(name, 0) + value
    return found


@dataclass
class Scene:
    """A county of which everything is a little different at every place."""

    client: TestClient
    county: County
    township: OrgUnit
    other: OrgUnit
    bureau: dict[str, str]
    head: dict[str, str]
    other_head: dict[str, str]

    def get(self, address: str, header: dict[str, str] | None = None) -> Any:
        answer = self.client.get(address, headers=header or self.bureau)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def all(self, address: str) -> list[Any]:
        """All items of a list that is read in small pages."""
        items, after = [], ""
        while True:
            page = self.get(f"{address}&limit=2{after}")
            items += page["items"]
            if page["next"] is None:
                return items
            after = f"&after={page['next']}"

    def units_in_order(self) -> list[str]:
        """The names of those with classes as the county is told: by code, below the unit above them."""
        county = self.county
        units = [county.school, *(site.unit for site in county.sites)]
        found = {unit.code: unit.name for unit in units}
        found[f"{self.township.code}/{self.other.code}"] = self.other.name
        return [found[place] for place in sorted(found)]

    def coverage(self, query: str = "", header: dict[str, str] | None = None) -> Any:
        return self.get(f"{REPORTS}/coverage?term_id={self.county.term.id}{query}", header)


@pytest.fixture
def scene(client: TestClient, session: Session, keys: Keys) -> Scene:
    county = counties.county(session, first_day=counties.tomorrow(), weeks=3)
    named, unnamed = county.sites
    township = factories.org_unit(session, county.county, OrgUnitKind.TOWNSHIP)
    other = factories.org_unit(session, township, name="=HYPERLINK(0)")
    own = groups.create_group(session, GroupDraft(county.school.id, "三年级", (3,), 40))
    combined = groups.create_group(session, GroupDraft(named.unit.id, "复式", (1, 2), 9))
    groups.create_group(session, GroupDraft(named.unit.id, "三年级", (3,), 6))
    headcounts.put_headcounts(session, county.term, unnamed.unit, {3: 8})
    headcounts.put_headcounts(session, county.term, other, {1: 30, 3: 31})
    plan = {(grade, "English"): Periods(2) for grade in (1, 2, 3)} | {(3, "Music"): Periods(1, 0.5)}
    curriculum.put_curriculum(session, county.term, county.county, plan)
    day = counties.tomorrow().isoweekday()
    weekly = county.schedule(session, weekday=day, pupil_group_ids=(own.id, combined.id)).entry.id
    county.schedule(session, weekday=day, period=2, subject="Music", pupil_group_ids=(own.id,))
    first, second, *_ = session.scalars(
        select(Lesson).where(Lesson.entry_id == weekly).order_by(Lesson.starts_at)
    )
    first.state = LessonState.ENDED
    first.went_live_at, first.ended_at = (first.starts_at + timedelta(minutes=each) for each in (-5, 30))
    first.live_seconds = 27 * 60  # away for three minutes
    second.state, second.sequence = LessonState.CANCELLED, 1
    there = (LessonSite.lesson_id == first.id, LessonSite.site_id == named.unit.id)
    session.execute(
        update(LessonSite)
        .where(*there)
        .values(
            state=SiteState.LEFT, joined_at=first.starts_at + timedelta(minutes=10), received_seconds=17 * 60
        )
    )
    bureau, head, other_head = (
        factories.bearer(keys, person)
        for person in (
            county.bureau,
            factories.person(session, county.school, Role.SCHOOL_ADMIN),
            factories.person(session, other, Role.SCHOOL_ADMIN),
        )
    )
    session.commit()
    return Scene(client, county, township, other, bureau, head, other_head)


def test_figures_add_up_from_the_county_to_the_single_lesson(scene: Scene) -> None:
    county = scene.county
    whole = scene.coverage()
    assert whole["weeks"] == 3
    figures = whole["total"]
    # Eight cells: 4 of English and 1 of Music at the school and the named site, 2 at the other, 3 at the other school.
    cells = {
        (cell["org_unit_id"], cell["grade"], cell["subject"]): cell
        for cell in scene.all(f"{REPORTS}/coverage/cells?term_id={county.term.id}")
    }
    assert len(cells) == figures["cells"]
    school, named, unnamed = (str(county.school.id), *(str(site.unit.id) for site in county.sites))
    english = {unit: cells[unit, 3, "English"] for unit in (school, unnamed, str(scene.other.id))}
    assert [(each["planned"], each["delivered"]) for each in english.values()] == [(2, 1), (2, 0), (0, 0)]
    assert cells[named, 1, "English"]["planned"] == cells[named, 2, "English"]["planned"] == 2
    assert cells[named, 1, "English"]["delivered"] == 1, "the site was there"
    assert cells[named, 3, "English"]["planned"] == 0, "its lessons name the other group"
    assert cells[named, 3, "Music"]["planned"] == 3, "the only class there that needs it"
    for cell in cells.values():
        for counted, narrowed in (("planned", ""), ("delivered", "&delivered=true")):
            lessons = scene.all(cell["lessons"] + narrowed) if cell["lessons"] else []
            assert len(lessons) == cell[counted], cell
            if counted == "delivered":
                seconds = sum(each["delivered_seconds"] for each in lessons)
                assert cell["delivered_minutes"] == round(seconds / 60), cell
    for by in ("area", "site", "grade", "subject"):
        divided_by = scene.coverage(f"&by={by}")
        parts = [row["figures"] for row in divided_by["rows"]]
        assert sum_of(parts) == pytest.approx(sum_of([figures])), by
        for row in divided_by["rows"]:
            behind = scene.all(row["cells"])
            assert len(behind) == row["figures"]["cells"]
            for name in (
                "required",
                "own",
                "planned",
                "due",
                "delivered",
                "due_minutes",
                "delivered_minutes",
            ):
                assert sum(cell[name] for cell in behind) == pytest.approx(row["figures"][name]), (row, name)
            if row["within"]:
                assert scene.get(row["within"])["total"] == row["figures"]
    # 27 minutes at the school, 17 at a site whose combined group counts for both of its grades.
    assert (figures["delivered_minutes"], figures["due_minutes"]) == (27 + 2 * 17, 4 * 40)
    assert figures["full_hours_rate"] == round(figures["counted"] / figures["required"], 4)
    short = scene.all(f"{REPORTS}/coverage/cells?term_id={county.term.id}&only=unopened")
    assert len(short) == figures["cells"] - figures["opened"]


def sheets_of(file: bytes) -> dict[str, list[list[str]]]:
    """The cells of a workbook as texts, row by row, read straight from its parts (ECMA-376)."""
    space = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(io.BytesIO(file)) as parts:

        def part(name: str) -> ElementTree.Element:
            return ElementTree.fromstring(parts.read(f"xl/{name}.xml"))

        texts = ["".join(each.itertext()) for each in part("sharedStrings")]

        def text(cell: ElementTree.Element) -> str:
            assert cell.find("x:f", space) is None, "no formula"
            value = cell.findtext("x:v", "", space)
            return texts[int(value)] if cell.get("t") == "s" else value

        names = [each.get("name", "") for each in part("workbook").iterfind(".//x:sheet", space)]
        return {
            name: [
                [text(cell) for cell in row.iterfind("x:c", space)]
                for row in part(f"worksheets/sheet{number}").iterfind(".//x:row", space)
            ]
            for number, name in enumerate(names, start=1)
        }


def test_the_workbook_says_the_same(scene: Scene) -> None:
    term = f"term_id={scene.county.term.id}"
    figures = scene.coverage()["total"]
    for language, total_word in (("en", "Total"), ("zh", "合计")):
        answer = scene.client.get(f"{REPORTS}/workbook?{term}&language={language}", headers=scene.bureau)
        sheets = sheets_of(answer.content)
        about, *tables, main_rooms, receiving_rooms, unserved, unassigned, listed = sheets.values()
        assert about[0][1] == scene.county.county.name
        assert [scene.county.term.name, f"{scene.county.term.first_day} – {scene.county.term.last_day}"] == [
            row[1] for row in about[1:3]
        ]
        assert len(unassigned) == 1  # the heads
        for parts in tables:
            assert parts[-1][0] == total_word
            assert [float(parts[-1][place]) for place in (1, 6, 8)] == [
                figures[name] for name in ("cells", "required", "planned")
            ]
        assert len(listed) == figures["cells"] + 1 and len(unserved) == 3
        assert sum(float(row[4]) for row in listed[1:]) == figures["required"]
        assert (len(main_rooms), len(receiving_rooms)) == (2, 3)
        assert any(row[0] == "'=HYPERLINK(0)" for row in listed)
        places = [row[0].removeprefix("'") for row in listed[1:]]
        assert list(dict.fromkeys(places)) == scene.units_in_order()
    own = f"{REPORTS}/workbook?{term}&org_unit_id={scene.county.school.id}&own=true"
    *_, main_rooms, receiving_rooms, _, _, listed = sheets_of(
        scene.client.get(own, headers=scene.bureau).content
    ).values()
    assert [len(each) - 1 for each in (main_rooms, receiving_rooms, listed)] == [1, 0, 2]


def test_rooms_who_is_left_out_and_how_far_one_sees(scene: Scene) -> None:
    county, term = scene.county, f"term_id={scene.county.term.id}"
    for kind, rooms in (("main", 1), ("receiving", 2)):
        shown = scene.get(f"{REPORTS}/rooms?{term}&kind={kind}")
        assert len(shown["rows"]) == rooms and shown["per_week"] == round(5 / 3, 2)
        for row in shown["rows"]:
            assert len(scene.all(row["lessons"])) == row["planned"] == 5
            assert len(scene.all(row["lessons"] + "&delivered=true")) == row["delivered"]
    (row,) = scene.get(f"{REPORTS}/rooms?{term}")["rows"]
    assert (row["delivered"], row["due"]) == (1, 1)  # it ended before its time
    for kind, minutes in (("main", [27]), ("receiving", [0, 17])):
        shown = scene.get(f"{REPORTS}/rooms?{term}&kind={kind}")
        assert sorted(row["delivered_minutes"] for row in shown["rows"]) == minutes
        assert shown["delivered_minutes"] == sum(minutes) <= shown["due_minutes"]
    left_out = scene.get(f"{REPORTS}/unserved?{term}")["items"]
    assert scene.get(f"{REPORTS}/unserved?{term}&limit=1")["items"] == left_out[:1]
    after = scene.get(f"{REPORTS}/unserved?{term}&limit=1")["next"]
    assert scene.get(f"{REPORTS}/unserved?{term}&after={after}") == {"items": left_out[1:], "next": None}
    assert [(each["org_unit_id"], each["grades"], each["pupils"]) for each in left_out] == [
        (str(scene.other.id), [1], 30),
        (str(scene.other.id), [3], 31),
    ]
    assert scene.coverage()["unserved"] == 2
    own = scene.coverage("", scene.head)
    assert own["total"] == scene.coverage(f"&org_unit_id={county.school.id}")["total"]
    assert own["total"]["cells"] == 2
    # The school's township is out of reach of its admin, who sees the school instead.
    (row,) = scene.coverage("", scene.other_head)["rows"]
    assert (row["name"], row["org_unit_id"]) == (scene.other.name, str(scene.other.id))
    assert scene.get(row["within"], scene.other_head)["total"] == row["figures"]
    for address in (
        f"coverage?{term}&org_unit_id={scene.other.id}",
        f"lessons?{term}&unit_id={scene.other.id}",
        f"lessons?{term}&receiving_room_id={county.sites[0].room.id}",
        f"coverage?term_id={UUID(int=7)}",
    ):
        assert scene.client.get(f"{REPORTS}/{address}", headers=scene.head).status_code == 404, address
    for address in ("", f"&pupil_group_id={UUID(int=7)}&main_room_id={county.main_room.id}"):
        answer = scene.client.get(f"{REPORTS}/lessons?{term}{address}", headers=scene.bureau)
        assert answer.json()["code"] == "report.whose"
    zoneless = encode_cursor("2026-09-07T08:00:00", str(UUID(int=7)))
    for address in (f"&after={zoneless}", "&subject=%00"):
        room = f"{REPORTS}/lessons?{term}&main_room_id={county.main_room.id}"
        assert scene.client.get(room + address, headers=scene.bureau).status_code == 422, address


def test_a_lesson_made_up_for_counts_once_and_what_is_closed_not_at_all(
    scene: Scene, session: Session
) -> None:
    county, term = scene.county, f"term_id={scene.county.term.id}"
    before = scene.coverage()["total"]
    lesson = session.scalars(
        select(Lesson).where(Lesson.subject == "English").order_by(Lesson.date.desc())
    ).first()
    assert lesson is not None
    lesson.state = LessonState.MISSED
    session.commit()
    assert scene.coverage()["total"] == before, "a missed lesson was planned"
    later = {"date": str(lesson.date + timedelta(days=1)), "period": 1}
    made = scene.client.post(f"/api/v1/lessons/{lesson.id}/make-up", headers=scene.bureau, json=later)
    assert made.status_code == 201, made.text
    assert scene.coverage()["total"] == before
    behind = scene.all(scene.get(f"{REPORTS}/rooms?{term}")["rows"][0]["lessons"])
    assert len(behind) == 5 and str(lesson.id) not in {each["id"] for each in behind}

    coverage = f"/api/v1/org-units/{scene.other.id}/coverage?term_id={county.term.id}"
    assert len(scene.get(coverage)["lines"]) == 3
    other, spare = session.merge(scene.other), factories.room(session, county.school)
    other.closed_from = spare.closed_from = county.term.first_day
    session.commit()
    assert scene.coverage()["total"]["cells"] == before["cells"] - 3
    assert scene.get(coverage)["lines"] == []
    assert len(scene.get(f"{REPORTS}/rooms?{term}")["rows"]) == 1
