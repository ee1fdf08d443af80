"""What the curriculum requires, and what of it is planned: the rule against a slow one, and a year over REST."""

import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.keys import Keys
from app.schools import groups
from app.schools.groups import GroupDraft
from app.timetables import headcounts
from app.timetables.calendar import MONDAY_TO_FRIDAY
from app.timetables.curriculum_rules import Class, Count, Periods, Reached, cover, effective
from app.timetables.models import CurriculumRequirement
from tests import counties, factories

UNITS = [uuid.UUID(int=number) for number in range(1, 4)]
GROUPS = [uuid.UUID(int=number) for number in range(11, 15)]
SUBJECTS = ("English", "Music", "Art")
KEYS = st.tuples(st.integers(1, 4), st.sampled_from(SUBJECTS))
PLANS = st.dictionaries(KEYS, st.builds(Periods, st.integers(0, 4), st.just(0)))
COUNTS = st.integers(0, 40)


@st.composite
def classes(draw: st.DrawFn) -> list[Class]:
    found = []
    for group in draw(st.sets(st.sampled_from(GROUPS))):
        grades = tuple(sorted(draw(st.sets(st.integers(1, 4), min_size=1, max_size=3))))
        found.append(Class(draw(st.sampled_from(UNITS)), group, grades, draw(COUNTS)))
    for unit in UNITS:
        found += [Class(unit, None, (g,), 5) for g in draw(st.sets(st.integers(1, 4), max_size=2))]
    return found


@settings(max_examples=30)
@given(PLANS, PLANS, PLANS)
def test_the_nearest_unit_that_says_anything_decides(
    site: dict[Any, Periods], school: dict[Any, Periods], county: dict[Any, Periods]
) -> None:
    for key, periods in effective([site, school, county]).items():
        said = [plan[key] for plan in (site, school, county) if key in plan]
        assert periods == said[0]


@settings(max_examples=50)
@given(
    classes(),
    st.fixed_dictionaries(dict.fromkeys(UNITS, PLANS)),
    st.dictionaries(st.tuples(st.sampled_from(GROUPS), st.sampled_from(SUBJECTS)), COUNTS),
    st.dictionaries(st.tuples(st.sampled_from(UNITS), st.sampled_from(SUBJECTS)), COUNTS),
)
def test_every_class_is_required_what_its_unit_requires_and_no_lesson_is_lost(
    there: list[Class], plans: dict[uuid.UUID, Any], of_groups: dict[Any, int], of_units: dict[Any, int]
) -> None:
    coverage = cover(there, plans, Reached(by_subject(of_groups), by_subject(of_units)), weeks=10)
    expected = sorted(
        (each.unit_id, str(each.group_id), grade, subject, periods.required * 10)
        for each in there
        for (grade, subject), periods in plans[each.unit_id].items()
        if grade in each.grades and periods.required
    )
    cells = list(coverage.cells())
    assert expected == sorted(
        (e.unit_id, str(e.group_id), e.grade, e.subject, e.balance.required) for e in cells
    )
    for (unit, subject), count in of_units.items():
        needing = {(e.group_id, e.grade if e.group_id is None else 0): e.balance.lessons
                   for e in cells if (e.unit_id, e.subject) == (unit, subject)}  # fmt: skip
        left = coverage.unassigned.get((unit, subject), 0)
        if len(needing) == 1:
            ((group, _), planned), *_ = needing.items()
            assert (planned, left) == (counted(count + of_groups.get((group, subject), 0)), 0)
        else:
            assert left == count
    assert all(0 <= each.balance.counted <= each.balance.required for each in cells)


def by_subject(counts: dict[Any, int]) -> dict[Any, dict[str, Count]]:
    found: dict[Any, dict[str, Count]] = {}
    for (whose, subject), count in counts.items():
        found.setdefault(whose, {})[subject] = counted(count)
    return found


