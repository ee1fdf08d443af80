"""Rooms over REST."""

from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.keys import Keys
from app.schools.models import OrgUnit
from tests import factories

Header = dict[str, str]


@pytest.fixture
def school(session: Session) -> OrgUnit:
    school = factories.school(session, factories.county(session))
    session.commit()
    return school


@pytest.fixture
def school_admin(session: Session, keys: Keys, school: OrgUnit) -> Header:
    admin = factories.person(session, school, Role.SCHOOL_ADMIN)
    session.commit()
    return factories.bearer(keys, admin)


def add(client: TestClient, header: Header, unit: OrgUnit, **changes: Any) -> tuple[int, Any]:
    body = {"org_unit_id": str(unit.id), "kind": "main", "code": "M1", "name": "主课堂"} | changes
    answer = client.post("/api/v1/rooms", headers=header, json=body)
    return answer.status_code, answer.json()


def test_a_room_added_can_be_fetched_and_listed(
    client: TestClient, school: OrgUnit, school_admin: Header
) -> None:
    status, room = add(client, school_admin, school, link_mbps_declared=200, equipment="two cameras")
    assert (status, room["kind"], room["link_mbps_declared"]) == (201, "main", 200)
    assert client.get(f"/api/v1/rooms/{room['id']}", headers=school_admin).json() == room
    assert client.get("/api/v1/rooms?kind=main", headers=school_admin).json()["items"] == [room]
    assert client.get("/api/v1/rooms?kind=receiving", headers=school_admin).json()["items"] == []
    of_school = client.get(f"/api/v1/rooms?org_unit_id={school.id}", headers=school_admin).json()
    assert of_school["items"] == [room]


def test_rooms_come_in_pages(client: TestClient, school: OrgUnit, school_admin: Header) -> None:
    for code in ("A", "B", "C"):
        assert add(client, school_admin, school, code=code)[0] == 201
    first = client.get("/api/v1/rooms?limit=2", headers=school_admin).json()
    second = client.get(f"/api/v1/rooms?limit=2&after={first['next']}", headers=school_admin).json()
    assert [room["code"] for room in first["items"] + second["items"]] == ["A", "B", "C"]
    assert second["next"] is None


def test_a_school_admin_furnishes_no_other_school(
    client: TestClient, school: OrgUnit, school_admin: Header, session: Session
) -> None:
    county = session.get_one(OrgUnit, school.county_id)
    other = factories.school(session, county)
    session.commit()
    assert add(client, school_admin, other)[1]["code"] == "access.denied"
    assert add(client, school_admin, school)[0] == 201


def test_a_code_is_taken_once_in_a_school(client: TestClient, school: OrgUnit, school_admin: Header) -> None:
    assert add(client, school_admin, school)[0] == 201
    status, body = add(client, school_admin, school)
    assert (status, body["code"]) == (409, "room.code_taken")


def test_pupils_sit_in_schools_and_sites_only(client: TestClient, session: Session, keys: Keys) -> None:
    county = factories.county(session)
    bureau = factories.bearer(keys, factories.person(session, county, Role.BUREAU_ADMIN))
    session.commit()
    status, body = add(client, bureau, county, kind="receiving")
    assert (status, body["code"]) == (422, "room.wrong_place")
    assert add(client, bureau, county, kind="recording")[0] == 201


@pytest.mark.parametrize("speed", [0, -1, "fast", "NaN", 1e9])
def test_a_line_has_a_sensible_speed(
    client: TestClient, school: OrgUnit, school_admin: Header, speed: Any
) -> None:
    status, body = add(client, school_admin, school, link_mbps_declared=speed)
    assert status == 422
    assert [error["field"] for error in body["errors"]] == ["body.link_mbps_declared"]


def test_another_county_does_not_see_the_room(
    client: TestClient, school: OrgUnit, school_admin: Header, session: Session, keys: Keys
) -> None:
    room = add(client, school_admin, school)[1]
    stranger = factories.bearer(keys, factories.person(session, factories.county(session), Role.BUREAU_ADMIN))
    session.commit()
    answer = client.get(f"/api/v1/rooms/{room['id']}", headers=stranger)
    assert (answer.status_code, answer.json()["code"]) == (404, "room.not_found")
    unknown = client.get("/api/v1/rooms/00000000-0000-0000-0000-000000000000", headers=stranger)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "room.not_found")
