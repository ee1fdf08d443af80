"""The provider says that somebody signed out there: what of it counts, and what it ends."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey
from prometheus_client import CollectorRegistry
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts import factors
from app.accounts.models import BrowserSession, Person, SecondFactor
from app.accounts.rules import Role
from app.accounts.service import find_by_login, principal_of
from app.errors import Unauthenticated
from app.guard.traffic import LOGOUTS_PER_SECOND, SECONDS_AT_ONCE, Limit, Traffic
from app.oidc import service
from app.oidc.attempts import LIFE
from app.oidc.logout import EVENT, LEEWAY, OLDEST, Logout, NotALogout, logout_of
from app.oidc.welcome import SIGN_OUT
from app.schools.models import OrgUnit
from tests import factories
from tests.app.oidc.test_sign_in import ORIGIN, app, arrive, browser, header, provider, school
from tests.oidc import CLIENT_ID, RealProvider

pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config", "ignore:authlib.jose")
__all__ = ["app", "provider", "school"]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
AT = int(NOW.timestamp())
ISSUER = "https://login.example.org"
GOOD: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT_ID,
    "iat": AT,
    "exp": AT + 120,
    "jti": "one",
    "sub": "wang",
    "sid": "s-1",
    "events": {EVENT: {}},
}


def read(claims: dict[str, Any], **header: Any) -> Logout:
    return logout_of(claims, header, issuer=ISSUER, client_id=CLIENT_ID, now=NOW)


def but(**changes: object) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not None}


@pytest.mark.parametrize("kind", [{}, {"typ": "JWT"}, {"typ": "logout+jwt"}])
def test_a_logout_token_names_a_person_or_a_session_or_both(kind: dict[str, str]) -> None:
    assert read(GOOD, **kind) == Logout("one", "wang", "s-1")
    assert read(but(sid=None, aud=["other", CLIENT_ID])) == Logout("one", "wang", None)
    assert read(but(sub=None)) == Logout("one", None, "s-1")


@pytest.mark.parametrize(
    ("why", "lie"),
    [
        ("issuer", but(iss="https://evil.example")),
        ("audience", but(aud="another")),
        ("audience", but(aud=None)),
        ("expired", but(exp=AT - 61)),
        ("expired", but(exp=None)),
        ("expired", but(iat=None)),
        ("expired", but(iat=AT + 61)),
        ("expired", but(iat=AT - 601)),
        ("expired", but(exp=True)),
        ("events", but(events=None)),
        ("events", but(events={})),
        ("events", but(events={EVENT: "yes"})),
        ("events", but(events=[EVENT])),
        ("nonce", but(nonce="n")),
        ("jti", but(jti=None)),
        ("jti", but(jti="")),
        ("subject", but(sub=None, sid=None)),
        ("sub", but(sub=7)),
        ("sid", but(sid="s" * 256)),
    ],
)
def test_what_is_no_logout_token_counts_for_nothing(why: str, lie: dict[str, Any]) -> None:
    with pytest.raises(NotALogout) as refused:
        read(lie)
    assert refused.value.why == why


def test_a_token_of_another_kind_is_no_logout_token() -> None:
    with pytest.raises(NotALogout, match="type"):
        read(GOOD, typ="at+jwt")


_WORD = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5)
_ANYTHING = _WORD | st.lists(_WORD, max_size=2) | st.dictionaries(st.text(max_size=5), _WORD, max_size=2)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), _ANYTHING), _ANYTHING)
def test_nothing_a_provider_says_breaks_the_reading(lies: dict[str, Any], kind: Any) -> None:
    try:
        read({**GOOD, **lies}, typ=kind)
    except NotALogout as refused:
        assert refused.why


def test_who_signs_out_at_the_provider_is_signed_out_here(
    app: FastAPI, provider: RealProvider, school: OrgUnit, session: Session
) -> None:
    provider.knows("hu", preferred_username="hu", name="Hu", groups=["teacher@S1"])
    browsers = [browser(app) for _ in range(3)]
    pages = [header(arrive(each, provider, "hu")) for each in browsers]
    local = browser(app)
    form = {"login": "local", "password": factories.PASSWORD}
    typed = local.post("/api/v1/session", json=form, headers=ORIGIN).json()["sign_in"]
    # This provider names no sessions; others do.
    named = [page["X-Sign-In"] for page in pages]
    for row in session.query(BrowserSession).filter(BrowserSession.by_provider):
        sid = f"s-{named.index(row.id.hex[:12])}"
        session.execute(update(BrowserSession).where(BrowserSession.id == row.id).values(provider_sid=sid))
    session.commit()

    def standing() -> list[int]:
        pairs = [*zip(browsers, pages, strict=True), (local, {"X-Sign-In": typed})]
        return [each.get("/api/v1/me", headers=who).status_code for each, who in pairs]

    def says(token: str) -> tuple[int, str]:
        answer = browser(app).post(SIGN_OUT, data={"logout_token": token})
        assert answer.status_code == 400 or answer.headers["cache-control"] == "no-store"
        return answer.status_code, answer.json()["detail"].split(": ")[-1] if answer.content else ""

    def token(jti: str, **claims: object) -> dict[str, Any]:
        now = int(time.time())
        given = {"iss": provider.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "jti": jti}
        return {**given, "events": {EVENT: {}}, **claims}

    assert standing() == [200, 200, 200, 200]
    forged = jwt.encode({"alg": "RS256"}, token("a", sub="hu"), RSAKey.generate_key(2048))
    for lie, why in (
        ("", "signature."),
        ("not.a.token", "signature."),
        (forged, "signature."),
        (provider.signed(token("b", sub="hu", nonce="n")), "nonce."),
        (provider.signed(token("b", sub="hu", aud="other")), "audience."),
    ):
        assert says(lie) == (400, why)
    assert says(provider.signed(token("c", sub="somebody"))) == (200, "")
    assert says(provider.signed(token("d", sid="s-9"))) == (200, "")
    assert standing() == [200, 200, 200, 200]
    one = provider.signed(token("e", sid="s-1", sub="hu"), typ="logout+jwt")
    assert says(one) == (200, "")
    assert standing() == [200, 401, 200, 200]
    assert says(one) == (400, "replayed.")
    assert says(provider.signed(token("f", sub="hu"))) == (200, "")
    assert standing() == [401, 401, 401, 200]
    # Strangers are stopped, and who the provider says is out is out, though they share an address.
    traffic = Traffic(app.state.settings, CollectorRegistry(), clock=lambda: 0.0)  # no second goes by
    door = replace(app.state.door, traffic=traffic, registry=CollectorRegistry())
    app.state.provider_desk = replace(app.state.provider_desk, door=door, registry=CollectorRegistry())
    for _ in range(int(LOGOUTS_PER_SECOND * SECONDS_AT_ONCE)):
        traffic.require_of_address(Limit.PROVIDER_LOGOUTS, "testclient")
    stopped = browser(app).post(SIGN_OUT, data={"logout_token": forged})
    assert (stopped.status_code, stopped.json()["code"]) == (429, "limit.reached")
    assert stopped.headers["retry-after"] == "2"
    assert says(one) == (400, "replayed."), "the provider may not have had our answer"
    again = header(arrive(browsers[0], provider, "hu"))
    assert browsers[0].get("/api/v1/me", headers=again).status_code == 200
    assert says(provider.signed(token("g", sub="hu"))) == (200, "")
    assert browsers[0].get("/api/v1/me", headers=again).status_code == 401
    trail = {"act": "sign_in.ended"}
    admin = factories.person(session, session.get_one(OrgUnit, school.county_id), Role.BUREAU_ADMIN)
    session.commit()
    found = local.get("/api/v1/audit-events", params=trail, headers=factories.bearer(app.state.keys, admin))
    assert [event["after"]["by"] for event in found.json()["items"]] == ["provider"] * 4


def test_who_signs_out_at_the_provider_while_a_code_is_owed_is_not_let_in(
    app: FastAPI, provider: RealProvider, school: OrgUnit, session: Session
) -> None:
    provider.knows("deng", preferred_username="deng", groups=["teacher@S1"])
    client = browser(app)
    page = header(arrive(client, provider, "deng"))
    deng = find_by_login(session, "deng")
    assert deng is not None
    made = factors.begin(session, app.state.keys, principal_of(session, deng.id), datetime.now(UTC))
    factor = session.get_one(SecondFactor, deng.id)
    factor.confirmed_at = datetime.now(UTC)
    session.commit()
    # A changed password makes no local sign-in of the provider's.
    known = session.query(Person).filter_by(login="deng").one()
    known.password_hash = session.query(Person).filter_by(login="local").one().password_hash
    session.commit()
    change = {"old_password": factories.PASSWORD, "new_password": "four words in a row"}
    page["X-Sign-In"] = client.post("/api/v1/me/password", json=change, headers=page).headers["X-Sign-In"]
    (listed,) = client.get("/api/v1/me/sign-ins", headers=page).json()["items"]
    assert (listed["by_provider"], listed["current"]) == (True, True)

    def finish() -> tuple[int, str]:
        session.refresh(factor)
        factor.last_step = 0  # so that the same code is good again
        session.commit()
        code = {"code": pyotp.TOTP(made.secret).now()}
        answer = client.post("/api/v1/session/code", json=code, headers=ORIGIN)
        return answer.status_code, answer.json().get("code", "")

    assert arrive(client, provider, "deng") == "/#code"
    ended = service.sign_out(session, provider.issuer, Logout("h", "deng", None), datetime.now(UTC))
    session.commit()
    assert ended == 1
    assert client.get("/api/v1/me", headers=page).status_code == 401
    assert finish() == (401, "sign_in.not_begun")
    assert arrive(client, provider, "deng") == "/#code"
    assert finish()[0] == 201
    # A session there that is over lets nobody in, whenever that was; another one does.
    service.sign_out(session, provider.issuer, Logout("i", None, "s-1"), datetime.now(UTC))
    since = datetime.now(UTC)
    service.require_signed_in_there(session, provider.issuer, deng.id, "s-2", since)
    with pytest.raises(Unauthenticated):
        service.require_signed_in_there(session, provider.issuer, deng.id, "s-1", since)
    session.rollback()


def test_used_tokens_are_remembered_for_longer_than_they_are_taken() -> None:
    assert 2 * LIFE > OLDEST + 2 * LEEWAY
