"""Looking after accounts: first passwords, changes, resets, closing; and what is void afterwards."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from fastapi import FastAPI
from limits import RateLimitItemPerMinute
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.limiter import Bounds, SignInLimits
from app.accounts.models import Assignment, Person
from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.database import SessionFactory, reading
from app.keys import Keys
from app.schools.models import OrgUnit
from tests import factories

NEW = "four words in a row"


@dataclass
class Scene:
    """A school with its admin and a teacher, and the bureau above."""

    client: TestClient
    county: OrgUnit
    school: OrgUnit
    bureau: dict[str, str]
    head: dict[str, str]
    teacher: Person

    def post(self, path: str, header: dict[str, str], body: Any = None) -> tuple[int, Any]:
        answer = self.client.post(f"/api/v1/{path}", headers=header, json=body)
        return answer.status_code, answer.json() if answer.content else None

    def sign_in(self, login: str, password: str) -> tuple[int, Any]:
        answer = self.client.post("/api/v1/token", data={"username": login, "password": password})
        return answer.status_code, answer.json()

    def header(self, login: str, password: str) -> dict[str, str]:
        status, body = self.sign_in(login, password)
        assert status == 200, body
        return {"Authorization": f"Bearer {body['access_token']}"}


@pytest.fixture
def scene(client: TestClient, session: Session, keys: Keys) -> Scene:
    county = factories.county(session)
    school = factories.school(session, county)
    bureau = factories.person(session, county, Role.BUREAU_ADMIN)
    head = factories.person(session, school, Role.SCHOOL_ADMIN)
    teacher = factories.person(session, school, Role.TEACHER, login="wang", name="王芳 Wang Fang")
    session.commit()
    bearers = (factories.bearer(keys, bureau), factories.bearer(keys, head))
    return Scene(client, county, school, *bearers, teacher)


def acts(factory: SessionFactory) -> list[str]:
    with reading(factory) as session:
        rows = session.query(AuditEvent).order_by(AuditEvent.number).all()
        return [row.act for row in rows if not row.act.startswith("sign_in")]


# --- the first sign-in ---


def test_a_password_somebody_else_chose_is_good_for_choosing_another_one_only(scene: Scene) -> None:
    duty = {"role": "teacher", "org_unit_id": str(scene.school.id)}
    li = {"login": "li", "name": "李老师", "password": "a long password", "assignments": [duty]}
    status, made = scene.post("people", scene.head, li)
    assert (status, made["must_change_password"]) == (201, True)
    status, body = scene.sign_in("li", "a long password")
    assert (status, body["must_change_password"]) == (200, True)
    header = {"Authorization": f"Bearer {body['access_token']}"}
    assert scene.client.get("/api/v1/me", headers=header).json()["must_change_password"]
    for path in ("rooms", "lessons", "lessons/current", "people"):
        refused = scene.client.get(f"/api/v1/{path}", headers=header)
        assert (refused.status_code, refused.json()["code"]) == (403, "password.change_first"), path
    change = {"old_password": "a long password", "new_password": NEW}
    assert scene.post("me/password", header, change) == (204, None)
    assert scene.client.get("/api/v1/me", headers=header).json()["code"] == "token.void"
    again = scene.header("li", NEW)
    assert scene.client.get("/api/v1/rooms", headers=again).status_code == 200


def test_a_program_keeps_the_password_it_was_given(scene: Scene) -> None:
    duty = {"role": "teacher", "org_unit_id": str(scene.school.id)}
    robot = {"login": "robot", "name": "Robot", "password": "a long password", "assignments": [duty]}
    scene.post("people", scene.head, robot | {"must_change_password": False})
    header = scene.header("robot", "a long password")
    assert scene.client.get("/api/v1/rooms", headers=header).status_code == 200


def test_an_easy_password_is_refused_when_admitting_and_nobody_is_admitted(scene: Scene) -> None:
    duty = {"role": "teacher", "org_unit_id": str(scene.school.id)}
    li = {"login": "li", "name": "李老师", "password": "password123", "assignments": [duty]}
    status, body = scene.post("people", scene.head, li)
    assert (status, body["code"]) == (422, "password.guessable")
    assert scene.sign_in("li", "password123")[0] == 401


# --- changing ---


@pytest.mark.parametrize(
    ("old", "new", "status", "code"),
    [
        ("not the password", NEW, 403, "password.wrong"),
        (factories.PASSWORD, "geheim", 422, "password.length"),
        (factories.PASSWORD, "wangfang2026", 422, "password.guessable"),
        (factories.PASSWORD, factories.PASSWORD, 422, "password.same"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    scene: Scene, old: str, new: str, status: int, code: str
) -> None:
    header = scene.header("wang", factories.PASSWORD)
    answer = scene.post("me/password", header, {"old_password": old, "new_password": new})
    assert (answer[0], answer[1]["code"]) == (status, code)
    assert new not in str(answer[1])
    assert scene.client.get("/api/v1/me", headers=header).status_code == 200


def test_a_change_is_in_the_trail_and_voids_what_was_signed_in_elsewhere(
    scene: Scene, session_factory: SessionFactory
) -> None:
    here, elsewhere = (scene.header("wang", factories.PASSWORD) for _ in range(2))
    assert (
        scene.post("me/password", here, {"old_password": factories.PASSWORD, "new_password": NEW})[0] == 204
    )
    assert scene.client.get("/api/v1/me", headers=elsewhere).json()["code"] == "token.void"
    assert scene.sign_in("wang", factories.PASSWORD)[0] == 401
    assert acts(session_factory) == ["password.changed"]


def test_the_old_password_is_not_guessed_through_a_stolen_token(scene: Scene, app: FastAPI) -> None:
    header = scene.header("wang", factories.PASSWORD)
    bounds = Bounds(pair=RateLimitItemPerMinute(2, 5, namespace="pair"))
    app.state.door = replace(app.state.door, limits=SignInLimits(bounds), registry=CollectorRegistry())
    change = {"old_password": "wrong", "new_password": NEW}
    assert [scene.post("me/password", header, change)[0] for _ in range(3)] == [403, 403, 429]


# --- resetting ---


def test_a_reset_password_is_read_out_once_and_changed_at_the_first_sign_in(
    scene: Scene, session_factory: SessionFactory
) -> None:
    before = scene.header("wang", factories.PASSWORD)
    status, body = scene.post(f"people/{scene.teacher.id}/reset-password", scene.head)
    assert status == 200
    assert scene.client.get("/api/v1/me", headers=before).json()["code"] == "token.void"
    assert scene.sign_in("wang", factories.PASSWORD)[0] == 401
    assert scene.sign_in("wang", body["password"])[1]["must_change_password"]
    assert acts(session_factory) == ["password.reset"]


def test_a_reset_ends_a_lockout(scene: Scene, app: FastAPI) -> None:
    bounds = Bounds(account=RateLimitItemPerMinute(1, 15, namespace="account"))
    app.state.door = replace(app.state.door, limits=SignInLimits(bounds), registry=CollectorRegistry())
    assert [scene.sign_in("wang", "wrong")[0] for _ in range(2)] == [401, 429]
    _, body = scene.post(f"people/{scene.teacher.id}/reset-password", scene.bureau)
    assert scene.sign_in("wang", body["password"])[0] == 200


def test_nobody_takes_over_an_account_with_more_rights_than_they_could_give(
    scene: Scene, session: Session, keys: Keys
) -> None:
    teacher = session.get_one(Person, scene.teacher.id)
    duty = Assignment(
        role=Role.BUREAU_ADMIN,
        org_unit_id=scene.county.id,
        person_id=teacher.id,
        valid_from=factories.LONG_AGO,
        valid_to=None,
    )
    session.add(duty)
    session.commit()
    for act in ("reset-password", "close", "open"):
        status, body = scene.post(f"people/{teacher.id}/{act}", scene.head)
        assert (status, body["code"]) == (403, "person.may_not_manage")
    assert scene.post(f"people/{teacher.id}/reset-password", scene.bureau)[0] == 200


def test_nobody_does_this_to_themselves(scene: Scene, session: Session, keys: Keys) -> None:
    admin = factories.person(session, scene.county, Role.BUREAU_ADMIN)
    session.commit()
    header = factories.bearer(keys, admin)
    for act in ("reset-password", "close"):
        assert scene.post(f"people/{admin.id}/{act}", header)[1]["code"] == "person.oneself"


# --- closing ---


def test_a_closed_account_is_shut_at_once_and_its_tokens_stay_void_when_it_is_opened_again(
    scene: Scene, session_factory: SessionFactory
) -> None:
    before = scene.header("wang", factories.PASSWORD)
    status, body = scene.post(f"people/{scene.teacher.id}/close", scene.head)
    assert (status, body["active"]) == (200, False)
    assert scene.client.get("/api/v1/me", headers=before).json()["code"] == "token.no_person"
    assert scene.sign_in("wang", factories.PASSWORD)[0] == 401
    assert scene.post(f"people/{scene.teacher.id}/open", scene.head)[1]["active"]
    assert scene.client.get("/api/v1/me", headers=before).json()["code"] == "token.void"
    assert scene.sign_in("wang", factories.PASSWORD)[0] == 200
    assert acts(session_factory) == ["account.closed", "account.opened"]


# --- how it is done ---


def test_no_transaction_is_open_while_a_password_is_hashed(
    scene: Scene, engine: Engine, monkeypatch: pytest.MonkeyPatch, app: FastAPI
) -> None:
    from app.accounts import passwords

    open_now = 0
    seen: list[int] = []

    def begun(_connection: object) -> None:
        nonlocal open_now
        open_now += 1

    def ended(_connection: object) -> None:
        nonlocal open_now
        open_now -= 1

    real = passwords._hasher().hash

    def watched(password: str) -> str:
        seen.append(open_now)
        return real(password)

    monkeypatch.setattr(passwords._hasher(), "hash", watched)
    event.listen(app.state.engine, "begin", begun)
    event.listen(app.state.engine, "commit", ended)
    event.listen(app.state.engine, "rollback", ended)
    duty = {"role": "teacher", "org_unit_id": str(scene.school.id)}
    li = {"login": "li", "name": "李老师", "password": "a long password", "assignments": [duty]}
    assert scene.post("people", scene.head, li)[0] == 201
    assert scene.post(f"people/{scene.teacher.id}/reset-password", scene.head)[0] == 200
    header = scene.header("li", "a long password")
    change = {"old_password": "a long password", "new_password": NEW}
    assert scene.post("me/password", header, change)[0] == 204
    assert seen == [0, 0, 0]


def test_attempts_are_counted_for_operators(scene: Scene) -> None:
    scene.sign_in("wang", factories.PASSWORD)
    scene.sign_in("wang", "wrong")
    figures = scene.client.get("/metrics").text
    assert 'tongtang_sign_ins_total{result="accepted"} 1.0' in figures
    assert 'tongtang_sign_ins_total{result="refused"} 1.0' in figures
