"""Building and reading the county tree over REST, and what the database itself refuses."""

import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.database import violated
from app.errors import Conflict
from app.keys import Keys
from app.schools import service
from app.schools.models import OrgUnit
from app.schools.rules import OrgUnitKind, path_ids
from tests import factories

Header = dict[str, str]


@pytest.fixture
def county(session: Session) -> OrgUnit:
    county = factories.county(session)
    session.commit()
    return county


@pytest.fixture
def bureau(session: Session, keys: Keys, county: OrgUnit) -> Header:
    admin = factories.person(session, county, Role.BUREAU_ADMIN)
    session.commit()
    return factories.bearer(keys, admin)


def add(client: TestClient, header: Header, parent: uuid.UUID | str, **changes: Any) -> tuple[int, Any]:
    body = {"kind": "school", "parent_id": str(parent), "code": "S-1", "name": "梅山小学"} | changes
    answer = client.post("/api/v1/org-units", headers=header, json=body)
    return answer.status_code, answer.json()


def test_a_unit_added_can_be_fetched_and_listed(client: TestClient, county: OrgUnit, bureau: Header) -> None:
    status, school = add(client, bureau, county.id)
    assert (status, school["county_id"], school["parent_id"]) == (201, str(county.id), str(county.id))
    status, site = add(client, bureau, school["id"], kind="teaching_site", code="T-1", name=" 教学点 ")
    assert (status, site["name"]) == (201, "教学点")
    assert client.get(f"/api/v1/org-units/{site['id']}", headers=bureau).json() == site
    listed = client.get("/api/v1/org-units?kind=teaching_site", headers=bureau).json()
    assert listed == {"items": [site], "next": None}
    below = client.get(f"/api/v1/org-units?parent_id={county.id}", headers=bureau).json()
    assert below["items"] == [school]


def test_the_answer_says_where_the_new_unit_lives(
    client: TestClient, county: OrgUnit, bureau: Header
) -> None:
    body = {"kind": "school", "parent_id": str(county.id), "code": "S-1", "name": "x"}
    answer = client.post("/api/v1/org-units", headers=bureau, json=body)
    assert client.get(answer.headers["Location"], headers=bureau).json() == answer.json()


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"kind": "county"}, 422, "request.invalid"),
        ({"code": "中心"}, 422, "request.invalid"),
        ({"code": "x" * 33}, 422, "request.invalid"),
        ({"time_zone": "Asia/Atlantis"}, 422, "request.invalid"),
        ({"parent_id": str(uuid.UUID(int=0))}, 404, "org_unit.not_found"),
        ({"parent_id": "the bureau"}, 422, "request.invalid"),
    ],
)
def test_bad_units_are_refused(
    client: TestClient, county: OrgUnit, bureau: Header, changes: dict[str, Any], status: int, code: str
) -> None:
    got, body = add(client, bureau, county.id, **changes)
    assert (got, body["code"]) == (status, code)


def test_a_school_stands_below_no_school(client: TestClient, county: OrgUnit, bureau: Header) -> None:
    _status, school = add(client, bureau, county.id)
    status, body = add(client, bureau, school["id"], code="S-2")
    assert (status, body["code"]) == (422, "org_unit.wrong_parent")
    assert body["detail"] == "A school stands below a county or township, not below a school."


def test_a_code_is_taken_once_in_a_county(
    client: TestClient, county: OrgUnit, bureau: Header, session: Session, keys: Keys
) -> None:
    assert add(client, bureau, county.id)[0] == 201
    status, body = add(client, bureau, county.id)
    assert (status, body["code"]) == (409, "org_unit.code_taken")
    elsewhere = factories.county(session)
    neighbour = factories.bearer(keys, factories.person(session, elsewhere, Role.BUREAU_ADMIN))
    session.commit()
    assert add(client, neighbour, elsewhere.id)[0] == 201


@pytest.mark.parametrize("role", [Role.SCHOOL_ADMIN, Role.TEACHER])
def test_only_the_bureau_builds_the_tree(
    client: TestClient, county: OrgUnit, session: Session, keys: Keys, role: Role
) -> None:
    school = factories.school(session, county)
    header = factories.bearer(keys, factories.person(session, school, role))
    session.commit()
    status, body = add(client, header, school.id, kind="teaching_site")
    assert (status, body["code"]) == (403, "access.denied")


def test_another_county_is_neither_built_on_nor_read(
    client: TestClient, county: OrgUnit, session: Session, keys: Keys
) -> None:
    elsewhere = factories.county(session)
    stranger = factories.bearer(keys, factories.person(session, elsewhere, Role.BUREAU_ADMIN))
    session.commit()
    assert add(client, stranger, county.id)[1]["code"] == "org_unit.not_found"
    shown = client.get(f"/api/v1/org-units/{county.id}", headers=stranger)
    assert (shown.status_code, shown.json()["code"]) == (404, "org_unit.not_found")
    listed = client.get("/api/v1/org-units", headers=stranger).json()
    assert [unit["id"] for unit in listed["items"]] == [str(elsewhere.id)]


@pytest.mark.parametrize("path", ["/api/v1/org-units", "/api/v1/rooms", "/api/v1/people", "/api/v1/me"])
def test_nothing_is_shown_to_nobody(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401


def test_what_cannot_be_an_id_is_the_id_of_nothing(client: TestClient, bureau: Header) -> None:
    answer = client.get("/api/v1/org-units/main-school", headers=bureau)
    assert (answer.status_code, answer.json()["code"]) == (404, "route.not_found")


def test_counties_have_codes_of_their_own(session: Session) -> None:
    factories.county(session, code="3415")
    with pytest.raises(Conflict) as refused:
        factories.county(session, code="3415")
    assert refused.value.code == "org_unit.code_taken"


def test_ancestry_and_time_zone(session: Session) -> None:
    county = factories.county(session, time_zone="Asia/Shanghai")
    west = factories.org_unit(session, county, OrgUnitKind.TOWNSHIP, time_zone="Asia/Urumqi")
    school = factories.school(session, west)
    site = factories.teaching_site(session, school)
    assert service.ancestry(session, site) == [site, school, west, county]
    assert path_ids(site.path) == (county.id, west.id, school.id, site.id)
    assert service.time_zone_of(session, site) == ZoneInfo("Asia/Urumqi")
    assert service.time_zone_of(session, factories.school(session, county)) == ZoneInfo("Asia/Shanghai")
    assert service.ids_below(session, [school.id]) == {school.id, site.id}


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"parent_id": None, "kind": OrgUnitKind.SCHOOL}, "ck_org_units_only_counties_are_roots"),
        (
            {"parent_id": None, "kind": OrgUnitKind.COUNTY, "time_zone": None},
            "ck_org_units_counties_have_a_time_zone",
        ),
    ],
)
def test_the_database_itself_keeps_the_tree_in_shape(
    session: Session, county: OrgUnit, changes: dict[str, Any], constraint: str
) -> None:
    row = {"kind": OrgUnitKind.SCHOOL, "parent_id": county.id, "county_id": county.id, "time_zone": None}
    session.add(OrgUnit(code="X", name="X", path="/x", **(row | changes)))
    with pytest.raises(IntegrityError) as refused:
        session.flush()
    assert violated(refused.value) == constraint
