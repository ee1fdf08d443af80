"""No name, login, password, token or network address reaches a line of the log, a figure, an address, or a stranger."""

import io
import logging
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.keys import Keys
from app.logs import configure_logging
from tests import counties, factories
from tests.consents import consent

ADDRESS = "203.0.113.77"
NAME, LOGIN, SECRET = "Qmarked-name 王芳", "qmarked-login", "Qmarked-secret-words-in-a-row"
PUPIL, GUARDIAN, TYPED = "Qmarked-pupil", "Qmarked-guardian", "qmarked-typed"


@contextmanager
def log_of(form: str) -> Iterator[io.StringIO]:
    """All that is logged, from debug up, in the way a server does it."""
    root, kept, written = logging.getLogger(), sys.stderr, io.StringIO()
    handlers, level = root.handlers[:], root.level
    sys.stderr = written
    try:
        configure_logging("debug", form)
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # the test's own client
        yield written
    finally:
        sys.stderr = kept
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()


def ask_everything(
    client: TestClient, county: counties.County, head: dict[str, str], keys: Keys
) -> list[str]:
    """Requests of every kind, good ones and others; the addresses that were told."""
    school, lesson = str(county.school.id), uuid.uuid4()
    duty = [{"role": "teacher", "org_unit_id": school}]
    person = {"login": LOGIN, "name": NAME, "password": SECRET, "must_change_password": False}
    admitted = client.post("/api/v1/people", headers=head, json={**person, "assignments": duty})
    assert admitted.status_code == 201, admitted.text
    told = [admitted.headers["location"]]
    assert (
        client.post("/api/v1/people", headers=head, json={**person, "assignments": duty}).status_code == 409
    )
    client.post("/api/v1/people", headers=head, json={**person, "assignments": TYPED})
    client.post("/api/v1/people", headers=head, content=f'{{"login": "{TYPED}')
    for password in (SECRET, TYPED):
        answer = client.post("/api/v1/token", data={"username": LOGIN, "password": password})
        client.post("/api/v1/session", json={"login": LOGIN, "password": password})
    client.post("/api/v1/token", data={"username": TYPED, "password": TYPED})
    assert answer.status_code == 401
    named = {"org_unit_id": school, "name": PUPIL, "grade": 3, "consent": consent(guardian=GUARDIAN)}
    pupil = client.post("/api/v1/pupils", headers=head, json=named)
    told.append(pupil.headers["location"])
    client.get(f"/api/v1/people?after={TYPED}&q={NAME}", headers=head)
    client.get(f"/nowhere/{TYPED}?name={NAME}")
    client.get("/api/v1/me", headers={"Authorization": f"Bearer {TYPED}"})
    client.get("/api/v1/me", headers={"Cookie": f"tongtang={TYPED}", "X-Sign-In": TYPED})
    client.post(f"/whip/{lesson}/{TYPED}", content=TYPED, headers={"Content-Type": "application/sdp", **head})
    client.delete(f"/whip/{county.county.id}/main/{TYPED}")
    client.request(TYPED.upper().replace("-", ""), "/api/v1/me")
    with client.websocket_connect(f"/api/v1/lessons/{lesson}/channel") as socket:
        socket.send_json({"type": "hello", "token": TYPED})
        assert TYPED not in str(socket.receive_json())
    path = f"/api/v1/people/{admitted.json()['id']}"
    client.get(f"{path}/export", headers=head)
    client.post(f"{path}/close", headers=head)
    return told


@pytest.mark.parametrize("form", ["json", "console"])
def test_nobody_is_named_in_the_log_the_figures_or_an_address(
    app: FastAPI, session: Session, keys: Keys, form: str
) -> None:
    county = counties.county(session)
    head = factories.bearer(keys, county.bureau)
    admin = factories.bearer(keys, factories.person(session, county.school, Role.SCHOOL_ADMIN))
    session.commit()
    client = TestClient(app, raise_server_exceptions=False, client=(ADDRESS, 50000))
    with log_of(form) as log:
        told = ask_everything(client, county, admin, keys)
    near = TestClient(app, client=("127.0.0.1", 50000))
    figures = near.get("/metrics").text
    seen = {"log": log.getvalue(), "figures": figures, "addresses": "\n".join(told)}
    assert "/api/v1/people" in seen["log"]
    for where, words in seen.items():
        for mark in (NAME, "王芳", LOGIN, SECRET, PUPIL, GUARDIAN, TYPED, TYPED.upper(), ADDRESS):
            assert mark not in words, f"{mark} is in the {where}"
        for header in (head, admin):
            assert header["Authorization"].split(".")[-1] not in words, f"a token is in the {where}"


def test_a_stranger_reads_nobodys_name_in_a_refusal(client: TestClient, session: Session, keys: Keys) -> None:
    county, abroad = counties.county(session), counties.county(session)
    person = factories.person(session, county.school, Role.TEACHER, login=LOGIN, name=NAME)
    session.commit()
    stranger = factories.bearer(keys, abroad.bureau)
    path = f"/api/v1/people/{person.id}"
    answers = [client.get(path, headers=stranger), client.get(f"{path}/export", headers=stranger)]
    answers += [
        client.post(f"{path}/{act}", headers=stranger, json=body)
        for act, body in (("erase", {"login": LOGIN}), ("close", None), ("reset-password", None))
    ]
    for answer in answers:
        assert answer.status_code == 404
        assert NAME not in answer.text
        assert LOGIN not in answer.text


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_unexpected_error_is_logged_without_the_values_of_variables(form: str) -> None:
    with log_of(form) as log:
        password = SECRET
        try:
            raise RuntimeError(f"something with {len(password)} characters")
        except RuntimeError:
            structlog.stdlib.get_logger("app").exception("failed")
            logging.getLogger("uvicorn.error").exception("failed")
    assert "something with" in log.getvalue()
    assert SECRET not in log.getvalue()


def test_an_error_of_the_database_quotes_no_values(session: Session) -> None:
    with pytest.raises(SQLAlchemyError) as caught:
        session.execute(text("INSERT INTO nowhere (name) VALUES (:name)"), {"name": NAME})
    assert NAME not in str(caught.value)
    session.rollback()
