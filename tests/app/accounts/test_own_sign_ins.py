"""Where one is signed in: seen in a list, and ended from it."""

import uuid
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool
from starlette.testclient import TestClient

from app.accounts.browsers import note_seen
from app.accounts.devices import LONGEST, device_of
from app.accounts.rules import Role, Used
from app.audit.rules import Act
from app.database import SessionFactory
from app.keys import Keys
from tests import factories

ORIGIN = {"Origin": "http://testserver"}
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36 Edg/142.0"
PHONE = "Mozilla/5.0 (Linux; Android 14; BAH4) AppleWebKit/537.36 Chrome/120.0 Mobile HuaweiBrowser/15.0.4"
LIST = "/api/v1/me/sign-ins"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (EDGE, "Edge · Windows"),
        (PHONE, "Huawei Browser · Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0 Safari/605.1.15", "Safari · Mac"),
        ("curl/8.14.1", "curl"),
        ("python-httpx2/2.0", "python-httpx2"),
        ("", ""),
        ("<script>", ""),
    ],
)
def test_a_device_is_told_by_two_words(user_agent: str, words: str) -> None:
    assert device_of(user_agent) == words


@given(st.text())
def test_whatever_a_device_calls_itself_is_short_and_plain(user_agent: str) -> None:
    words = device_of(user_agent)
    assert len(words) <= LONGEST
    assert words.replace("·", "").isascii()


def test_one_sees_where_one_is_signed_in_and_ends_what_one_does_not_know(
    app: FastAPI, client: TestClient, session: Session, keys: Keys
) -> None:
    county = factories.county(session)
    school = factories.school(session, county)
    bureau = factories.person(session, county, Role.BUREAU_ADMIN)
    other = factories.person(session, school, Role.TEACHER)
    factories.person(session, school, Role.TEACHER, login="wang")
    foreign = factories.program_sign_in(session, other)
    session.commit()
    credentials = {"login": "wang", "password": factories.PASSWORD}

    def page(user_agent: str) -> dict[str, str]:
        headers = {**ORIGIN, "User-Agent": user_agent}
        name = client.post("/api/v1/session", json=credentials, headers=headers).json()["sign_in"]
        return {"X-Sign-In": name, **ORIGIN}

    form = {"username": "wang", "password": factories.PASSWORD}
    program = client.post("/api/v1/token", data=form, headers={"User-Agent": "OBS/31.0"}).json()
    at_school, at_home = page(EDGE), page(PHONE)
    listed = client.get(LIST, headers=at_school).json()["items"]
    assert [(each["kind"], each["device"], each["current"]) for each in listed] == [
        ("page", "Huawei Browser · Android", False),
        ("page", "Edge · Windows", True),
        ("program", "OBS", False),
    ]
    assert all(each["address"] == "127.0.0.1" and each["last_seen_at"] for each in listed)
    assert not any(word in str(listed) for word in ("hash", "secret"))
    as_program = {"Authorization": f"Bearer {program['access_token']}"}
    assert [each["current"] for each in client.get(LIST, headers=as_program).json()["items"]][2]

    for unknown in (foreign.id, uuid.uuid4()):
        refused = client.delete(f"{LIST}/{unknown}", headers=at_school)
        assert (refused.status_code, refused.json()["code"]) == (404, "sign_in.not_found")
    assert client.delete(f"{LIST}/{listed[0]['id']}", headers=at_school).status_code == 204
    assert client.get("/api/v1/me", headers=at_home).status_code == 401
    assert client.get("/api/v1/me", headers=at_school).status_code == 200
    # From a page that the program's token opened, all others end but the program, with which it would end itself.
    opened = client.post("/api/v1/session", headers={**as_program, **ORIGIN}).json()
    opened_by_it = {"X-Sign-In": opened["sign_in"], **ORIGIN}
    listed = client.get(LIST, headers=opened_by_it).json()["items"]
    assert [each["opened_by_id"] for each in listed] == [listed[2]["id"], None, None]
    assert opened["expires_at"] <= listed[2]["expires_at"]
    assert client.post(f"{LIST}/end-others", headers=opened_by_it).json() == {"ended": 1}
    assert client.get("/api/v1/me", headers=at_school).status_code == 401
    assert client.get("/api/v1/me", headers=opened_by_it).status_code == 200
    at_school = page(EDGE)
    assert client.post(f"{LIST}/end-others", headers=at_school).json() == {"ended": 2}
    assert client.get("/api/v1/me", headers=opened_by_it).status_code == 401
    assert client.get("/api/v1/me", headers=as_program).status_code == 401
    (left,) = client.get(LIST, headers=at_school).json()["items"]
    assert left["current"]
    trail = client.get(
        "/api/v1/audit-events", params={"act": Act.SIGNED_OUT}, headers=factories.bearer(keys, bureau)
    ).json()["items"]
    assert [event["after"]["by"] for event in trail] == ["list"] * 4


def test_a_page_is_answered_though_no_connection_is_free_to_note_its_use() -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0)
    with engine.connect():
        now = datetime.now(UTC)
        note_seen(SessionFactory(engine), Used(uuid.uuid4(), None, now), now)
    engine.dispose()
