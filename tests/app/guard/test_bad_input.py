"""What is tried at the doors: refused, counted by its code, and in the trail without a name."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient

from app.accounts.lockouts import LockoutClerk
from app.accounts.refused import EVENTS_AT_ONCE, RefusalClerk
from app.accounts.rules import Role
from app.accounts.tokens import TokenKind, sign
from app.audit.models import AuditEvent
from app.audit.rules import SERVER_CHAIN, Act
from app.database import reading
from app.errors import Forbidden, NotFound, Unauthenticated
from app.guard.watch import ASKER, MOST_UNWRITTEN, OFTEN, WINDOW_SECONDS, Asker, Refusals, Watch
from app.keyring import Ring
from app.keys import Keys
from tests import factories

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@dataclass
class Tried:
    """An application at whose doors somebody tries things."""

    client: TestClient
    app: Any
    clerk: LockoutClerk = field(init=False)

    def __post_init__(self) -> None:
        self.clerk = LockoutClerk(self.app.state.door, self.app.state.refusals)

    def counted(self, code: str) -> float:
        found = self.app.state.metrics.registry.get_sample_value("tongtang_problems_total", {"code": code})
        return found or 0.0

    def events(self, act: Act = Act.ACCESS_REFUSED) -> list[AuditEvent]:
        """What the trail was told since the last time."""
        self.clerk.look(0.0)
        with reading(self.app.state.session_factory) as session:
            return list(session.scalars(select(AuditEvent).where(AuditEvent.act == act)))

    def refused(self, code: str, status: int, method: str, path: str, times: int = 1, **given: Any) -> str:
        """Ask, and be refused with this code; counted each time. Says what was answered."""
        before = self.counted(code)
        for _ in range(times):
            answer = self.client.request(method, path, **given)
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert self.counted(code) == before + times
        return answer.text

    def noted(self, code: str) -> AuditEvent:
        """The one event of this code."""
        (event,) = (each for each in self.events() if f'"code":"{code}"' in str(each.after))
        return event


@pytest.fixture
def tried(client: TestClient, app: FastAPI) -> Tried:
    return Tried(client, app)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def no_algorithm(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    headers = {name: value for name, value in jwt.get_unverified_header(token).items() if name != "alg"}
    return jwt.encode(claims, "", algorithm="none", headers=headers)


def of_another_audience(token: str, keys: Keys) -> str:
    claims = jwt.decode(token, options={"verify_signature": False}) | {"aud": "elsewhere"}
    headers = jwt.get_unverified_header(token)
    return jwt.encode(claims, keys.ring.newest().secret(TokenKind.PERSON), algorithm="HS256", headers=headers)


def test_tokens_that_were_never_good_and_cookies_from_elsewhere(
    tried: Tried, session: Session, keys: Keys
) -> None:
    school = factories.school(session, factories.county(session))
    wang = factories.person(session, school, Role.TEACHER)
    session.commit()
    good = factories.bearer(keys, wang)["Authorization"].removeprefix("Bearer ")
    claims = {"sub": str(wang.id)}
    foreign = sign(Keys(b"k" * 32, Ring.new(NOW)), TokenKind.PERSON, claims, now=NOW, until=NOW + HOUR)
    head, payload, seal = good.split(".")
    for token in (
        foreign,
        f"{head}.{payload}.{seal[::-1]}",
        f"{head}.{payload[:-2]}.{seal}",
        no_algorithm(good),
        of_another_audience(good, keys),
    ):
        tried.refused("token.invalid", 401, "GET", "/api/v1/me", headers=bearer(token))
    future = sign(keys, TokenKind.PERSON, claims, now=NOW + HOUR, until=NOW + 2 * HOUR)
    tried.refused("token.not_yet", 401, "GET", "/api/v1/me", headers=bearer(future))  # a clock that is wrong
    grant = sign(keys, TokenKind.GRANT, claims, now=NOW, until=NOW + HOUR)
    tried.refused("token.wrong_kind", 401, "GET", "/api/v1/me", headers=bearer(grant))
    expired = sign(keys, TokenKind.PERSON, claims, now=NOW - 2 * HOUR, until=NOW - HOUR)
    tried.refused("token.expired", 401, "GET", "/api/v1/me", OFTEN - 1, headers=bearer(expired))
    tried.client.cookies.set("tongtang-000000000000", "of another county's server")
    page = {"X-Sign-In": "0" * 12}
    tried.refused("session.over", 401, "GET", "/api/v1/me", OFTEN, headers=page)
    elsewhere = {**page, "Origin": "https://evil.example"}
    tried.refused("session.other_origin", 403, "POST", "/api/v1/me/password", headers=elsewhere, json={})

    for code in (
        "token.invalid",
        "token.not_yet",
        "token.wrong_kind",
        "session.over",
        "session.other_origin",
    ):
        event = tried.noted(code)  # one, however often it was tried
        assert (event.county_id, event.person_id, event.address) == (SERVER_CHAIN, None, "127.0.0.1")
    assert "token.expired" not in str([each.after for each in tried.events()])  # it happens to everybody
    tried.refused("token.expired", 401, "GET", "/api/v1/me", headers=bearer(expired))
    assert f'"times":{OFTEN}' in str(tried.noted("token.expired").after)  # but not so often
    everything = str([(each.before, each.after) for each in tried.events()])
    assert wang.login not in everything and wang.name not in everything and good not in everything


def test_what_somebody_signed_in_tries_beyond_their_role(tried: Tried, session: Session, keys: Keys) -> None:
    county = factories.county(session)
    school = factories.school(session, county)
    wang, zhao = (factories.person(session, school, Role.TEACHER) for _ in range(2))
    bureau = factories.person(session, county, Role.BUREAU_ADMIN)
    stranger = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    lesson = f"/whip/{uuid.uuid4()}/main"
    session.commit()
    header = factories.bearer(keys, wang)
    # Guessed ids and paths out of a folder: what is another county's is not there.
    for who in (stranger, stranger):
        path = f"/api/v1/people/{wang.id}"
        text = tried.refused("person.not_found", 404, "GET", path, OFTEN, headers=factories.bearer(keys, who))
        assert wang.name not in text
    for path in ("/api/v1/exports/..%2f..%2fsecret.csv", "/api/v1/exports/people.csv%2f..%2f..%2fkeys"):
        answer = tried.client.get(path, headers=factories.bearer(keys, bureau))
        assert (answer.status_code, answer.json()["code"]) == (404, "route.not_found")
    # Mass assignment: the whole request is refused, whichever fields would have been fine.
    duty = {"role": "teacher", "org_unit_id": str(school.id)}
    person = {"login": "li", "name": "Li", "password": "four words in a row", "assignments": [duty]}
    for more in ({"county_id": str(uuid.uuid4())}, {"id": str(wang.id)}, {"password_hash": "x"}):
        told = tried.refused(
            "request.invalid", 422, "POST", "/api/v1/people",
            headers=factories.bearer(keys, bureau), json=person | more,
        )  # fmt: skip
        assert f"body.{next(iter(more))}" in told
    # Rights: a colleague's account, and a lesson's media.
    tried.refused("access.denied", 403, "POST", "/api/v1/people", headers=header, json=person)
    tried.refused("lesson.not_found", 404, "POST", lesson, OFTEN, headers=header | SDP, content="v=0")
    # A grant for something else, at a door that asks no database who holds it.
    elsewhere = {"sub": str(zhao.id), "lesson": str(uuid.uuid4()), "stream": "main", "dir": "publish"}
    grant = bearer(sign(keys, TokenKind.GRANT, elsewhere, now=NOW, until=NOW + HOUR))
    tried.refused("grant.elsewhere", 403, "POST", lesson, headers=grant | SDP, content="v=0")
    # SQL is text like any other: nothing is found by it, nothing breaks, and nobody learns of a database.
    for sql in ("' OR '1'='1", "x'; DROP TABLE people; --", "%", "\\"):
        found = tried.client.get(
            "/api/v1/people", params={"name": sql}, headers=factories.bearer(keys, bureau)
        )
        assert (found.status_code, found.json()["items"]) == (200, [])

    events = {str(each.after): each for each in tried.events()}
    told_of = {each.person_id: each.county_id for each in events.values()}
    assert told_of == {
        wang.id: county.id,
        zhao.id: county.id,
        bureau.id: county.id,
        stranger.id: stranger.county_id,
    }
    assert '"route":"/api/v1/people/{person_id}"' in str(tried.noted("person.not_found").after)
    assert '"method":"POST"' in str(tried.noted("lesson.not_found").after)
    assert tried.noted("request.invalid").person_id == bureau.id
    names = (wang, zhao, bureau, stranger)
    assert not [each for each in names if each.login in str(events) or each.name in str(events)]


SDP = {"Content-Type": "application/sdp"}


def test_strangers_choose_neither_how_much_is_remembered_nor_how_much_the_trail_is_told(tried: Tried) -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    watch = Watch(refusals, CollectorRegistry())
    denied, hidden = Forbidden("a", "", ""), NotFound("b", "", "")

    def ask(error: Forbidden | NotFound | Unauthenticated, number: int) -> None:
        scope: Mapping[str, Any] = {"type": "http", "method": "GET", "client": ("10.0.0.1", 1), "headers": []}
        watch(HTTPConnection({**scope, ASKER: Asker(uuid.UUID(int=number), None)}), error)

    for number in range(12_000):
        ask(denied, number)
    taken, left_out = refusals.take(1000)
    assert (len(taken), left_out) == (MOST_UNWRITTEN, 12_000 - MOST_UNWRITTEN)
    for _ in range(OFTEN - 1):
        ask(hidden, 1)
    ask(denied, 11_999)
    assert refusals.take(1000) == ([], 0)  # seldom, and told already
    ask(hidden, 1)
    assert [each.times for each in refusals.take(1000)[0]] == [OFTEN]
    now[0] = WINDOW_SECONDS
    ask(denied, 11_999)
    assert len(refusals.take(1000)[0]) == 1
    for number in range(EVENTS_AT_ONCE + 30):
        ask(denied, 20_000 + number)
    clerk = RefusalClerk(tried.app.state.session_factory, refusals)
    for _ in range(6):
        clerk.look(0.0)
    assert len(tried.events()) == EVENTS_AT_ONCE
    ask(denied, 30_000)
    clerk.look(3600.0)
    assert '"others_not_noted":30' in str(tried.events()[-1].after)


def test_forged_tokens_from_many_networks_hide_nobody_who_is_signed_in(tried: Tried) -> None:
    refusals = Refusals(lambda: 0.0)
    watch = Watch(refusals, CollectorRegistry())
    for number in range(MOST_UNWRITTEN + 100):
        scope: Mapping[str, Any] = {"type": "http", "method": "GET", "headers": []}
        address = f"10.{number // 250}.{number % 250}.1"
        watch(HTTPConnection({**scope, "client": (address, 1)}), Unauthenticated("token.invalid", "", ""))
    clerk = RefusalClerk(tried.app.state.session_factory, refusals)
    for _ in range(5):  # the pace of strangers is spent
        clerk.look(0.0)
    insider = Asker(uuid.UUID(int=7), None)
    denied = HTTPConnection(
        {"type": "http", "method": "GET", "client": ("10.0.0.1", 1), "headers": [], ASKER: insider}
    )
    watch(denied, Forbidden("a", "", ""))
    clerk.look(0.0)
    assert tried.events()[-1].person_id == insider.id
