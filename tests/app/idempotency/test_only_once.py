"""A request that is sent twice with one key is done once, whatever came between."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, func, insert, select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import AccessToken
from app.accounts.rules import Role
from app.database import SessionFactory
from app.idempotency import attempts
from app.idempotency.models import IdempotencyKey
from app.idempotency.rules import MOST_KEYS, read_key, request_of
from app.keys import Keys
from app.schools.models import Room
from tests import factories
from tests.crowds import at_once

CLIENTS = 5


def rooms(session: Session) -> int:
    found = session.scalar(select(func.count()).select_from(Room)) or 0
    session.rollback()  # SQLite has one writer
    return found


@dataclass(frozen=True)
class Script:
    """A bureau admin's script on a bad line, over a day."""

    client: TestClient
    session: Session
    bureau: dict[str, str]
    colleague: dict[str, str]
    """Another admin of the county."""
    school_id: UUID
    admin_id: UUID

    def body(self, **changes: Any) -> dict[str, Any]:
        room = {"org_unit_id": str(self.school_id), "kind": "main", "code": "M1", "name": "主课堂 1"}
        return room | changes

    def post(self, path: str, key: str, body: dict[str, Any], who: dict[str, str] | None = None) -> Response:
        headers = (self.bureau if who is None else who) | {"Idempotency-Key": key}
        return self.client.post(f"/api/v1/{path}", json=body, headers=headers)

    def add(self, key: str, who: dict[str, str] | None = None, **changes: Any) -> Response:
        """Add a room."""
        return self.post("rooms", key, self.body(**changes), who)


def test_the_second_time_is_answered_as_the_first(
    client: TestClient, session: Session, keys: Keys, session_factory: SessionFactory
) -> None:
    county = factories.county(session)
    school = factories.school(session, county)
    admin, other = (factories.person(session, county, Role.BUREAU_ADMIN) for _ in range(2))
    session.commit()
    bureau, colleague = (factories.bearer(keys, each) for each in (admin, other))
    script = Script(client, session, bureau, colleague, school.id, admin.id)
    what_was_done_is_answered_again(script)
    a_key_is_for_one_request_of_one_person(script)
    what_was_refused_may_go_well_the_next_time(script)
    a_secret_is_told_once(script)
    after_a_day_it_is_another_request(script, session_factory)
    nobody_keeps_too_many(script)


