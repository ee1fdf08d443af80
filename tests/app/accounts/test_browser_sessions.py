"""Pages signed in by cookie: what counts, for whom, and who else may not use it."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import BrowserSession, Person
from app.accounts.rules import Role
from app.keys import Keys
from tests import factories

PATH = "/api/v1/session"
ORIGIN = {"Origin": "http://testserver"}


@pytest.fixture
def teacher(session: Session) -> Person:
    school = factories.school(session, factories.county(session))
    teacher = factories.person(session, school, Role.TEACHER, login="wang")
    factories.person(session, school, Role.SCHOOL_ADMIN, login="head")
    session.commit()
    return teacher


def open_session(client: TestClient, login: str = "wang") -> dict[str, str]:
    """The header that a page of this browser sends."""
    body = {"login": login, "password": factories.PASSWORD}
    answer = client.post(PATH, json=body, headers=ORIGIN)
    assert answer.status_code == 201, answer.text
    return {"X-Sign-In": answer.json()["sign_in"]}


def me(client: TestClient, headers: dict[str, str]) -> tuple[int, str]:
    answer = client.get("/api/v1/me", headers=headers)
    body = answer.json()
    return answer.status_code, body.get("login") or body["code"]


def test_a_page_is_signed_in_by_a_cookie_that_no_script_reads(client: TestClient, teacher: Person) -> None:
    body = {"login": " Wang ", "password": factories.PASSWORD}
    answer = client.post(PATH, json=body, headers=ORIGIN)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie
    assert "max-age" not in cookie and "domain" not in cookie
    (secret,) = client.cookies.values()
    assert secret not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert me(client, {"X-Sign-In": answer.json()["sign_in"]}) == (200, "wang")


def test_behind_tls_the_cookie_is_bound_to_it(app: FastAPI, teacher: Person) -> None:
    app.state.settings = app.state.settings.model_copy(update={"public_url": "https://lessons"})
    client = TestClient(app, base_url="https://lessons")
    body = {"login": "wang", "password": factories.PASSWORD}
    answer = client.post(PATH, json=body, headers={"Origin": "https://lessons"})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-tongtang-") and "Secure" in cookie
    assert me(client, {"X-Sign-In": answer.json()["sign_in"]}) == (200, "wang")


def test_the_cookie_alone_and_the_name_alone_are_nothing(
    app: FastAPI, client: TestClient, teacher: Person
) -> None:
    header = open_session(client)
    assert me(client, {}) == (401, "token.missing")
    assert me(client, {"X-Sign-In": "0" * 12}) == (401, "token.missing")
    assert me(client, {"X-Sign-In": "../../secret"}) == (401, "token.missing")
    assert me(TestClient(app), header) == (401, "token.missing")


def test_a_forged_cookie_is_nobodys(app: FastAPI, teacher: Person) -> None:
    client = TestClient(app, cookies={"tongtang-000000000000": "guessed"})
    assert me(client, {"X-Sign-In": "0" * 12}) == (401, "session.over")


def test_two_tabs_of_a_browser_may_be_two_people(client: TestClient, teacher: Person) -> None:
    one, other = open_session(client), open_session(client, "head")
    assert me(client, one) == (200, "wang")
    assert me(client, other) == (200, "head")


@pytest.mark.parametrize(
    "origin",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
    ],
)
def test_another_sites_page_changes_nothing(
    client: TestClient, teacher: Person, origin: dict[str, str]
) -> None:
    header = open_session(client)
    change = {"old_password": factories.PASSWORD, "new_password": "four words in a row"}
    refused = client.post("/api/v1/me/password", json=change, headers={**header, **origin})
    assert (refused.status_code, refused.json()["code"]) == (403, "session.other_origin")
    refused = client.delete(PATH, headers={**header, **origin})
    assert (refused.status_code, refused.json()["code"]) == (403, "session.other_origin")
    assert me(client, header) == (200, "wang")


def test_nobody_is_signed_in_from_another_site(client: TestClient, teacher: Person) -> None:
    body = {"login": "wang", "password": factories.PASSWORD}
    refused = client.post(PATH, json=body, headers={"Origin": "https://evil.example"})
    assert (refused.status_code, refused.json()["code"]) == (403, "session.other_origin")
    assert not client.cookies


def test_our_own_pages_change_what_they_may(client: TestClient, teacher: Person) -> None:
    header, other = open_session(client), open_session(client)
    before = dict(client.cookies)
    change = {"old_password": factories.PASSWORD, "new_password": "four words in a row"}
    changed = client.post("/api/v1/me/password", json=change, headers={**header, **ORIGIN})
    assert changed.status_code == 204
    # Every sign-in from before is void, and this one's cookie; the page is not asked for a code again that it gave.
    assert me(client, {"X-Sign-In": changed.headers["x-sign-in"]}) == (200, "wang")
    assert me(client, other)[0] == 401
    client.cookies.clear()
    client.cookies.update(before)
    assert me(client, header)[0] == 401


def test_a_cookie_of_another_county_and_a_login_that_looks_alike_are_nobodys(
    app: FastAPI, client: TestClient, teacher: Person
) -> None:
    """Not even where its server has the same people: what proves a sign-in stays in that server's database."""
    header = open_session(client)
    with app.state.session_factory.begin() as session:  # as if the row were another server's
        session.execute(delete(BrowserSession))
    assert me(client, header) == (401, "session.over")
    # Nor is a login that looks like somebody's.
    for login in ("w\u0430ng", "ｗａｎｇ", "wang\u200b", "WANG\u0301", "wan\u0261", "wang\x00"):
        body = {"login": login, "password": factories.PASSWORD}
        refused = client.post(PATH, json=body, headers=ORIGIN)
        assert (refused.status_code, refused.json()["code"]) == (401, "sign_in.refused")


