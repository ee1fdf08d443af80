"""Media opened by a page or a program end with the sign-in they were opened by, and with no other."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.browsers import LONGER
from app.accounts.models import (
    AccessToken,
    BrowserSession,
    Person,
    TokenFamily,
)
from app.accounts.scopes import ACCESS_TOKEN
from app.accounts.service import issue_person_token
from app.lessons.models import Lesson
from tests import factories
from tests.app.live.pages import OnAir, address, code_of, news
from tests.app.live.scene import Scene


def test_what_a_program_opened_ends_with_its_token_and_nothing_else_does(
    on_air: OnAir, session: Session
) -> None:
    live, scene = on_air.live, on_air.scene
    secret = f"{ACCESS_TOKEN}{uuid.uuid4().hex}"
    row = factories.access_token(session, scene.assistant, "all", secret=secret)
    session.commit()
    form = {"username": scene.assistant.login, "password": factories.PASSWORD}
    family = live.post("/api/v1/token", data=form).json()
    as_family = {"Authorization": f"Bearer {family['access_token']}"}
    door = on_air.join(as_family)["watch"][0]
    kept = on_air.enter(door, issue_person_token(on_air.keys, scene.assistant, 10))
    by_token, by_grant = on_air.enter(door, secret), on_air.enter(door)
    assert [each.status_code for each in (kept, by_token, by_grant)] == [201, 201, 201]
    with live.websocket_connect(address(scene)) as socket:
        socket.send_json({"type": "hello", "token": secret})
        assert socket.receive_json()["type"] == "welcome"
        session.get_one(AccessToken, row.id).expires_at = datetime.now(UTC) - timedelta(seconds=1)
        session.get_one(AccessToken, row.id).created_at = datetime.now(UTC) - timedelta(hours=1)
        session.commit()
        assert live.post("/api/v1/token/revoke", data={"token": family["refresh_token"]}).status_code == 200
        on_air.look_again()
        assert news(socket) == {"type": "removed", "reason": "signed_out"}
    for ended in (by_token, by_grant):
        assert on_air.leave(ended).json()["code"] == "right.ended"
    assert code_of(on_air.enter(door)) == (401, "token.void")
    assert on_air.leave(kept).status_code == 200


def test_what_a_page_opened_ends_with_its_sign_in_and_not_with_anothers(
    on_air: OnAir, session: Session
) -> None:
    live, scene = on_air.live, on_air.scene
    origin = {"Origin": "http://testserver"}
    credentials = {"login": scene.assistant.login, "password": factories.PASSWORD}

    def page(**shown: Any) -> dict[str, str]:
        answer = live.post("/api/v1/session", **{"json": credentials, "headers": origin, **shown})
        return {"X-Sign-In": answer.json()["sign_in"], **origin}

    form = {"username": scene.assistant.login, "password": factories.PASSWORD}
    program = live.post("/api/v1/token", data=form).json()
    of_program = {"Authorization": f"Bearer {program['access_token']}"}
    script = f"{ACCESS_TOKEN}{uuid.uuid4().hex}"
    factories.access_token(session, scene.assistant, "all", secret=script)
    session.commit()
    refused = live.post("/api/v1/session", headers={"Authorization": f"Bearer {script}", **origin})
    assert refused.status_code == 401, "a script's token opens no page"
    pages = [page(), page(), page(json=None, headers={**of_program, **origin}), page()]
    doors = [on_air.join(who)["watch"][0] for who in pages]
    lost, kept, opened_by, ran_out = (on_air.enter(door) for door in doors)
    # What a program's token opened ends with that program, and no sooner.
    listed = live.get("/api/v1/me/sign-ins", headers=pages[2]).json()["items"]
    (by,) = [each["opened_by_id"] for each in listed if each["current"]]
    assert by in [each["id"] for each in listed if each["kind"] == "program"]
    assert live.post("/api/v1/token/revoke", data={"token": program["refresh_token"]}).status_code == 200
    assert live.get("/api/v1/me", headers=pages[2]).json()["code"] == "session.over"
    # What ran out is in no list, and opens nothing.
    late = _page_of(session, scene.assistant)
    late.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    session.commit()
    listed = live.get("/api/v1/me/sign-ins", headers=pages[1]).json()["items"]
    assert len(listed) == 2
    assert live.post("/api/v1/me/sign-ins/end-others", headers=pages[1]).json() == {"ended": 1}
    on_air.look_again()
    for ended, door in ((lost, doors[0]), (opened_by, doors[2]), (ran_out, doors[3])):
        assert on_air.leave(ended).json()["code"] == "right.ended"
        assert code_of(on_air.enter(door)) == (401, "token.void")
    assert on_air.leave(kept).status_code == 200
    assert on_air.enter(doors[1]).status_code == 201


def test_nobody_is_put_out_of_a_lesson_by_the_clock_nor_signed_in_for_ever(
    app: FastAPI, live: TestClient, scene: Scene, session: Session
) -> None:
    body = {"login": scene.assistant.login, "password": factories.PASSWORD}
    origin = {"Origin": "http://testserver"}
    header = {"X-Sign-In": live.post("/api/v1/session", json=body, headers=origin).json()["sign_in"]}
    row = _page_of(session, scene.assistant)
    life = timedelta(minutes=app.state.settings.session_minutes)
    soon = datetime.now(UTC) + timedelta(minutes=5)

    def end_after_joining(begun: datetime) -> datetime:
        session.refresh(row)
        row.created_at, row.expires_at = begun, soon
        session.commit()
        assert live.get(f"/api/v1/lessons/{scene.lesson_id}/join", headers=header).status_code == 200
        (listed,) = live.get("/api/v1/me/sign-ins", headers=header).json()["items"]
        return datetime.fromisoformat(listed["expires_at"])

    assert end_after_joining(soon - life) > session.get_one(Lesson, scene.lesson_id).ends_at
    assert end_after_joining(soon - life - LONGER) == soon


def test_a_page_of_a_program_is_put_off_in_a_lesson_but_not_beyond_the_program(
    live: TestClient, scene: Scene, session: Session
) -> None:
    form = {"username": scene.assistant.login, "password": factories.PASSWORD}
    program = {"Authorization": f"Bearer {live.post('/api/v1/token', data=form).json()['access_token']}"}
    opened = live.post("/api/v1/session", headers={**program, "Origin": "http://testserver"}).json()
    header = {"X-Sign-In": opened["sign_in"]}
    page, now = _page_of(session, scene.assistant), datetime.now(UTC)
    ends_at = session.get_one(Lesson, scene.lesson_id).ends_at
    family = session.get_one(TokenFamily, page.family_id)
    for end in (now + timedelta(minutes=6), ends_at + timedelta(hours=9)):
        page.expires_at, family.expires_at = now + timedelta(minutes=5), end
        session.commit()
        assert live.get(f"/api/v1/lessons/{scene.lesson_id}/join", headers=header).status_code == 200
        session.refresh(page)
        assert page.expires_at == end or ends_at < page.expires_at < end


def _page_of(session: Session, person: Person) -> BrowserSession:
    """The newest sign-in of somebody's pages."""
    newest = select(BrowserSession).where(BrowserSession.person_id == person.id)
    return session.scalars(newest.order_by(BrowserSession.created_at.desc()).limit(1)).one()