def counted(planned: int) -> Count:
    """So many lessons, of which the other counts follow."""
    return Count(planned, planned, planned, 60 * planned, 30 * planned)


def test_a_county_sees_what_its_timetable_leaves_out(
    client: TestClient, session: Session, keys: Keys
) -> None:
    county = counties.county(session, sites=2, first_day=counties.tomorrow(), weeks=4)
    county.term.weekdays = sorted(MONDAY_TO_FRIDAY)
    site, other = county.sites
    combined = groups.create_group(session, GroupDraft(site.unit.id, "一二年级", (1, 2), 9))
    headcounts.put_headcounts(session, county.term, site.unit, {1: 5, 2: 4, 3: 6})
    headcounts.put_headcounts(session, county.term, other.unit, {3: 8})
    bureau, assistant = factories.bearer(keys, county.bureau), factories.bearer(keys, site.assistant)
    county.schedule(session, weekday=2, pupil_group_ids=(combined.id,))
    session.commit()
    term = f"term_id={county.term.id}"

    def put(unit: uuid.UUID, *lines: tuple[Any, ...]) -> Any:
        names = ("grade", "subject", "periods_per_week", "own_periods")
        body = {"requirements": [dict(zip(names, line, strict=False)) for line in lines]}
        return client.put(f"/api/v1/org-units/{unit}/curriculum?{term}", headers=bureau, json=body).json()

    english = [(grade, "English", 2) for grade in (1, 2, 3)]
    whole = put(county.county.id, *english, (3, "Music", 1.5))
    assert whole["weekly"] == {"1": 2, "2": 2, "3": 3.5}
    own = put(site.unit.id, (3, "Music", 2, 1), (1, "English", 0))
    assert [each["subject"] for each in own["own"]] == ["English", "Music"]
    assert own["weekly"] == {"1": 0, "2": 2, "3": 4}
    for bad in (
        (1, "Alchemy", 2),
        (1, "English", 0.3),
        (1, "English", 41),
        (1, "English", 1, 2),
        (13, "Art", 1),
    ):
        assert put(site.unit.id, bad)["code"] in ("subject.unknown", "request.invalid"), bad
    assert put(site.unit.id, *english, english[0])["code"] == "request.invalid"

    def covered(unit: uuid.UUID, header: dict[str, str] = bureau) -> Any:
        return client.get(f"/api/v1/org-units/{unit}/coverage?{term}", headers=header).json()

    here, there = covered(site.unit.id), covered(other.unit.id)
    assert 3.5 < here["weeks"] <= 4.5
    lines = {(line["grade"], line["subject"]): line for line in here["lines"]}
    assert lines.keys() == {(2, "English"), (3, "English"), (3, "Music")}  # grade 1 needs none here
    assert lines[2, "English"]["pupil_group_id"] == str(combined.id)
    assert lines[2, "English"]["planned"] in (3, 4)  # every Tuesday, whenever the term begins
    assert lines[2, "English"]["required"] == pytest.approx(2 * here["weeks"])
    assert (lines[3, "English"]["planned"], lines[3, "English"]["is_opened"]) == (0, False)
    assert lines[3, "Music"]["is_opened"]  # by the site's own teacher
    # Which of its grades comes is not said, but the third is the only one of the other site.
    assert [line["planned"] for line in there["lines"] if line["subject"] == "English"] in ([3], [4])
    assert there["unassigned"] == []
    assert covered(site.unit.id, assistant)["code"] == "access.denied"
    assert put(site.unit.id)["own"] == []


def test_the_database_keeps_a_requirement_in_its_county(session: Session) -> None:
    county, other = counties.county(session, sites=0), factories.county(session)
    row = CurriculumRequirement(
        term_id=county.term.id, org_unit_id=other.id, county_id=other.id, grade=1, subject="Art",
        periods_per_week=1, own_periods=0,
    )  # fmt: skip
    session.add(row)
    with pytest.raises(DBAPIError, match=r"county_of_requirement|of one county"):
        session.flush()
