"""The provider says that somebody signed out there: what of it counts, and what it ends."""

import time
from dataclasses import dataclass, replace
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
from starlette.testclient import TestClient

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


@dataclass(frozen=True)
class SignedIn:
    """Three browsers that are signed in by the provider, and one by a password here."""

    app: FastAPI
    provider: RealProvider
    by_provider: list[tuple[TestClient, dict[str, str]]]
    """With the header of their pages."""
    by_password: tuple[TestClient, dict[str, str]]

    def standing(self) -> list[int]:
        """What each is answered now."""
        everyone = (*self.by_provider, self.by_password)
        return [each.get("/api/v1/me", headers=who).status_code for each, who in everyone]

    def said(self, token: str) -> tuple[int, str]:
        """What the provider is answered for a logout token: the status, and why it counts for nothing."""
        answer = browser(self.app).post(SIGN_OUT, data={"logout_token": token})
        assert answer.status_code == 400 or answer.headers["cache-control"] == "no-store"
        return answer.status_code, answer.json()["detail"].split(": ")[-1] if answer.content else ""

    def claims(self, jti: str, **more: object) -> dict[str, Any]:
        now = int(time.time())
        given = {"iss": self.provider.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "jti": jti}
        return {**given, "events": {EVENT: {}}, **more}

    def token(self, jti: str, **more: object) -> str:
        return self.provider.signed(self.claims(jti, **more))

    def forged(self) -> str:
        return str(jwt.encode({"alg": "RS256"}, self.claims("a", sub="hu"), RSAKey.generate_key(2048)))


def test_who_signs_out_at_the_provider_is_signed_out_here(
    app: FastAPI, provider: RealProvider, school: OrgUnit, session: Session
) -> None:
    there = _signed_in(app, provider, session)
    assert there.standing() == [200, 200, 200, 200]
    _what_is_no_logout_of_somebody_here_ends_nothing(there)
    used = _one_session_ends_then_all_of_the_person(there)
    _strangers_are_stopped_and_the_provider_is_not(there, used)
    _who_comes_again_may_be_signed_out_again(there)
    _the_trail_says_by_whom(there, school, session)


def _signed_in(app: FastAPI, provider: RealProvider, session: Session) -> SignedIn:
    provider.knows("hu", preferred_username="hu", name="Hu", groups=["teacher@S1"])
    browsers = [browser(app) for _ in range(3)]
    by_provider = [(each, header(arrive(each, provider, "hu"))) for each in browsers]
    local = browser(app)
    form = {"login": "local", "password": factories.PASSWORD}
    typed = local.post("/api/v1/session", json=form, headers=ORIGIN).json()["sign_in"]
    # This provider names no sessions; others do.
    named = [page["X-Sign-In"] for _, page in by_provider]
    for row in session.query(BrowserSession).filter(BrowserSession.by_provider):
        sid = f"s-{named.index(row.id.hex[:12])}"
        session.execute(update(BrowserSession).where(BrowserSession.id == row.id).values(provider_sid=sid))
    session.commit()
    return SignedIn(app, provider, by_provider, (local, {"X-Sign-In": typed}))


def _what_is_no_logout_of_somebody_here_ends_nothing(there: SignedIn) -> None:
    for lie, why in (
        ("", "signature."),
        ("not.a.token", "signature."),
        (there.forged(), "signature."),
        (there.token("b", sub="hu", nonce="n"), "nonce."),
        (there.token("b", sub="hu", aud="other"), "audience."),
    ):
        assert there.said(lie) == (400, why)
    assert there.said(there.token("c", sub="somebody")) == (200, "")
    assert there.said(there.token("d", sid="s-9")) == (200, "")
    assert there.standing() == [200, 200, 200, 200]


def _one_session_ends_then_all_of_the_person(there: SignedIn) -> str:
    """A token that was used."""
    one = there.provider.signed(there.claims("e", sid="s-1", sub="hu"), typ="logout+jwt")
    assert there.said(one) == (200, "")
    assert there.standing() == [200, 401, 200, 200]
    assert there.said(one) == (400, "replayed.")
    assert there.said(there.token("f", sub="hu")) == (200, "")
    assert there.standing() == [401, 401, 401, 200]
    return one


def _strangers_are_stopped_and_the_provider_is_not(there: SignedIn, used: str) -> None:
    """Who the provider says is out is out, though they share an address."""
    state = there.app.state
    traffic = Traffic(state.settings, CollectorRegistry(), clock=lambda: 0.0)  # no second goes by
    door = replace(state.door, traffic=traffic, registry=CollectorRegistry())
    state.provider_desk = replace(state.provider_desk, door=door, registry=CollectorRegistry())
    for _ in range(int(LOGOUTS_PER_SECOND * SECONDS_AT_ONCE)):
        traffic.require_of_address(Limit.PROVIDER_LOGOUTS, "testclient")
    stopped = browser(there.app).post(SIGN_OUT, data={"logout_token": there.forged()})
    assert (stopped.status_code, stopped.json()["code"]) == (429, "limit.reached")
    assert stopped.headers["retry-after"] == "2"
    assert there.said(used) == (400, "replayed."), "the provider may not have had our answer"


def _who_comes_again_may_be_signed_out_again(there: SignedIn) -> None:
    client, _ = there.by_provider[0]
    again = header(arrive(client, there.provider, "hu"))
    assert client.get("/api/v1/me", headers=again).status_code == 200
    assert there.said(there.token("g", sub="hu")) == (200, "")
    assert client.get("/api/v1/me", headers=again).status_code == 401


def _the_trail_says_by_whom(there: SignedIn, school: OrgUnit, session: Session) -> None:
    admin = factories.person(session, session.get_one(OrgUnit, school.county_id), Role.BUREAU_ADMIN)
    session.commit()
    local, who = there.by_password[0], factories.bearer(there.app.state.keys, admin)
    found = local.get("/api/v1/audit-events", params={"act": "sign_in.ended"}, headers=who)
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
