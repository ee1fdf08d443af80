"""Pupils counted by grade, over REST, and the rule that sets them beside the groups they are taught in."""

import uuid
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.keys import Keys
from app.schools import groups
from app.schools.groups import GroupDraft
from app.timetables import service as timetables
from app.timetables.grades import GroupCount, bands_of
from app.timetables.models import Headcount
from app.timetables.service import TermDraft
from tests import factories

GRADES = st.integers(1, 12)
PUPILS = st.dictionaries(GRADES, st.integers(0, 60))
GROUPS = st.lists(
    st.builds(GroupCount, st.uuids(), st.frozensets(GRADES, min_size=1, max_size=4), st.integers(0, 60))
)


@given(PUPILS, GROUPS)
def test_every_pupil_and_every_group_is_in_one_band(pupils: dict[int, int], taught: list[GroupCount]) -> None:
    bands = bands_of(pupils, taught)
    named = [grade for band in bands for grade in band.grades]
    assert len(named) == len(set(named))
    assert set(named) == set(pupils).union(*(group.grades for group in taught))
    assert sum(band.pupils for band in bands) == sum(pupils.values())
    assert sum(band.in_groups for band in bands) == sum(group.headcount for group in taught)
    for group in taught:
        assert sum(group in band.groups for band in bands) >= 1
    # No band is larger than it has to be: only a chain of groups keeps grades together.
    for band in bands:
        reached = {band.grades[0]}
        for _ in band.grades:
            reached |= {grade for group in band.groups if group.grades & reached for grade in group.grades}
        assert reached == set(band.grades)


def test_a_village_school_counts_its_pupils(client: TestClient, session: Session, keys: Keys) -> None:
    county = factories.county(session)
    school = factories.school(session, county)
    site, other = factories.teaching_site(session, school), factories.teaching_site(session, county)
    term = timetables.create_term(session, county.id, TermDraft("秋", date(2026, 9, 1), date(2027, 1, 22)))
    groups.create_group(session, GroupDraft(site.id, "一二年级复式班", (1, 2), 9))
    head = factories.bearer(keys, factories.person(session, school, Role.SCHOOL_ADMIN))
    bureau = factories.bearer(keys, factories.person(session, county, Role.BUREAU_ADMIN))
    teacher = factories.bearer(keys, factories.person(session, school, Role.TEACHER))
    session.commit()

    def put(unit: uuid.UUID, counts: dict[int, Any], header: dict[str, str]) -> tuple[int, Any]:
        body = {"grades": [{"grade": grade, "pupils": pupils} for grade, pupils in counts.items()]}
        path = f"/api/v1/org-units/{unit}/headcounts?term_id={term.id}"
        answer = client.put(path, headers=header, json=body)
        return answer.status_code, answer.json()

    status, first = put(site.id, {1: 5, 2: 4, 3: 7}, head)
    assert (status, first["pupils"]) == (200, 16)
    assert [(each["grades"], each["pupils"], each["in_groups"]) for each in first["bands"]] == [
        ([1, 2], 9, 9),
        ([3], 7, 0),  # nobody has named the third grade's class yet
    ]
    _, second = put(site.id, {1: 6, 2: 4}, head)  # the third grade moved to the central school
    assert [(each["pupils"], each["in_groups"]) for each in second["bands"]] == [(10, 9)]
    shown = client.get(f"/api/v1/org-units/{site.id}/headcounts?term_id={term.id}", headers=bureau).json()
    assert shown == second
    assert put(school.id, {3: 47, 1: 40}, bureau)[0] == 200
    assert put(other.id, {1: 3}, head)[1]["code"] == "access.denied"
    assert put(county.id, {1: 3}, bureau)[1]["code"] == "headcount.wrong_place"
    for bad in ({13: 1}, {0: 1}, {1: -1}, {1: 10_001}, {1: "many"}):
        assert put(site.id, bad, bureau)[1]["code"] == "request.invalid", bad

    def listed(header: dict[str, str], query: str = "") -> list[tuple[str, int, int]]:
        found: list[tuple[str, int, int]] = []
        after: str | None = ""
        while after is not None:
            page = client.get(f"/api/v1/headcounts?limit=1{query}{after}", headers=header).json()
            found += [(each["org_unit_id"], each["grade"], each["pupils"]) for each in page["items"]]
            after = f"&after={page['next']}" if page["next"] else None
        return found

    whole = [(str(site.id), 1, 6), (str(site.id), 2, 4), (str(school.id), 1, 40), (str(school.id), 3, 47)]
    assert sorted(listed(bureau)) == sorted(listed(head)) == sorted(whole)
    assert sorted(listed(bureau, f"&org_unit_id={site.id}")) == sorted(whole[:2])
    assert listed(bureau, f"&term_id={term.id}&grade=3") == whole[3:]
    assert client.get("/api/v1/headcounts", headers=teacher).status_code == 403
    events = client.get("/api/v1/audit-events?act=headcounts.set", headers=bureau).json()["items"]
    assert (events[1]["before"], events[1]["after"]) == ({"1": 5, "2": 4, "3": 7}, {"1": 6, "2": 4})


@pytest.mark.parametrize("abroad", [True, False])
def test_the_database_counts_pupils_where_there_are_some(session: Session, abroad: bool) -> None:
    county, other = factories.county(session), factories.county(session)
    term = timetables.create_term(session, county.id, TermDraft("秋", date(2026, 9, 1), date(2027, 1, 22)))
    unit = factories.school(session, other) if abroad else county
    session.add(Headcount(term_id=term.id, org_unit_id=unit.id, grade=1, pupils=5))
    with pytest.raises(DBAPIError, match=r"place_of_headcount|counted in a school"):
        session.flush()
