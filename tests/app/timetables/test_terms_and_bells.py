"""Terms and bell schedules over REST."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Update, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.database import violated
from app.keys import Keys
from app.schools.models import OrgUnit
from app.timetables.models import Term, TimetableEntry
from tests import counties, factories

Header = dict[str, str]

PERIODS = [
    {"number": 1, "starts_at": "08:00", "ends_at": "08:40"},
    {"number": 2, "starts_at": "08:40", "ends_at": "09:20"},
]
TERM = {"name": "2026 秋", "first_day": "2026-09-01", "last_day": "2027-01-22"}


@pytest.fixture
def county(session: Session) -> OrgUnit:
    return factories.county(session)


@pytest.fixture
def school(session: Session, county: OrgUnit) -> OrgUnit:
    return factories.school(session, county)


@pytest.fixture
def bureau(session: Session, keys: Keys, county: OrgUnit, school: OrgUnit) -> Header:
    admin = factories.person(session, county, Role.BUREAU_ADMIN)
    session.commit()
    return factories.bearer(keys, admin)


def post(client: TestClient, header: Header, path: str, wanted: dict[str, Any]) -> tuple[int, Any]:
    answer = client.post(f"/api/v1/{path}", headers=header, json=wanted)
    return answer.status_code, answer.json()


def bells(unit: OrgUnit, **changes: Any) -> dict[str, Any]:
    wanted = {
        "org_unit_id": str(unit.id),
        "name": "冬季",
        "valid_from": "2026-10-08",
        "valid_to": "2027-01-22",
        "periods": PERIODS,
    }
    return wanted | changes


def test_a_term_with_periods_is_one_request(
    client: TestClient, bureau: Header, county: OrgUnit, school: OrgUnit
) -> None:
    status, term = post(client, bureau, "terms", {**TERM, "periods": PERIODS})
    assert status == 201
    assert (term["weeks"], term["county_id"]) == (21, str(county.id))
    assert client.get(f"/api/v1/terms/{term['id']}", headers=bureau).json() == term
    assert client.get("/api/v1/terms?on=2027-01-22", headers=bureau).json()["items"] == [term]
    assert client.get("/api/v1/terms?on=2027-01-23", headers=bureau).json()["items"] == []
    in_force = client.get(f"/api/v1/org-units/{school.id}/bell-schedule?on=2026-09-01", headers=bureau).json()
    assert (in_force["org_unit_id"], in_force["periods"]) == (str(county.id), PERIODS)
    by_id = client.get(f"/api/v1/bell-schedules/{in_force['id']}", headers=bureau).json()
    assert by_id == in_force


def test_terms_come_in_pages(client: TestClient, bureau: Header) -> None:
    for year in (2028, 2026, 2027):
        days = {"first_day": f"{year}-01-01", "last_day": f"{year}-12-31"}
        assert post(client, bureau, "terms", {"name": str(year), **days})[0] == 201
    first = client.get("/api/v1/terms?limit=2", headers=bureau).json()
    second = client.get(f"/api/v1/terms?limit=2&after={first['next']}", headers=bureau).json()
    assert [each["name"] for each in first["items"] + second["items"]] == ["2026", "2027", "2028"]


def test_terms_of_a_county_share_no_day(
    client: TestClient, bureau: Header, session: Session, keys: Keys
) -> None:
    _, term = post(client, bureau, "terms", TERM)
    late = {"name": "寒假", "first_day": "2027-01-22", "last_day": "2027-02-20"}
    status, refused = post(client, bureau, "terms", late)
    assert (status, refused["code"], refused["term_ids"]) == (409, "term.overlap", [term["id"]])
    assert "2026 秋 (2026-09-01 to 2027-01-22)" in refused["detail"]
    assert post(client, bureau, "terms", {**late, "first_day": "2027-01-23"})[0] == 201
    again = {**TERM, "first_day": "2028-09-01", "last_day": "2029-01-22"}
    assert post(client, bureau, "terms", again)[1]["code"] == "term.name_taken"
    other = factories.bearer(keys, factories.person(session, factories.county(session), Role.BUREAU_ADMIN))
    session.commit()
    assert post(client, other, "terms", TERM)[0] == 201


def test_of_two_terms_at_once_one_is_opened(client: TestClient, bureau: Header) -> None:
    together = Barrier(8)

    def open_one(number: int) -> int:
        together.wait()
        return post(client, bureau, "terms", {**TERM, "name": str(number)})[0]

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(open_one, range(8))) == [201] + [409] * 7


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"last_day": "2026-08-31"}, "days.reversed"),
        ({"last_day": "2027-09-03"}, "term.too_long"),
        ({"name": " "}, "request.invalid"),
        ({"first_day": "2027-02-29"}, "request.invalid"),
        ({"periods": [PERIODS[0], PERIODS[0]]}, "request.invalid"),
        ({"periods": [{**PERIODS[0], "starts_at": "08:00:30"}]}, "request.invalid"),
        ({"periods": [{**PERIODS[0], "starts_at": "08:00+08:00"}]}, "request.invalid"),
        ({"periods": [{**PERIODS[0], "ends_at": "07:00"}]}, "bells.period_reversed"),
        ({"periods": [{**PERIODS[0], "ends_at": "08:41"}, PERIODS[1]]}, "bells.periods_overlap"),
    ],
)
def test_a_term_must_make_sense(
    client: TestClient, bureau: Header, changes: dict[str, Any], code: str
) -> None:
    status, refused = post(client, bureau, "terms", TERM | changes)
    assert (status, refused["code"]) == (422, code)
    assert client.get("/api/v1/terms", headers=bureau).json()["items"] == []


def test_only_the_bureau_opens_terms(
    client: TestClient, bureau: Header, school: OrgUnit, session: Session, keys: Keys
) -> None:
    admin = factories.bearer(keys, factories.person(session, school, Role.SCHOOL_ADMIN))
    stranger = factories.bearer(keys, factories.person(session, factories.county(session), Role.BUREAU_ADMIN))
    session.commit()
    assert post(client, admin, "terms", TERM)[1]["code"] == "access.denied"
    _, term = post(client, bureau, "terms", TERM)
    assert client.get(f"/api/v1/terms/{term['id']}", headers=admin).json() == term
    assert client.get(f"/api/v1/terms/{term['id']}", headers=stranger).status_code == 404
    assert client.get(f"/api/v1/terms/{school.id}", headers=bureau).json()["code"] == "term.not_found"


def test_a_school_keeps_its_own_bells(
    client: TestClient, bureau: Header, school: OrgUnit, session: Session, keys: Keys
) -> None:
    admin = factories.bearer(keys, factories.person(session, school, Role.SCHOOL_ADMIN))
    other = factories.school(session, session.get_one(OrgUnit, school.county_id))
    session.commit()
    post(client, bureau, "terms", {**TERM, "periods": PERIODS})
    status, made = post(client, admin, "bell-schedules", bells(school, periods=PERIODS[:1]))
    assert (status, made["periods"]) == (201, PERIODS[:1])
    assert post(client, admin, "bell-schedules", bells(other))[1]["code"] == "access.denied"

    def periods(unit: OrgUnit, day: str) -> int:
        path = f"/api/v1/org-units/{unit.id}/bell-schedule?on={day}"
        return len(client.get(path, headers=admin).json()["periods"])

    assert (periods(school, "2026-10-07"), periods(school, "2026-10-08")) == (2, 1)
    assert periods(other, "2026-10-08") == 2

    def listed(**asked: str) -> list[str]:
        items = client.get("/api/v1/bell-schedules", headers=bureau, params=asked).json()["items"]
        return [each["name"] for each in items]

    county = str(school.county_id)
    assert listed(org_unit_id=county, on="2026-10-08") == [TERM["name"], made["name"]]
    assert listed(unit_id=county) == listed(on="2026-10-07") == [TERM["name"]]
    assert (
        listed(org_unit_id=str(school.id))
        == listed(unit_id=str(school.id), on="2026-10-08")
        == [made["name"]]
    )
    none = client.get(f"/api/v1/org-units/{school.id}/bell-schedule?on=2028-01-01", headers=admin)
    assert (none.status_code, none.json()["code"]) == (404, "bells.none_in_force")


def test_bells_of_a_unit_share_no_day(client: TestClient, bureau: Header, school: OrgUnit) -> None:
    _, made = post(client, bureau, "bell-schedules", bells(school))
    status, refused = post(client, bureau, "bell-schedules", bells(school, valid_to="2026-10-08"))
    assert (status, refused["code"]) == (409, "bells.overlap")
    assert refused["bell_schedule_ids"] == [made["id"]]
    summer = bells(school, name="夏季", valid_from="2026-09-01", valid_to="2026-10-07")
    assert post(client, bureau, "bell-schedules", summer)[0] == 201


def test_a_term_opened_by_mistake_is_put_right(client: TestClient, session: Session, keys: Keys) -> None:
    county = counties.county(session, sites=1, weeks=4)  # from Monday, 2026-09-07
    county.schedule(session)
    session.commit()
    header = factories.bearer(keys, county.bureau)
    planned = f"/api/v1/terms/{county.term.id}"
    _, wrong = post(client, header, "terms", {**TERM, "first_day": "2027-02-22", "last_day": "2028-01-22"})
    mistaken = f"/api/v1/terms/{wrong['id']}"

    def change(path: str, **wanted: Any) -> tuple[int, Any]:
        answer = client.patch(path, headers=header, json=wanted)
        return answer.status_code, answer.json()

    status, right = change(mistaken, last_day="2027-07-09", name="2027 春", weekdays=[6, 1, 2, 3, 4, 5])
    assert (status, right["last_day"], right["weeks"]) == (200, "2027-07-09", 20)
    assert right["weekdays"] == [1, 2, 3, 4, 5, 6]
    status, refused = change(mistaken, first_day="2026-09-10")
    assert (status, refused["code"], refused["term_ids"]) == (409, "term.overlap", [str(county.term.id)])
    assert change(mistaken, first_day="2027-07-10")[1]["code"] == "days.reversed"
    assert change(mistaken, name=None)[1]["errors"][0]["code"] == "nothing_to_change"
    stale = client.delete(mistaken, headers={**header, "If-Match": '"1"'})
    assert stale.json()["code"] == "version.stale"
    assert client.delete(mistaken, headers=header).status_code == 204
    assert client.get(mistaken, headers=header).json()["code"] == "term.not_found"

    assert client.delete(planned, headers=header).json()["code"] == "term.in_use"
    status, refused = change(planned, last_day="2026-09-20")
    assert (status, refused["code"], refused["entries"]) == (409, "term.still_planned", 1)
    for wanted in ({"weekdays": [2, 3]}, {"first_day": "2026-08-31"}):
        assert change(planned, **wanted)[1]["code"] == "term.still_planned", wanted
    assert change(planned, last_day="2026-10-11", weekdays=[1, 2, 3, 4, 5, 6])[0] == 200
    days: list[tuple[Update, str]] = [
        (update(Term).values(last_day=date(2026, 9, 20)), "term_still_planned"),
        (update(TimetableEntry).values(last_day=date(2027, 1, 1)), "entry_outside_term"),
    ]
    for statement, rule in days:  # whoever writes
        with pytest.raises(IntegrityError) as refusal, session.begin_nested():
            session.execute(statement)
        assert violated(refusal.value) == rule
