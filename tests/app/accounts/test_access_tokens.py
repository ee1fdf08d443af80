"""Access tokens for scripts: good for what they were made for, until they end."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts import access_tokens
from app.accounts.models import AccessToken, Person
from app.accounts.permissions import IN_PERSON, OF_ONESELF, TABLE, Action
from app.accounts.reach import reach
from app.accounts.rules import Duty, Principal, Role
from app.accounts.scopes import ALL, FOR_SCRIPTS, READ, actions_of_scopes
from app.audit.models import AuditEvent
from app.keys import Keys
from app.schools.models import OrgUnit
from tests import factories

PATH = "/api/v1/me/access-tokens"


@pytest.fixture
def admin(session: Session) -> Person:
    admin = factories.person(session, factories.county(session), Role.BUREAU_ADMIN, login="admin")
    session.commit()
    return admin


def mint(client: TestClient, header: dict[str, str], *scopes: str, days: float = 30) -> Any:
    until = datetime.now(UTC) + timedelta(days=days)
    body = {"name": "Timetable sync", "scopes": scopes, "expires_at": until.isoformat()}
    return client.post(PATH, json=body, headers=header)


def minted(client: TestClient, keys: Keys, person: Person, *scopes: str) -> dict[str, str]:
    answer = mint(client, factories.bearer(keys, person), *scopes)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def test_a_token_is_shown_once_and_stored_hashed(
    client: TestClient, keys: Keys, session: Session, admin: Person
) -> None:
    header = factories.bearer(keys, admin)
    answer = mint(client, header, "read", "entry.plan")
    made = answer.json()
    assert made["token"].startswith("tongtang_pat_") and answer.headers["Cache-Control"] == "no-store"
    assert made["token"] not in client.get(PATH, headers=header).text
    assert made["token"] not in str(session.execute(select(AccessToken.__table__)).all())
    (listed,) = client.get(PATH, headers=header).json()["items"]
    assert listed["scopes"] == ["entry.plan", "read"] and listed["last_used_at"] is None
    session.commit()
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {made['token']}"}).status_code == 200
    (listed,) = client.get(PATH, headers=header).json()["items"]
    assert listed["last_used_at"] is not None
    events = session.scalars(select(AuditEvent.act).order_by(AuditEvent.number)).all()
    assert events[-1] == "access_token.minted"


def test_a_token_opens_what_it_was_made_for_and_nothing_else(
    client: TestClient, keys: Keys, admin: Person
) -> None:
    reading = minted(client, keys, admin, "read")
    assert client.get("/api/v1/people", headers=reading).status_code == 200
    unit = {"kind": "school", "parent_id": str(admin.county_id), "code": "NEW", "name": "New"}
    refused = client.post("/api/v1/org-units", json=unit, headers=reading)
    assert (refused.status_code, refused.json()["code"]) == (403, "token.scope")
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert client.get("/api/v1/audit-events", headers=reading).status_code == 403
    adding = minted(client, keys, admin, "org_unit.add")
    assert client.post("/api/v1/org-units", json=unit, headers=adding).status_code == 201
    assert client.get("/api/v1/people", headers=adding).status_code == 403


def test_no_token_leads_to_another_one_or_to_an_account(
    client: TestClient, keys: Keys, session: Session, admin: Person
) -> None:
    other = factories.person(session, factories.school(session, factories.county(session)), Role.TEACHER)
    session.commit()
    header = minted(client, keys, admin, "all")
    assert mint(client, header, "read").json()["code"] == "token.scope"
    assert client.get(PATH, headers=header).status_code == 403
    change = {"old_password": factories.PASSWORD, "new_password": "four words in a row"}
    assert client.post("/api/v1/me/password", json=change, headers=header).json()["code"] == "token.scope"
    reset = client.post(f"/api/v1/people/{other.id}/reset-password", headers=header)
    assert reset.json()["code"] == "token.scope"
    let_in = {"code": "ABCDEF", "room_id": str(uuid.uuid4()), "name": "Screen"}
    assert client.post("/api/v1/terminals", json=let_in, headers=header).json()["code"] == "token.scope"
    # It admits people, and makes no admin of anybody.
    county = session.get_one(OrgUnit, admin.county_id)
    school = factories.school(session, county)
    session.commit()
    for role, unit, status in (
        ("bureau_admin", county, 403),
        ("school_admin", school, 403),
        ("teacher", school, 201),
    ):
        duty = {"role": role, "org_unit_id": str(unit.id)}
        person = {"login": f"new-{role}", "name": "New", "password": "four words in a row"}
        answer = client.post("/api/v1/people", json={**person, "assignments": [duty]}, headers=header)
        assert answer.status_code == status, role
    assert client.post("/api/v1/session", headers=header).status_code == 401  # and it is no page's sign-in


def test_a_revoked_token_ends_at_once_and_only_its_owner_revokes_it_by_id(
    client: TestClient, keys: Keys, session: Session, admin: Person
) -> None:
    stranger = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    session.commit()
    mine, header = factories.bearer(keys, admin), minted(client, keys, admin, "read")
    (listed,) = client.get(PATH, headers=mine).json()["items"]
    address = f"{PATH}/{listed['id']}"
    assert client.delete(address, headers=factories.bearer(keys, stranger)).status_code == 404
    assert client.delete(address, headers=mine).status_code == 204
    assert client.get("/api/v1/me", headers=header).json()["code"] == "token.invalid"
    assert client.delete(address, headers=mine).status_code == 404


def test_whoever_finds_a_token_can_end_it(client: TestClient, keys: Keys, admin: Person) -> None:
    header = minted(client, keys, admin, "read")
    token = header["Authorization"].removeprefix("Bearer ")
    assert client.post("/api/v1/token/revoke", data={"token": token}).status_code == 200
    assert client.get("/api/v1/me", headers=header).status_code == 401


def test_a_token_ends_in_time_and_with_the_password(
    client: TestClient, keys: Keys, session: Session, admin: Person
) -> None:
    header = minted(client, keys, admin, "read")
    now = datetime.now(UTC)
    session.execute(update(AccessToken).values(created_at=now - timedelta(days=1), expires_at=now))
    session.commit()
    assert client.get("/api/v1/me", headers=header).json()["code"] == "token.expired"
    header = minted(client, keys, admin, "read")
    admin.tokens_since = datetime.now(UTC)
    session.commit()
    assert client.get("/api/v1/me", headers=header).json()["code"] == "token.void"


@pytest.mark.parametrize("days", [-1, 367])
def test_a_token_has_an_end_within_a_year(client: TestClient, keys: Keys, admin: Person, days: float) -> None:
    answer = mint(client, factories.bearer(keys, admin), "read", days=days)
    assert (answer.status_code, answer.json()["code"]) == (422, "access_token.life")


@pytest.mark.parametrize("scope", ["write", "password.change", "person.reset_password", "", "读"])
def test_an_unknown_scope_is_refused(client: TestClient, keys: Keys, admin: Person, scope: str) -> None:
    assert mint(client, factories.bearer(keys, admin), scope).status_code == 422


def test_nobody_has_more_than_a_few(client: TestClient, keys: Keys, session: Session, admin: Person) -> None:
    for _ in range(access_tokens.MOST):
        factories.access_token(session, admin)
    session.commit()
    answer = mint(client, factories.bearer(keys, admin), "read")
    assert (answer.status_code, answer.json()["code"]) == (409, "access_token.too_many")


def test_reading_changes_nothing() -> None:
    assert {Action.ME_SHOW, Action.LESSON_SHOW, Action.PERSON_LIST} <= actions_of_scopes([READ])
    assert not {Action.AUDIT_SHOW, Action.ENTRY_PLAN, Action.LESSON_JOIN} & actions_of_scopes([READ])
    assert not actions_of_scopes(["a word of long ago"])


@given(st.sets(st.sampled_from([READ, ALL, *sorted(FOR_SCRIPTS)])), st.sampled_from(Role))
def test_a_token_never_reaches_further_than_its_person(scopes: set[str], role: Role) -> None:
    county = uuid.uuid4()
    today = datetime.now(UTC).date()
    person = Principal(county, "Wang", county, (Duty(role, county),), today)
    actions = actions_of_scopes(scopes)
    script = Principal(county, "Wang", county, (Duty(role, county),), today, actions=actions)
    for action in Action:
        found = reach(script, action)
        assert found == (reach(person, action) if action in actions else found)
        assert bool(found) <= (action in actions and action not in IN_PERSON)
        assert not found or action in TABLE or action in OF_ONESELF
