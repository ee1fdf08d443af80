"""A request that is sent twice with one key is done once, whatever came between."""

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
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


def test_the_second_time_is_answered_as_the_first(
    client: TestClient, session: Session, keys: Keys, session_factory: SessionFactory
) -> None:
    """A bureau admin's script on a bad line, over a day."""
    county = factories.county(session)
    school = factories.school(session, county)
    admin = factories.person(session, county, Role.BUREAU_ADMIN)
    other = factories.person(session, county, Role.BUREAU_ADMIN)
    session.commit()
    bureau, stranger, admin_id = factories.bearer(keys, admin), factories.bearer(keys, other), admin.id
    body = {"org_unit_id": str(school.id), "kind": "main", "code": "M1", "name": "主课堂 1"}

    def add(key: str, who: dict[str, str] = bureau, **changes: Any) -> Any:
        return client.post("/api/v1/rooms", json=body | changes, headers=who | {"Idempotency-Key": key})

    first, second = add('"a-1"'), add("a-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["Location"] == first.headers["Location"]
    assert (first.headers.get("Idempotency-Replayed"), second.headers["Idempotency-Replayed"]) == (
        None,
        "true",
    )
    assert rooms(session) == 1

    reused = add("a-1", name="主课堂 2")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency.key_reused")
    elsewhere = client.post("/api/v1/org-units", json=body, headers=bureau | {"Idempotency-Key": "a-1"})
    assert elsewhere.status_code == 422
    bad = add("no spaces")
    assert (bad.status_code, bad.json()["code"]) == (400, "idempotency.bad_key")
    # Somebody else's key of the same name is another one; so is a stranger's, who learns nothing.
    assert add("a-1", stranger, code="M2").status_code == 201
    assert client.post("/api/v1/rooms", json=body, headers={"Idempotency-Key": "a-1"}).status_code == 401

    # What was refused may go well the next time.
    assert add("a-2").json()["code"] == "room.code_taken"
    assert add("a-2", code="M3").status_code == 201

    # A secret is told once, and no copy of it is kept.
    wanted = {"name": "script", "scopes": ["read"]}
    wanted |= {"expires_at": (datetime.now(UTC) + timedelta(days=2)).isoformat()}

    def mint() -> Any:
        return client.post("/api/v1/me/access-tokens", json=wanted, headers=bureau | {"Idempotency-Key": "t"})

    assert mint().status_code == 201, mint().text
    again = mint()
    assert (again.status_code, again.json()["code"]) == (409, "idempotency.answer_not_kept")
    assert session.scalar(select(func.count()).select_from(AccessToken)) == 1
    kept = [(each.body is None, each.key_hash) for each in session.scalars(select(IdempotencyKey))]
    session.rollback()
    assert sorted(missing for missing, _ in kept) == [False, False, False, True]
    assert all("a-1" not in key for _, key in kept)

    # After a day it is another request, whether the chore came by or not.
    yesterday = datetime.now(UTC) - timedelta(hours=24, minutes=1)
    session.execute(update(IdempotencyKey).values(created_at=yesterday))
    session.commit()
    assert add("a-1", code="M4").status_code == 201
    with session_factory.begin() as chore:
        assert attempts.forget_expired(chore, datetime.now(UTC)) == 3
    assert rooms(session) == 4

    row = {"person_id": admin_id, "request_hash": "", "created_at": datetime.now(UTC), "status": 201}
    session.execute(
        insert(IdempotencyKey),
        [row | {"key_hash": uuid.uuid4().hex, "headers": {}, "body": ""} for _ in range(MOST_KEYS)],
    )
    session.commit()
    full = add("a-9", code="M5")
    assert (full.status_code, full.json()["code"]) == (429, "idempotency.too_many_keys")
    assert add("a-1", code="M4").status_code == 201


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
