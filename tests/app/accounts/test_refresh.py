"""Refresh tokens: each good once, and all of a sign-in void when one is shown again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts import access_tokens, families
from app.accounts.models import Person, TokenFamily
from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.audit.rules import Act
from app.errors import BadRequest
from tests import factories

Answer = tuple[int, Any]


@pytest.fixture
def teacher(session: Session) -> Person:
    school = factories.school(session, factories.county(session))
    teacher = factories.person(session, school, Role.TEACHER, login="wang")
    session.commit()
    return teacher


def ask(client: TestClient, **form: str) -> Answer:
    answer = client.post("/api/v1/token", data=form)
    return answer.status_code, answer.json()


def signed_in(client: TestClient) -> Any:
    status, body = ask(client, username="wang", password=factories.PASSWORD)
    assert status == 200, body
    return body


def refresh(client: TestClient, token: str) -> Answer:
    return ask(client, grant_type="refresh_token", refresh_token=token)


def me(client: TestClient, body: Any) -> int:
    return client.get("/api/v1/me", headers={"Authorization": f"Bearer {body['access_token']}"}).status_code


def test_a_refresh_token_is_exchanged_for_the_next_one(client: TestClient, teacher: Person) -> None:
    first = signed_in(client)
    status, second = refresh(client, first["refresh_token"])
    assert (status, me(client, second), me(client, first)) == (200, 200, 200)
    assert second["refresh_token"] != first["refresh_token"]
    assert second["refresh_expires_in"] <= first["refresh_expires_in"]  # no sign-in lasts for ever
    assert refresh(client, second["refresh_token"])[0] == 200


def test_a_refresh_token_shown_twice_ends_the_whole_sign_in(
    client: TestClient, session: Session, teacher: Person
) -> None:
    other = signed_in(client)
    first = signed_in(client)
    second = refresh(client, first["refresh_token"])[1]
    status, refused = refresh(client, first["refresh_token"])
    assert (status, refused["code"], refused["error"]) == (400, "token.refresh_refused", "invalid_grant")
    assert me(client, second) == me(client, first) == 401
    assert refresh(client, second["refresh_token"])[0] == 400
    assert me(client, other) == 200  # other sign-ins go on
    noted = session.scalars(select(AuditEvent).where(AuditEvent.act == Act.TOKEN_REPLAYED)).one()
    assert (noted.subject_id, noted.person_id, noted.address) == (teacher.id, None, "127.0.0.1")
    assert 'tongtang_sign_ins_total{result="replayed"} 1.0' in client.get("/metrics").text


def test_a_tampered_refresh_token_counts_as_stolen(client: TestClient, teacher: Person) -> None:
    body = signed_in(client)
    token = body["refresh_token"]
    assert refresh(client, token[:-1] + ("A" if token[-1] != "A" else "B"))[0] == 400
    assert me(client, body) == 401


def test_a_sign_in_ends_in_time_however_often_it_is_refreshed(
    app: FastAPI, client: TestClient, session: Session, teacher: Person
) -> None:
    body = signed_in(client)
    now = datetime.now(UTC)
    soon = update(TokenFamily).values(expires_at=now + timedelta(seconds=60))
    session.execute(soon)
    session.commit()
    status, last = refresh(client, body["refresh_token"])
    assert status == 200 and last["expires_in"] <= 60 and last["refresh_expires_in"] <= 60
    session.execute(update(TokenFamily).values(created_at=now - timedelta(hours=1), expires_at=now))
    session.commit()
    assert refresh(client, last["refresh_token"])[0] == 400
    with app.state.session_factory.begin() as writing:
        assert access_tokens.forget_expired(writing, now) == 1


def test_a_changed_password_and_a_closed_account_end_refreshing(
    client: TestClient, session: Session, teacher: Person
) -> None:
    first, second = signed_in(client), signed_in(client)
    teacher.tokens_since = datetime.now(UTC)
    session.commit()
    assert refresh(client, first["refresh_token"])[0] == 400
    teacher.tokens_since, teacher.active = None, False
    session.commit()
    assert refresh(client, second["refresh_token"])[0] == 400


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
def test_a_program_signs_out_by_either_token(client: TestClient, teacher: Person, which: str) -> None:
    body = signed_in(client)
    assert client.post("/api/v1/token/revoke", data={"token": body[which]}).status_code == 200
    assert me(client, body) == 401
    assert refresh(client, body["refresh_token"])[0] == 400
    assert client.post("/api/v1/token/revoke", data={"token": body[which]}).status_code == 200


def test_unknown_tokens_are_revoked_as_well_as_known_ones(client: TestClient) -> None:
    for token in ("x", "tongtang_pat_x", "tongtang_refresh_" + "A" * 64):
        assert client.post("/api/v1/token/revoke", data={"token": token}).status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"username": "wang"}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_an_incomplete_form_is_told_in_the_words_of_the_standard(
    client: TestClient, form: dict[str, str], error: str
) -> None:
    status, body = ask(client, **form)
    assert (status, body["error"]) == (400, error)


def test_of_many_sign_ins_the_oldest_ends(
    app: FastAPI, session: Session, teacher: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families, "MOST", 2)
    now = datetime.now(UTC)
    for minute in range(3):
        families.open_family(session, teacher.id, timedelta(hours=1), now + timedelta(minutes=minute))
    begun = session.scalars(select(TokenFamily.created_at).order_by(TokenFamily.created_at)).all()
    assert begun == [now + timedelta(minutes=1), now + timedelta(minutes=2)]


@given(
    st.text(max_size=100) | st.binary(max_size=70).map(lambda raw: families.PREFIX + raw.decode("latin-1"))
)
def test_no_text_is_a_refresh_token(text: str) -> None:
    assert families.family_of(text) is None
    assert isinstance(families.refused(), BadRequest)