def what_was_done_is_answered_again(script: Script) -> None:
    first, second = script.add('"a-1"'), script.add("a-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["Location"] == first.headers["Location"]
    replayed = [each.headers.get("Idempotency-Replayed") for each in (first, second)]
    assert replayed == [None, "true"]
    assert rooms(script.session) == 1


def a_key_is_for_one_request_of_one_person(script: Script) -> None:
    reused = script.add("a-1", name="主课堂 2")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency.key_reused")
    assert script.post("org-units", "a-1", script.body()).status_code == 422
    bad = script.add("no spaces")
    assert (bad.status_code, bad.json()["code"]) == (400, "idempotency.bad_key")
    # Somebody else's key of the same name is another one; so is a stranger's, who learns nothing.
    assert script.add("a-1", script.colleague, code="M2").status_code == 201
    assert script.add("a-1", {}).status_code == 401


def what_was_refused_may_go_well_the_next_time(script: Script) -> None:
    assert script.add("a-2").json()["code"] == "room.code_taken"
    assert script.add("a-2", code="M3").status_code == 201


def a_secret_is_told_once(script: Script) -> None:
    """And no copy of it is kept."""
    end = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    wanted = {"name": "script", "scopes": ["read"], "expires_at": end}
    minted = script.post("me/access-tokens", "t", wanted)
    assert minted.status_code == 201, minted.text
    again = script.post("me/access-tokens", "t", wanted)
    assert (again.status_code, again.json()["code"]) == (409, "idempotency.answer_not_kept")
    session = script.session
    assert session.scalar(select(func.count()).select_from(AccessToken)) == 1
    kept = [(each.body is None, each.key_hash) for each in session.scalars(select(IdempotencyKey))]
    session.rollback()
    assert sorted(missing for missing, _ in kept) == [False, False, False, True]
    assert all("a-1" not in key for _, key in kept)


def after_a_day_it_is_another_request(script: Script, session_factory: SessionFactory) -> None:
    """Whether the chore came by or not."""
    yesterday = datetime.now(UTC) - timedelta(hours=24, minutes=1)
    script.session.execute(update(IdempotencyKey).values(created_at=yesterday))
    script.session.commit()
    assert script.add("a-1", code="M4").status_code == 201
    with session_factory.begin() as chore:
        assert attempts.forget_expired(chore, datetime.now(UTC)) == 3
    assert rooms(script.session) == 4


def nobody_keeps_too_many(script: Script) -> None:
    row = {"person_id": script.admin_id, "request_hash": "", "created_at": datetime.now(UTC), "status": 201}
    row |= {"headers": {}, "body": ""}
    many = [row | {"key_hash": uuid.uuid4().hex} for _ in range(MOST_KEYS)]
    script.session.execute(insert(IdempotencyKey), many)
    script.session.commit()
    full = script.add("a-9", code="M5")
    assert (full.status_code, full.json()["code"]) == (429, "idempotency.too_many_keys")
    assert script.add("a-1", code="M4").status_code == 201


def test_only_one_of_many_at_once_does_it(client: TestClient, session: Session, keys: Keys) -> None:
    county = factories.county(session)
    school = factories.school(session, county)
    admin = factories.bearer(keys, factories.person(session, county, Role.BUREAU_ADMIN))
    session.commit()
    body = {"org_unit_id": str(school.id), "kind": "main", "code": "M1", "name": "主课堂 1"}
    add = partial(client.post, "/api/v1/rooms", json=body, headers=admin | {"Idempotency-Key": "k"})
    answers = {(each.status_code, each.json()["code"]) for each in at_once([add] * CLIENTS)}
    assert answers <= {(201, "M1"), (409, "idempotency.running")}
    assert (201, "M1") in answers
    assert rooms(session) == 1


def test_a_server_that_dies_has_done_nothing(
    app: FastAPI, client: TestClient, session: Session, keys: Keys
) -> None:
    """Killed while it commits: change and key are one transaction, so the next try does both."""
    county = factories.county(session)
    school = factories.school(session, county)
    admin = factories.bearer(keys, factories.person(session, county, Role.BUREAU_ADMIN))
    session.commit()
    body = {"org_unit_id": str(school.id), "kind": "main", "code": "M1", "name": "主课堂 1"}
    headers = admin | {"Idempotency-Key": "k"}

    def die(_session: Session) -> None:
        raise RuntimeError("power cut")

    factory = app.state.session_factory
    event.listen(factory, "before_commit", die)
    try:
        assert client.post("/api/v1/rooms", json=body, headers=headers).status_code == 500
    finally:
        event.remove(factory, "before_commit", die)
    assert rooms(session) == 0
    assert client.post("/api/v1/rooms", json=body, headers=headers).status_code == 201
    assert client.post("/api/v1/rooms", json=body, headers=headers).status_code == 201
    assert rooms(session) == 1


@given(st.text(max_size=300))
def test_a_key_is_something_or_nothing(field: str) -> None:
    key = read_key(field)
    assert key is None or (0 < len(key) <= 255 and key.isascii() and key.isprintable() and '"' not in key)
    if key is not None:
        assert read_key(f'"{key}"') == key


@given(st.binary(), st.binary(), st.binary(), st.integers(0, 3))
def test_different_requests_have_different_fingerprints(
    path: bytes, query: bytes, body: bytes, cut: int
) -> None:
    one = request_of("k", path, query, body)
    assert request_of("k", path, query, body) == one
    moved = request_of("k", path + query[:cut], query[cut:], body)
    assert (moved == one) == (query[:cut] == b"")
    assert request_of("l", path, query, body).fingerprint != one.fingerprint


@pytest.mark.parametrize("field", ["", '""', 'a"b', "x" * 256, "ünï"])
def test_what_is_no_key(field: str) -> None:
    assert read_key(field) is None
