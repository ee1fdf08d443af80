"""Signing in and being somebody, through the real door."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from fastapi import FastAPI
from limits import RateLimitItemPerMinute
from prometheus_client import CollectorRegistry
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.limiter import Bounds, SignInLimits
from app.accounts.models import Person
from app.accounts.rules import Role
from app.accounts.service import county_today, issue_person_token
from app.keys import Keys
from tests import factories
from tests.statements import recorded


@pytest.fixture
def teacher(session: Session) -> Person:
    school = factories.school(session, factories.county(session))
    teacher = factories.person(session, school, Role.TEACHER, login="wang", name="王老师")
    session.commit()
    return teacher


def token(
    client: TestClient, login: str, password: str = factories.PASSWORD
) -> tuple[int, dict[str, object]]:
    answer = client.post("/api/v1/token", data={"username": login, "password": password})
    return answer.status_code, answer.json()


def test_a_token_opens_the_door_and_says_how_long(client: TestClient, teacher: Person) -> None:
    status, body = token(client, "wang")
    assert (status, body["token_type"], body["expires_in"]) == (200, "bearer", 15 * 60)
    me = client.get("/api/v1/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.json() == {
        "id": str(teacher.id),
        "login": "wang",
        "name": "王老师",
        "county_id": str(teacher.county_id),
        "must_change_password": False,
        "assignments": [{"role": "teacher", "org_unit_id": str(teacher.assignments[0].org_unit_id)}],
    }


def test_who_asks_is_found_out_by_one_statement(app: FastAPI, client: TestClient, teacher: Person) -> None:
    header = {"Authorization": f"Bearer {token(client, 'wang')[1]['access_token']}"}
    with recorded(app.state.engine) as statements:
        assert client.get("/api/v1/me", headers=header).status_code == 200
    assert len(statements) == 1


def test_the_login_may_be_typed_in_capitals(client: TestClient, teacher: Person) -> None:
    assert token(client, " Wang ")[0] == 200


@pytest.mark.parametrize(("login", "password"), [("wang", "wrong"), ("nobody", factories.PASSWORD)])
def test_a_wrong_password_and_an_unknown_login_look_the_same(
    client: TestClient, teacher: Person, login: str, password: str
) -> None:
    status, body = token(client, login, password)
    assert (status, body["code"]) == (401, "sign_in.refused")
    assert body["detail"] == "The login or the password is wrong."


def test_a_closed_account_does_not_sign_in(client: TestClient, session: Session, teacher: Person) -> None:
    teacher.active = False
    session.commit()
    assert token(client, "wang")[1]["code"] == "sign_in.refused"


def test_guessing_is_slowed_down(app: FastAPI, client: TestClient, teacher: Person) -> None:
    bounds = Bounds(pair=RateLimitItemPerMinute(2, 5, namespace="pair"))
    app.state.door = replace(app.state.door, limits=SignInLimits(bounds), registry=CollectorRegistry())
    assert [token(client, "wang", "wrong")[0] for _ in range(3)] == [401, 401, 429]
    answer = client.post("/api/v1/token", data={"username": "wang", "password": factories.PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (429, "sign_in.too_many")
    assert 0 < int(answer.headers["Retry-After"]) <= 301


def test_without_a_token_the_answer_says_which_scheme(client: TestClient) -> None:
    answer = client.get("/api/v1/me")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "token.missing"


def test_an_old_token_is_refused(client: TestClient, keys: Keys, teacher: Person) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    old = issue_person_token(keys, teacher, 60, now=yesterday)
    answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {old}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token.expired")


def test_closing_an_account_ends_its_tokens_at_once(
    client: TestClient, keys: Keys, session: Session, teacher: Person
) -> None:
    header = factories.bearer(keys, teacher)
    assert client.get("/api/v1/me", headers=header).status_code == 200
    teacher.active = False
    session.commit()
    assert client.get("/api/v1/me", headers=header).json()["code"] == "token.no_person"


def test_roles_of_other_days_are_not_shown(client: TestClient, keys: Keys, session: Session) -> None:
    school = factories.school(session, factories.county(session))
    former = factories.person(session, school, Role.TEACHER, valid_to=date(2021, 1, 1))
    session.commit()
    assert client.get("/api/v1/me", headers=factories.bearer(keys, former)).json()["assignments"] == []


def test_the_school_day_starts_in_the_county_not_in_utc(session: Session) -> None:
    county = factories.county(session, time_zone="Asia/Shanghai")
    before_first_bell = datetime(2026, 8, 31, 23, 45, tzinfo=UTC)
    assert county_today(session, county.id, before_first_bell) == date(2026, 9, 1)
