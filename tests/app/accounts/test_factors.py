"""The second factor: asked for at both doors, each code good once, and a way back when the telephone is gone."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.factor_rules import EITHER_WAY, STEP, new_recovery_codes, step_of
from app.accounts.models import Person, SecondFactor
from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.keys import Keys
from app.schools.models import OrgUnit
from tests import factories

PATH = "/api/v1/me/second-factor"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.fixture
def admin(session: Session) -> Person:
    admin = factories.person(session, factories.county(session), Role.BUREAU_ADMIN, login="admin")
    session.commit()
    return admin


def enrolled(client: TestClient, keys: Keys, person: Person) -> tuple[pyotp.TOTP, list[str]]:
    """The person's app, and the recovery codes. The app's next code is the one of the next step."""
    header = factories.bearer(keys, person)
    begun = client.post(PATH, json={"password": factories.PASSWORD}, headers=header)
    assert begun.status_code == 201, begun.text
    assert begun.json()["picture"].startswith("data:image/svg+xml")
    totp = pyotp.parse_uri(begun.json()["address"])
    assert isinstance(totp, pyotp.TOTP) and begun.headers["Cache-Control"] == "no-store"
    answer = client.post(f"{PATH}/confirm", json={"code": totp.now()}, headers=header)
    assert answer.status_code == 200, answer.text
    return totp, answer.json()["recovery_codes"]


def coming(totp: pyotp.TOTP) -> str:
    return totp.at(datetime.now(UTC) + timedelta(seconds=STEP))


def sign_in(client: TestClient, code: str | None = None) -> tuple[int, Any]:
    form = {"username": "admin", "password": factories.PASSWORD} | ({"code": code} if code else {})
    answer = client.post("/api/v1/token", data=form)
    return answer.status_code, answer.json().get("code")


def test_signing_in_takes_a_code_and_each_only_once(
    client: TestClient, keys: Keys, session: Session, admin: Person
) -> None:
    totp, _codes = enrolled(client, keys, admin)
    assert sign_in(client) == (401, "sign_in.code_needed")
    code = coming(totp)
    assert sign_in(client, code)[0] == 200
    assert sign_in(client, code) == (401, "sign_in.code_wrong")
    body = {"login": "admin", "password": factories.PASSWORD}
    page = client.post("/api/v1/session", json=body)
    assert (page.status_code, page.json()["code"]) == (401, "sign_in.code_needed")
    told = session.execute(select(AuditEvent.act, AuditEvent.after).order_by(AuditEvent.number))
    assert [tuple(each) for each in told][1:] == [
        ("sign_in.accepted", '{"second_factor":true}'),
        ("sign_in.refused", '{"why":"code"}'),
    ]


def test_a_right_code_is_of_no_use_without_the_password(
    client: TestClient, keys: Keys, admin: Person
) -> None:
    totp, _codes = enrolled(client, keys, admin)
    form = {"username": "admin", "password": "wrong", "code": coming(totp)}
    assert client.post("/api/v1/token", data=form).json()["code"] == "sign_in.refused"


def test_a_recovery_code_stands_in_once(
    client: TestClient, keys: Keys, session: Session, admin: Person
) -> None:
    _totp, codes = enrolled(client, keys, admin)
    assert len(set(codes)) == 10
    assert sign_in(client, f" {codes[0].upper()} ")[0] == 200
    assert sign_in(client, codes[0]) == (401, "sign_in.code_wrong")
    shown = client.get(PATH, headers=factories.bearer(keys, admin)).json()
    assert shown == {"confirmed": True, "recovery_codes_left": 9}


def test_codes_are_guessed_within_bounds(client: TestClient, keys: Keys, admin: Person) -> None:
    enrolled(client, keys, admin)
    statuses = [sign_in(client, "000000" if n % 2 else "abc")[0] for n in range(11)]
    assert statuses[-1] == 429 and 200 not in statuses


def test_it_counts_only_once_a_code_was_shown(client: TestClient, keys: Keys, admin: Person) -> None:
    header = factories.bearer(keys, admin)
    wrong = client.post(PATH, json={"password": "wrong"}, headers=header)
    assert (wrong.status_code, wrong.json()["code"]) == (403, "password.wrong")
    assert client.post(PATH, json={"password": factories.PASSWORD}, headers=header).status_code == 201
    refused = client.post(f"{PATH}/confirm", json={"code": "12345"}, headers=header)
    assert refused.json()["code"] == "second_factor.wrong"
    assert sign_in(client)[0] == 200


def test_the_secret_is_not_in_the_database(
    client: TestClient, keys: Keys, session: Session, admin: Person
) -> None:
    totp, _codes = enrolled(client, keys, admin)
    row = session.scalars(select(SecondFactor)).one()
    assert totp.secret not in row.secret_sealed
    other = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    session.execute(
        update(SecondFactor).values(person_id=other.id)
    )  # moved to somebody else, it opens nothing
    session.commit()
    header = factories.bearer(keys, other)
    answer = client.post(f"{PATH}/remove", json={"code": coming(totp)}, headers=header)
    assert answer.json()["code"] == "second_factor.unreadable"


def test_it_is_removed_with_a_code_and_reset_by_another_admin(
    client: TestClient, keys: Keys, session: Session, admin: Person
) -> None:
    stranger = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    colleague = factories.person(session, session.get_one(OrgUnit, admin.county_id), Role.BUREAU_ADMIN)
    session.commit()
    header = factories.bearer(keys, admin)
    totp, _codes = enrolled(client, keys, admin)
    assert client.post(f"{PATH}/remove", json={"code": "000000"}, headers=header).status_code == 422
    assert client.post(f"{PATH}/remove", json={"code": coming(totp)}, headers=header).status_code == 204
    assert sign_in(client)[0] == 200
    enrolled(client, keys, admin)
    address = f"/api/v1/people/{admin.id}/reset-second-factor"
    assert client.post(address, headers=header).json()["code"] == "person.oneself"
    assert client.post(address, headers=factories.bearer(keys, stranger)).status_code == 404
    assert client.post(address, headers=factories.bearer(keys, colleague)).status_code == 204
    assert sign_in(client)[0] == 200


def test_a_county_may_ask_it_of_admins(app: FastAPI, client: TestClient, keys: Keys, admin: Person) -> None:
    app.state.settings = app.state.settings.model_copy(update={"admins_need_second_factor": True})
    header = factories.bearer(keys, admin)
    refused = client.get("/api/v1/people", headers=header)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor.add_first")
    enrolled(client, keys, admin)
    assert client.get("/api/v1/people", headers=header).status_code == 200


@given(st.integers(-3, 3), st.integers(-3, 3))
def test_a_code_counts_near_its_time_and_after_the_last_one(off: int, last: int) -> None:
    current = int(NOW.timestamp()) // STEP
    code = pyotp.TOTP(SECRET).at(NOW + timedelta(seconds=STEP * off))
    found = step_of(SECRET, code, NOW, current + last)
    assert found == (current + off if abs(off) <= EITHER_WAY and off > last else None)


@given(st.text(max_size=12))
def test_no_other_text_is_a_code(text: str) -> None:
    right = {pyotp.TOTP(SECRET).at(NOW + timedelta(seconds=STEP * step)) for step in (-1, 0, 1)}
    assert (step_of(SECRET, text, NOW, 0) is not None) == (text in right)


def test_recovery_codes_are_hard_to_guess_and_easy_to_read() -> None:
    codes = new_recovery_codes()
    assert all(len(code) == 29 and not set(code) & set("ilo01") for code in codes)
    assert len({*codes, *new_recovery_codes(), str(uuid.uuid4())}) == 21
