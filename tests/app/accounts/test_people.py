"""Admitting people and looking them up: who may, and what is refused."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.keys import Keys
from app.schools.models import OrgUnit
from tests import factories


@dataclass
class Scene:
    """A county with two schools and those who look after them."""

    client: TestClient
    school: OrgUnit
    other_school: OrgUnit
    site: OrgUnit
    county: OrgUnit
    bureau: dict[str, str]
    school_admin: dict[str, str]
    teacher: dict[str, str]
    foreigner: dict[str, str]

    def admit(self, header: dict[str, str], role: str, unit: OrgUnit, **changes: Any) -> tuple[int, Any]:
        body = {
            "login": "li",
            "name": "李老师",
            "password": "  spaces count  ",
            "assignments": [{"role": role, "org_unit_id": str(unit.id)}],
        }
        answer = self.client.post("/api/v1/people", headers=header, json=body | changes)
        return answer.status_code, answer.json()


@pytest.fixture
def scene(client: TestClient, session: Session, keys: Keys) -> Scene:
    county = factories.county(session)
    school, other = factories.school(session, county), factories.school(session, county)
    elsewhere = factories.county(session)
    people = [
        factories.person(session, county, Role.BUREAU_ADMIN, login="bureau"),
        factories.person(session, school, Role.SCHOOL_ADMIN, login="head"),
        factories.person(session, school, Role.TEACHER, login="wang"),
        factories.person(session, elsewhere, Role.BUREAU_ADMIN, login="foreign"),
    ]
    factories.person(session, other, Role.TEACHER, login="zhao")
    site = factories.teaching_site(session, school)
    session.commit()
    return Scene(client, school, other, site, county, *(factories.bearer(keys, person) for person in people))


def test_a_person_admitted_can_sign_in(scene: Scene) -> None:
    status, body = scene.admit(scene.bureau, "teacher", scene.school, login="Li")
    assert (status, body["login"], body["active"]) == (201, "li", True)
    assert body["created_at"].endswith("Z")
    assert "spaces count" not in str(body) and "argon2" not in str(body)
    form = {"username": "li", "password": "  spaces count  "}
    assert scene.client.post("/api/v1/token", data=form).status_code == 200


def test_a_school_admin_admits_for_the_school_and_its_sites(scene: Scene) -> None:
    assert scene.admit(scene.school_admin, "teacher", scene.school)[0] == 201
    assert scene.admit(scene.school_admin, "site_assistant", scene.site, login="aunt")[0] == 201


@pytest.mark.parametrize(
    ("who", "role", "where"),
    [
        ("school_admin", "teacher", "other_school"),
        ("school_admin", "school_admin", "school"),
        ("school_admin", "bureau_admin", "county"),
    ],
)
def test_nobody_gives_roles_beyond_the_own_office(scene: Scene, who: str, role: str, where: str) -> None:
    status, body = scene.admit(getattr(scene, who), role, getattr(scene, where))
    assert (status, body["code"]) == (403, "person.may_not_appoint")


def test_a_teacher_admits_nobody(scene: Scene) -> None:
    assert scene.admit(scene.teacher, "teacher", scene.school)[1]["code"] == "access.denied"


def test_another_county_is_out_of_reach(scene: Scene) -> None:
    status, body = scene.admit(scene.foreigner, "teacher", scene.school)
    assert (status, body["code"]) == (404, "org_unit.not_found")


def test_a_login_is_taken_once(scene: Scene) -> None:
    status, body = scene.admit(scene.bureau, "teacher", scene.school, login="WANG")
    assert (status, body["code"]) == (409, "person.login_taken")
    assert "wang" in body["detail"]


def test_a_role_needs_a_fitting_place(scene: Scene) -> None:
    status, body = scene.admit(scene.bureau, "bureau_admin", scene.school)
    assert (status, body["code"]) == (422, "person.role_does_not_fit")
    assert body["org_unit_id"] == str(scene.school.id)


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"login": "two words"}, "body.login", "string_pattern_mismatch"),
        ({"password": ""}, "body.password", "too_short"),
        ({"assignments": []}, "body.assignments", "too_short"),
        ({"nmae": "x"}, "body.nmae", "extra_forbidden"),
        ({"name": "   "}, "body.name", "string_too_short"),
    ],
)
def test_each_refused_field_is_named(scene: Scene, changes: dict[str, Any], field: str, code: str) -> None:
    status, body = scene.admit(scene.bureau, "teacher", scene.school, **changes)
    assert (status, body["code"]) == (422, "request.invalid")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]


def test_a_filter_that_nobody_reads_or_that_is_there_twice_is_refused(scene: Scene) -> None:
    ask = scene.client.get
    for query, field, code in (
        ("nmae=x", "query.nmae", "extra_forbidden"),
        ("name=x&name=y", "query.name", "given_twice"),
    ):
        body = ask(f"/api/v1/people?{query}", headers=scene.bureau).json()
        assert [(each["field"], each["code"]) for each in body["errors"]] == [(field, code)]
    for method, path in (
        ("GET", "me"),
        ("POST", "pairings"),
        ("POST", f"rooms/{uuid4()}/reopen"),
    ):  # go by nothing
        answer = scene.client.request(method, f"/api/v1/{path}?dryrun=true", headers=scene.bureau)
        assert answer.status_code == 422
        assert [each["field"] for each in answer.json()["errors"]][0] == "query.dryrun"
    acts = "/api/v1/audit-events?act=room.added&act=room.changed"  # where several are meant, there may be several
    assert ask(acts, headers=scene.bureau).status_code == 200


def test_a_refused_password_is_not_sent_back(scene: Scene) -> None:
    _status, body = scene.admit(scene.bureau, "teacher", scene.school, password="geheim")
    assert "geheim" not in str(body)


def logins(scene: Scene, header: dict[str, str]) -> list[str]:
    answer = scene.client.get("/api/v1/people", headers=header)
    assert answer.status_code == 200
    return [person["login"] for person in answer.json()["items"]]


def test_administrators_see_those_they_look_after(scene: Scene) -> None:
    assert logins(scene, scene.bureau) == ["bureau", "head", "wang", "zhao"]
    assert logins(scene, scene.school_admin) == ["head", "wang"]
    assert logins(scene, scene.foreigner) == ["foreign"]
    assert scene.client.get("/api/v1/people", headers=scene.teacher).status_code == 403


def test_pages_follow_each_other_without_gap_or_repetition(scene: Scene) -> None:
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = scene.client.get("/api/v1/people", headers=scene.bureau, params=query).json()
        seen += [person["login"] for person in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert seen == ["bureau", "head", "wang", "zhao"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=many", "after=nonsense", "after=W10"])
def test_pages_are_bounded_and_cursors_checked(scene: Scene, query: str) -> None:
    answer = scene.client.get(f"/api/v1/people?{query}", headers=scene.bureau)
    assert answer.status_code == 422


def test_one_person_is_shown_to_the_own_administrators_only(scene: Scene) -> None:
    person = scene.admit(scene.bureau, "teacher", scene.school)[1]
    address = f"/api/v1/people/{person['id']}"
    assert scene.client.get(address, headers=scene.bureau).json() == person
    assert scene.client.get(address, headers=scene.school_admin).status_code == 200
    assert scene.client.get(address, headers=scene.teacher).json()["code"] == "person.not_found"
    assert scene.client.get(address, headers=scene.foreigner).json()["code"] == "person.not_found"
    missing = scene.client.get("/api/v1/people/00000000-0000-0000-0000-000000000000", headers=scene.bureau)
    assert (missing.status_code, missing.json()["code"]) == (404, "person.not_found")