def test_signing_out_ends_this_sign_in_and_no_other(client: TestClient, teacher: Person) -> None:
    one, other = open_session(client), open_session(client)
    secrets = dict(client.cookies)
    assert client.delete(PATH, headers={**one, **ORIGIN}).status_code == 204
    assert me(client, one) == (401, "token.missing")
    client.cookies.update(secrets)
    assert me(client, one) == (401, "session.over")
    assert me(client, other) == (200, "wang")
    assert client.delete(PATH, headers={"X-Sign-In": "0" * 12}).status_code == 204


def test_a_session_ends_in_time_and_its_cookie_goes_with_the_next_sign_in(
    client: TestClient, session: Session, teacher: Person
) -> None:
    header = open_session(client)
    session.execute(update(BrowserSession).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    session.commit()
    assert me(client, header) == (401, "session.over")
    fresh = open_session(client)
    assert [name.removeprefix("tongtang-") for name in client.cookies] == [fresh["X-Sign-In"]]


def test_a_closed_account_is_signed_out_everywhere(
    client: TestClient, session: Session, teacher: Person
) -> None:
    header = open_session(client)
    session.get_one(Person, teacher.id).active = False
    session.commit()
    assert me(client, header) == (401, "token.no_person")


def test_a_token_is_exchanged_for_a_cookie(client: TestClient, teacher: Person, keys: Keys) -> None:
    answer = client.post(PATH, headers={**factories.bearer(keys, teacher), **ORIGIN})
    assert me(client, {"X-Sign-In": answer.json()["sign_in"]}) == (200, "wang")
    bad = client.post(PATH, headers={"Authorization": "Bearer nonsense", **ORIGIN})
    assert (bad.status_code, bad.json()["code"]) == (401, "token.invalid")


def test_wrong_passwords_are_bounded_here_as_at_the_other_door(client: TestClient, teacher: Person) -> None:
    wrong = {"login": "wang", "password": "wrong"}
    codes = [client.post(PATH, json=wrong, headers=ORIGIN).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    form = {"username": "wang", "password": factories.PASSWORD}
    assert client.post("/api/v1/token", data=form).status_code == 429


def test_the_database_holds_no_secret(client: TestClient, session: Session, teacher: Person) -> None:
    open_session(client)
    (row,) = session.query(BrowserSession).all()
    (secret,) = client.cookies.values()
    assert secret not in (row.secret_hash, row.id.hex)
