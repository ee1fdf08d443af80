"""Signing in by a real identity provider, as browsers do it, from the button to the open door."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts import factors
from app.accounts.models import Assignment, SecondFactor
from app.accounts.rules import Role
from app.accounts.service import find_by_login, principal_of
from app.audit.models import AuditEvent
from app.audit.rules import Act
from app.main import create_app
from app.oidc import service
from app.oidc.provider import Provider, Registration
from app.oidc.welcome import BACK
from app.schools.models import OrgUnit
from app.settings import Settings
from tests import factories
from tests.factories import LONG_AGO
from tests.oidc import CLIENT_ID, RealProvider, real_provider

# The provider uses parts of authlib that are about to move.
pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config", "ignore:authlib.jose")
ORIGIN = {"Origin": "http://testserver"}
RULES = [
    {"claim": "groups", "value": "bureau", "role": "bureau_admin", "org_unit": "C-OIDC"},
    {"claim": "groups", "value": "teacher@*", "role": "teacher", "org_unit": "*"},
]


@pytest.fixture(scope="module")
def provider() -> Iterator[RealProvider]:
    with real_provider() as provider:
        yield provider


@pytest.fixture
def school(session: Session) -> OrgUnit:
    county = factories.county(session, code="C-OIDC")
    school = factories.school(session, county, code="S1")
    factories.school(session, county, code="S2")
    factories.person(session, school, Role.TEACHER, login="local")
    session.commit()
    return school


def server(settings: Settings, issuer: str, folder: Path, **more: Any) -> FastAPI:
    mapping = folder / "mapping.json"
    mapping.write_text(json.dumps({"county": "C-OIDC", "rules": RULES}))
    given = {
        "public_url": "http://testserver",
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": "hush-hush",
        "oidc_mapping_file": mapping,
    }
    return create_app(Settings.model_validate(settings.model_dump() | given | more))


@pytest.fixture
def app(settings: Settings, provider: RealProvider, school: OrgUnit, tmp_path: Path) -> Iterator[FastAPI]:
    app = server(settings, provider.issuer, tmp_path)
    yield app
    app.state.engine.dispose()


def browser(app: FastAPI) -> TestClient:
    return TestClient(app, follow_redirects=False)


def leave(client: TestClient) -> str:
    answer = client.get("/sign-in/provider")
    assert answer.status_code == 303 and "httponly" in answer.headers["set-cookie"].lower()
    return str(answer.headers["location"])


def come_back(client: TestClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def arrive(client: TestClient, provider: RealProvider, subject: str) -> str:
    return come_back(client, provider.signs_in(leave(client), subject))


def me(client: TestClient, arrived: str) -> Any:
    assert arrived.startswith("/#as="), arrived
    return client.get("/api/v1/me", headers=header(arrived)).json()


def header(arrived: str) -> dict[str, str]:
    return {"X-Sign-In": arrived.removeprefix("/#as="), **ORIGIN}


def count(app: FastAPI, result: str) -> float:
    name = "tongtang_provider_sign_ins_total"
    return app.state.metrics.registry.get_sample_value(name, {"result": result}) or 0.0


def why_refused(session: Session) -> list[str]:
    """What the trail says of sign-ins that were refused, in turn."""
    query = select(AuditEvent.after).where(
        AuditEvent.act == Act.SIGN_IN_REFUSED, AuditEvent.after.is_not(None)
    )
    found = session.scalars(query.order_by(AuditEvent.at, AuditEvent.number))
    why = [json.loads(after or "")["why"] for after in found]
    session.rollback()  # or nobody else writes
    return why


def test_the_provider_lets_people_in_with_the_roles_of_their_claims(
    app: FastAPI, provider: RealProvider, school: OrgUnit, session: Session
) -> None:
    client = browser(app)
    assert 'href="/sign-in/provider"' in client.get("/").text
    # Whom the claims make nothing is told so, and is not kept.
    provider.knows("new", preferred_username="New", name="王新", groups=["teacher@S9", "parents"])
    assert arrive(client, provider, "new") == "/#failed=unmapped"
    assert find_by_login(session, "new") is None
    session.rollback()
    # Whom they make something has an account from then on.
    provider.knows("new", preferred_username="New", name="王新", groups=["teacher@S1", "teacher@S2"])
    first = me(client, arrive(client, provider, "new"))
    assert (first["login"], first["name"], len(first["assignments"])) == ("new", "王新", 2)
    assert "tongtang-provider" not in client.cookies
    # Roles follow the claims at each sign-in; what was given here stays.
    given = Assignment(
        person_id=uuid.UUID(first["id"]), role=Role.SITE_ASSISTANT, org_unit_id=school.id, valid_from=LONG_AGO
    )
    session.add(given)
    session.commit()
    provider.knows("new", preferred_username="renamed", groups=["bureau"])
    arrived = arrive(client, provider, "new")
    again = me(client, arrived)
    assert (again["id"], again["login"]) == (first["id"], "new")
    assert {each["role"] for each in again["assignments"]} == {"bureau_admin", "site_assistant"}
    # What the provider gave is the provider's to end.
    shown = client.get(f"/api/v1/people/{first['id']}", headers=header(arrived)).json()["assignments"]
    (from_there,) = [each["id"] for each in shown if each["source"] == "provider"]
    admin = factories.person(session, session.get_one(OrgUnit, school.county_id), Role.BUREAU_ADMIN)
    session.commit()
    as_admin = factories.bearer(app.state.keys, admin)
    refused = client.post(f"/api/v1/assignments/{from_there}/end", json={}, headers=as_admin)
    assert (refused.status_code, refused.json()["code"]) == (409, "assignment.of_provider")
    # Who has not come by it for long loses those roles only; and a closed account stays closed.
    in_time = datetime.now(UTC) + timedelta(days=91)
    assert service.end_unseen(session, in_time, timedelta(days=90)) == 1
    session.commit()
    assert service.end_unseen(session, in_time, timedelta(days=90)) == 0
    session.rollback()
    assert client.post(f"/api/v1/people/{first['id']}/close", headers=as_admin).status_code == 200
    assert arrive(client, provider, "new") == "/#failed=closed"
    state = parse_qs(urlsplit(leave(client)).query)["state"][0]
    assert come_back(client, f"{BACK}?error=access_denied&state={state}") == "/#failed=cancelled"
    results = ("accepted", "unmapped", "closed", "cancelled")
    assert [count(app, each) for each in results] == [2, 1, 1, 1]
    assert why_refused(session) == ["unmapped", "closed"]
    acts = session.scalars(select(AuditEvent.act).order_by(AuditEvent.at, AuditEvent.number)).all()
    assert acts.count(Act.IDENTITY_CONNECTED) == 1 and acts.count(Act.ASSIGNMENT_ENDED) >= 2


def test_an_account_is_connected_by_its_owner_and_an_answer_counts_once_in_its_own_browser(
    app: FastAPI, settings: Settings, provider: RealProvider, tmp_path: Path, session: Session
) -> None:
    client = browser(app)
    provider.knows("li", preferred_username="local", groups=["teacher@S1"])
    assert arrive(client, provider, "li") == "/#failed=known"  # perhaps it is somebody else
    body = {"login": "local", "password": factories.PASSWORD}
    local = {
        "X-Sign-In": client.post("/api/v1/session", json=body, headers=ORIGIN).json()["sign_in"],
        **ORIGIN,
    }
    wrong = client.post("/api/v1/me/identity", json={"password": "a wrong one"}, headers=local)
    assert wrong.json()["code"] == "password.wrong"
    own = {"password": factories.PASSWORD}
    assert client.get("/api/v1/me/identity", headers=local).json() == {"offered": True, "connected_at": None}
    going = client.post("/api/v1/me/identity", json=own, headers=local).json()["url"]
    assert come_back(client, provider.signs_in(going, "li")) == "/access#connected"
    assert client.get("/api/v1/me/identity", headers=local).json()["connected_at"] is not None
    assert me(client, arrive(client, provider, "li"))["login"] == "local"
    # Nobody else connects it, and nobody connects two.
    going = client.post("/api/v1/me/identity", json=own, headers=local).json()["url"]
    assert come_back(client, provider.signs_in(going, "another")) == "/access#failed=taken"
    # An answer counts once, in the browser that asked, at the server that asked.
    kept = browser(app)
    back = provider.signs_in(leave(kept), "li")
    cookie = dict(kept.cookies)
    page = header(come_back(kept, back))
    assert kept.get("/api/v1/me", headers=page).status_code == 200
    replayed = TestClient(app, follow_redirects=False, cookies=cookie)
    assert come_back(replayed, back) == "/#failed=refused"
    assert come_back(browser(app), provider.signs_in(leave(browser(app)), "li")) == "/#failed=refused"
    elsewhere = server(
        settings.model_copy(update={"data_dir": tmp_path / "other"}), provider.issuer, tmp_path
    )
    stranger = browser(elsewhere)
    back = provider.signs_in(leave(stranger), "li")
    assert (
        come_back(TestClient(app, follow_redirects=False, cookies=dict(stranger.cookies)), back)
        == "/#failed=refused"
    )
    elsewhere.state.engine.dispose()
    forged = provider.signs_in(leave(client), "li") + "&iss=https://evil.example"
    assert come_back(client, forged) == "/#failed=refused"
    assert why_refused(session) == ["known", "taken", "replayed", "state", "state", "issuer"]
    assert count(app, "refused") == 4
    # Disconnected, it lets nobody in, and whom it let in is out; the password still does.
    assert client.post("/api/v1/me/identity/remove", json=own, headers=local).status_code == 204
    assert kept.get("/api/v1/me", headers=page).status_code == 401
    assert client.get("/api/v1/me", headers=local).status_code == 200
    assert arrive(client, provider, "li") == "/#failed=known"
    for _ in range(200):
        app.state.door.limits.refused_from("testclient")
    assert come_back(client, f"{BACK}?state=x&code=x") == "/#failed=limited"


def test_a_second_factor_is_owed_unless_the_provider_asked_for_one(
    settings: Settings, provider: RealProvider, school: OrgUnit, session: Session, tmp_path: Path
) -> None:
    app = server(settings, provider.issuer, tmp_path, admins_need_second_factor=True)
    client = browser(app)
    provider.knows("boss", preferred_username="boss", groups=["bureau"])
    arrived = arrive(client, provider, "boss")
    refused = client.get("/api/v1/people", headers=header(arrived))
    assert refused.json()["code"] == "second_factor.add_first"
    provider.knows("boss", preferred_username="boss", groups=["bureau"], amr=["pwd", "mfa"])
    arrived = arrive(client, provider, "boss")
    assert client.get("/api/v1/people", headers=header(arrived)).status_code == 200
    # Who has a second factor here owes a code of it when the provider did not ask.
    person = find_by_login(session, "boss")
    assert person is not None
    principal = principal_of(session, person.id)
    made = factors.begin(session, app.state.keys, principal, datetime.now(UTC))
    row = session.get_one(SecondFactor, person.id)
    row.confirmed_at = datetime.now(UTC)
    session.commit()
    provider.knows("boss", preferred_username="boss", groups=["bureau"])
    assert arrive(client, provider, "boss") == "/#code"
    path = "/api/v1/session/code"
    assert client.post(path, json={"code": "000000"}).json()["code"] == "session.other_origin"
    assert client.post(path, json={"code": "none"}, headers=ORIGIN).json()["code"] == "sign_in.code_wrong"
    code = pyotp.TOTP(made.secret).now()
    opened = client.post(path, json={"code": code}, headers=ORIGIN)
    assert opened.status_code == 201
    headers = {"X-Sign-In": opened.json()["sign_in"]}
    assert client.get("/api/v1/people", headers=headers).status_code == 200
    again = client.post(path, json={"code": code}, headers=ORIGIN)
    assert (again.status_code, again.json()["code"]) == (401, "sign_in.not_begun")
    # With a provider that is away, or without one, the password is left.
    registration = Registration("http://127.0.0.1:9", CLIENT_ID, "", "http://testserver" + BACK, "openid")
    desk = replace(app.state.provider_desk, provider=Provider(registration), registry=CollectorRegistry())
    app.state.provider_desk = desk
    gone = client.get("/sign-in/provider")
    assert gone.headers["location"] == "/#failed=unavailable" and "set-cookie" not in gone.headers
    app.state.provider_desk = None
    assert client.get("/sign-in/provider").status_code == client.get(BACK).status_code == 404
    app.state.engine.dispose()
