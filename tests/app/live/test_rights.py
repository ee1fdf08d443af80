"""Media never outlive the right to them, whatever the reason may be that it ended."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from app.accounts.browsers import LONGER
from app.accounts.grants import issue_grant
from app.accounts.models import (
    AccessToken,
    Assignment,
    BrowserSession,
    GuestLink,
    Person,
    RoomTerminal,
    TokenFamily,
)
from app.accounts.rules import Basis, BasisKind, Holder, HolderKind, Pass, Role
from app.accounts.scopes import ACCESS_TOKEN
from app.accounts.service import issue_person_token
from app.audit.rules import Act
from app.database import SessionFactory, make_engine, make_session_factory
from app.errors import AppError
from app.keys import Keys
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import LessonState, SiteState
from app.live.access import admit
from app.live.review import review
from app.live.rights import Rights
from app.live.rules import Direction
from app.live.runtime import on_air
from app.live.sessions import Admission, StreamKey
from app.schools.models import Room
from app.schools.rules import RoomKind
from app.settings import Settings
from tests import counties, factories
from tests.app.live.conftest import Scene, make_scene, sdp_headers
from tests.app.live.test_coordinator import camera, peer, picture, until
from tests.counties import County
from tests.databases import SqliteDatabases
from tests.patience import PATIENCE, patient
from tests.ports import free_port
from tests.roles import Place, Who, everybody

Change = Callable[[Session, Scene], object]
NOON = datetime(2020, 6, 1, 12, tzinfo=UTC)


def hello(keys: Keys, person: Person) -> dict[str, str]:
    return {"type": "hello", "token": issue_person_token(keys, person, 10)}


def join(live: TestClient, keys: Keys, scene: Scene, person: Person) -> dict[str, Any]:
    address = f"/api/v1/lessons/{scene.lesson_id}/join"
    body: dict[str, Any] = live.get(address, headers=factories.bearer(keys, person)).json()
    return body


def news(socket: WebSocketTestSession) -> Any:
    """The next message that is about the lesson, not about links."""
    while (message := socket.receive_json())["type"] in ("quality", "ping"):
        pass
    return message


def look_again(app: FastAPI, live: TestClient, factory: SessionFactory) -> None:
    assert live.portal is not None
    live.portal.call(review, app.state.coordinator, app.state.rights, factory, datetime.now(UTC))


def put_live(factory: SessionFactory, scene: Scene) -> None:
    with factory.begin() as session:
        session.get_one(Lesson, scene.lesson_id).state = LessonState.LIVE


# --- what ends a part in a lesson ---


def close_account(session: Session, scene: Scene) -> None:
    session.get_one(Person, scene.assistant.id).active = False


def change_password(session: Session, scene: Scene) -> None:
    session.get_one(Person, scene.assistant.id).tokens_since = datetime.now(UTC)


def end_role(session: Session, scene: Scene) -> None:
    session.get_one(Assignment, scene.assistant.assignments[0].id).valid_to = NOON.date()


def drop_site(session: Session, scene: Scene) -> None:
    site_id = scene.county.sites[0].unit.id
    part = select(LessonSite).where(LessonSite.lesson_id == scene.lesson_id, LessonSite.site_id == site_id)
    session.scalars(part).one().state = SiteState.CANCELLED


REASONS = [
    (close_account, "account_closed", 401),
    (change_password, "signed_out", 401),
    (end_role, "part_ended", 404),
    (drop_site, "site_dropped", 404),
]


@pytest.mark.parametrize(("change", "reason", "status"), REASONS)
def test_who_has_no_part_any_more_is_told_why_and_gets_no_media(
    app: FastAPI,
    live: TestClient,
    keys: Keys,
    scene: Scene,
    offer: str,
    session_factory: SessionFactory,
    change: Change,
    reason: str,
    status: int,
) -> None:
    grant = join(live, keys, scene, scene.assistant)["watch"][0]
    headers = {"Authorization": f"Bearer {grant['token']}", "Content-Type": "application/sdp"}
    watching = live.post(grant["url"], content=offer, headers=headers)
    teaching = live.post(scene.whip(), content=offer, headers=sdp_headers(keys, scene.teacher))
    with live.websocket_connect(f"/api/v1/lessons/{scene.lesson_id}/channel") as socket:
        socket.send_json(hello(keys, scene.assistant))
        assert socket.receive_json()["type"] == "welcome"
        with session_factory.begin() as session:
            change(session, scene)
        look_again(app, live, session_factory)
        assert news(socket) == {"type": "removed", "reason": reason}
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 4403
    ended = live.delete(watching.headers["location"])
    assert (ended.status_code, ended.json()["code"]) == (410, "right.ended")
    assert live.post(grant["url"], content=offer, headers=headers).status_code == status
    # Nobody else notices.
    assert live.delete(teaching.headers["location"]).status_code == 200


def remove_terminal(session: Session, who: Who) -> None:
    session.get_one(RoomTerminal, who.person.id).removed_at = datetime.now(UTC)


def take_link_back(session: Session, who: Who) -> None:
    session.get_one(GuestLink, who.person.id).revoked_at = datetime.now(UTC)


def let_link_run_out(session: Session, who: Who) -> None:
    session.get_one(GuestLink, who.person.id).expires_at = datetime.now(UTC) - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("held", "change", "reason"),
    [
        (Pass.TERMINAL, remove_terminal, "terminal_removed"),
        (Pass.GUEST_OBSERVER, take_link_back, "link_over"),
        (Pass.GUEST_TEACHER, let_link_run_out, "link_over"),
    ],
)
def test_a_terminal_and_a_guest_lose_their_media_with_their_right(
    app: FastAPI,
    live: TestClient,
    keys: Keys,
    scene: Scene,
    offer: str,
    session: Session,
    session_factory: SessionFactory,
    held: Pass,
    change: Callable[[Session, Who], None],
    reason: str,
) -> None:
    (who,) = (
        each for each in everybody(session, scene.county) if each.role is held and each.place is Place.THERE
    )
    session.commit()
    part = live.get(f"/api/v1/lessons/{scene.lesson_id}/join", headers=who.headers(keys)).json()
    door = part["watch"][0]
    headers = {"Authorization": f"Bearer {door['token']}", "Content-Type": "application/sdp"}
    watching = live.post(door["url"], content=offer, headers=headers)
    assert watching.status_code == 201, watching.text
    with live.websocket_connect(f"/api/v1/lessons/{scene.lesson_id}/channel") as socket:
        socket.send_json({"type": "hello", "token": who.token(keys)})
        assert socket.receive_json()["type"] == "welcome"
        with session_factory.begin() as changing:
            change(changing, who)
        look_again(app, live, session_factory)
        assert news(socket) == {"type": "removed", "reason": reason}
    assert live.delete(watching.headers["location"]).json()["code"] == "right.ended"
    assert live.post(door["url"], content=offer, headers=headers).status_code == 401


def test_the_screen_of_a_main_classroom_lends_its_camera_and_never_teaches(
    app: FastAPI,
    live: TestClient,
    keys: Keys,
    scene: Scene,
    offer: str,
    session: Session,
    session_factory: SessionFactory,
) -> None:
    def screen(room: Room, county: County) -> Who:
        made = factories.terminal(session, room, county.county.id)
        return Who(made, Pass.TERMINAL, Place.THERE)

    here = screen(scene.county.main_room, scene.county)
    next_door = screen(factories.room(session, scene.county.school, RoomKind.MAIN), scene.county)
    abroad = counties.county(session, sites=1)
    strangers = [next_door, screen(abroad.main_room, abroad)]
    session.commit()

    def send(who: Who) -> Response:
        headers = {**who.headers(keys), "Content-Type": "application/sdp"}
        return live.post(scene.whip(), content=offer, headers=headers)

    lesson = f"/api/v1/lessons/{scene.lesson_id}"
    for stranger in strangers:
        assert live.get(f"{lesson}/join", headers=stranger.headers(keys)).status_code == 404
        assert live.get("/api/v1/lessons?mine=true", headers=stranger.headers(keys)).json()["items"] == []
    listed = live.get("/api/v1/lessons?mine=true", headers=here.headers(keys)).json()["items"]
    assert str(scene.lesson_id) in {each["id"] for each in listed}
    part = live.get(f"{lesson}/join", headers=here.headers(keys)).json()
    assert (part["role"], part["publish"]) == ("main_room", [])
    assert [door["stream"] for door in part["watch"]] == ["board", *scene.site_streams]
    assert send(here).json()["code"] == "stream.not_yours"  # nobody has begun

    put_live(session_factory, scene)
    teacher = live.post(scene.whip(), content=offer, headers=sdp_headers(keys, scene.teacher))
    lent = send(here)
    assert lent.status_code == 201, lent.text
    assert live.delete(teacher.headers["location"]).json()["code"] == "session.replaced"
    back = live.post(scene.whip(), content=offer, headers=sdp_headers(keys, scene.teacher))
    assert back.status_code == 201, "who teaches takes it back"
    lent = send(here)
    assert live.post(f"{lesson}/end", headers=here.headers(keys)).status_code == 403
    assert live.post(f"{lesson}/guest-links", headers=here.headers(keys), json={}).status_code == 403
    with session_factory.begin() as changing:
        remove_terminal(changing, here)
    look_again(app, live, session_factory)
    assert live.delete(lent.headers["location"]).json()["code"] == "right.ended"
    assert send(here).status_code == 401


def test_what_a_program_opened_ends_with_its_token_and_nothing_else_does(
    app: FastAPI,
    live: TestClient,
    keys: Keys,
    scene: Scene,
    offer: str,
    session: Session,
    session_factory: SessionFactory,
) -> None:
    secret = f"{ACCESS_TOKEN}{uuid.uuid4().hex}"
    row = factories.access_token(session, scene.assistant, "all", secret=secret)
    session.commit()
    form = {"username": scene.assistant.login, "password": factories.PASSWORD}
    family = live.post("/api/v1/token", data=form).json()
    as_family = {"Authorization": f"Bearer {family['access_token']}"}
    door = live.get(f"/api/v1/lessons/{scene.lesson_id}/join", headers=as_family).json()["watch"][0]

    def watch(token: str) -> Response:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        return live.post(door["url"], content=offer, headers=headers)

    kept = watch(factories.bearer(keys, scene.assistant)["Authorization"].removeprefix("Bearer "))
    by_token, by_grant = watch(secret), watch(door["token"])
    assert [each.status_code for each in (kept, by_token, by_grant)] == [201, 201, 201]
    with live.websocket_connect(f"/api/v1/lessons/{scene.lesson_id}/channel") as socket:
        socket.send_json({"type": "hello", "token": secret})
        assert socket.receive_json()["type"] == "welcome"
        session.get_one(AccessToken, row.id).expires_at = datetime.now(UTC) - timedelta(seconds=1)
        session.get_one(AccessToken, row.id).created_at = datetime.now(UTC) - timedelta(hours=1)
        session.commit()
        assert live.post("/api/v1/token/revoke", data={"token": family["refresh_token"]}).status_code == 200
        look_again(app, live, session_factory)
        assert news(socket) == {"type": "removed", "reason": "signed_out"}
    for ended in (by_token, by_grant):
        assert live.delete(ended.headers["location"]).json()["code"] == "right.ended"
    refused = watch(door["token"])
    assert (refused.status_code, refused.json()["code"]) == (401, "token.void")
    assert live.delete(kept.headers["location"]).status_code == 200


def test_what_a_page_opened_ends_with_its_sign_in_and_not_with_anothers(
    app: FastAPI,
    live: TestClient,
    keys: Keys,
    scene: Scene,
    offer: str,
    session: Session,
    session_factory: SessionFactory,
) -> None:
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
    doors = [
        live.get(f"/api/v1/lessons/{scene.lesson_id}/join", headers=who).json()["watch"][0] for who in pages
    ]

    def watch(door: dict[str, str]) -> Response:
        headers = {"Authorization": f"Bearer {door['token']}", "Content-Type": "application/sdp"}
        return live.post(door["url"], content=offer, headers=headers)

    lost, kept, opened_by, ran_out = map(watch, doors)
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
    look_again(app, live, session_factory)
    for ended, door in ((lost, doors[0]), (opened_by, doors[2]), (ran_out, doors[3])):
        assert live.delete(ended.headers["location"]).json()["code"] == "right.ended"
        refused = watch(door)
        assert (refused.status_code, refused.json()["code"]) == (401, "token.void")
    assert live.delete(kept.headers["location"]).status_code == 200
    assert watch(doors[1]).status_code == 201


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


def test_an_admin_without_the_second_factor_that_is_asked_for_opens_no_media(
    app: FastAPI, live: TestClient, keys: Keys, scene: Scene, offer: str
) -> None:
    before = app.state.settings
    app.state.settings = before.model_copy(update={"admins_need_second_factor": True})
    try:
        refused = live.post(scene.whep(), content=offer, headers=sdp_headers(keys, scene.bureau))
    finally:
        app.state.settings = before
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor.add_first")


def test_a_part_that_became_another_one_keeps_what_it_still_covers(
    app: FastAPI,
    live: TestClient,
    keys: Keys,
    scene: Scene,
    offer: str,
    session_factory: SessionFactory,
    session: Session,
) -> None:
    person = factories.person(session, scene.county.county, Role.BUREAU_ADMIN)
    session.commit()
    with session_factory.begin() as changing:
        changing.get_one(Lesson, scene.lesson_id).teacher_id = person.id
        changing.add(
            Assignment(
                person_id=person.id,
                role=Role.TEACHER,
                org_unit_id=scene.county.school.id,
                valid_from=factories.LONG_AGO,
            )
        )
    publishing = live.post(scene.whip(), content=offer, headers=sdp_headers(keys, person))
    assert publishing.status_code == 201, publishing.text
    with session_factory.begin() as changing:
        changing.get_one(Lesson, scene.lesson_id).teacher_id = scene.teacher.id
    watching = live.post(scene.whep(), content=offer, headers=sdp_headers(keys, person))
    look_again(app, live, session_factory)
    assert live.delete(publishing.headers["location"]).json()["code"] == "right.ended"
    assert live.delete(watching.headers["location"]).status_code == 200


# --- grants and the database ---


def test_a_grant_is_checked_without_the_database(
    app: FastAPI, live: TestClient, keys: Keys, scene: Scene
) -> None:
    body = join(live, keys, scene, scene.teacher)
    away, now = make_session_factory(make_engine("sqlite:////nowhere/at.all")), datetime.now(UTC)
    for direction, door in ((Direction.PUBLISH, body["publish"][0]), (Direction.WATCH, body["watch"][0])):
        key = StreamKey(scene.lesson_id, door["stream"])
        admission = admit(away, keys, app.state.rights, door["token"], key, direction, now)
        assert admission.person_id == scene.teacher.id


def test_what_opened_nothing_leaves_nothing_in_memory_and_lessons_that_are_over_are_forgotten(
    app: FastAPI,
    live: TestClient,
    keys: Keys,
    scene: Scene,
    session: Session,
    session_factory: SessionFactory,
) -> None:
    now, rights = datetime.now(UTC), app.state.rights
    basis = Basis(BasisKind.FAMILY, factories.program_sign_in(session, scene.foreigner).id)
    session.commit()
    key = StreamKey(scene.lesson_id, "main")
    grant = issue_grant(
        keys,
        lesson_id=scene.lesson_id,
        stream="main",
        direction="watch",
        holder=Holder(HolderKind.PERSON, scene.foreigner.id),
        until=now + timedelta(minutes=5),
        basis=basis,
    )
    with pytest.raises(AppError):
        admit(session_factory, keys, rights, grant, key, Direction.WATCH, now)
    assert basis not in rights.bases()
    rights.note_basis(uuid.uuid4(), basis)
    look_again(app, live, session_factory)
    assert basis not in rights.bases()


def test_after_a_restart_a_grant_still_opens_and_only_what_is_still_right(
    app: FastAPI, live: TestClient, keys: Keys, scene: Scene, offer: str, session_factory: SessionFactory
) -> None:
    door = join(live, keys, scene, scene.assistant)["watch"][0]
    headers = {"Authorization": f"Bearer {door['token']}", "Content-Type": "application/sdp"}
    app.state.rights.drop_lesson(scene.lesson_id)
    assert live.post(door["url"], content=offer, headers=headers).status_code == 201
    app.state.rights.drop_lesson(scene.lesson_id)
    with session_factory.begin() as session:
        change_password(session, scene)
    refused = live.post(door["url"], content=offer, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "token.void")


# --- the end of a lesson ---


def test_the_teacher_ends_the_lesson_for_everybody(
    live: TestClient, keys: Keys, scene: Scene, offer: str, session_factory: SessionFactory
) -> None:
    put_live(session_factory, scene)
    door = join(live, keys, scene, scene.assistant)["watch"][0]
    granted = {"Authorization": f"Bearer {door['token']}", "Content-Type": "application/sdp"}
    watching = live.post(door["url"], content=offer, headers=granted)
    with live.websocket_connect(f"/api/v1/lessons/{scene.lesson_id}/channel") as socket:
        socket.send_json(hello(keys, scene.assistant))
        assert socket.receive_json()["type"] == "welcome"
        answer = live.post(
            f"/api/v1/lessons/{scene.lesson_id}/end", headers=factories.bearer(keys, scene.teacher)
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "ended"
        assert news(socket) == {"type": "lesson_ended", "reason": "ended"}
    assert live.delete(watching.headers["location"]).json()["code"] == "lesson.over"
    refused = live.post(door["url"], content=offer, headers=granted)
    assert (refused.status_code, refused.json()["code"]) == (409, "lesson.not_on_air")
    assert join(live, keys, scene, scene.assistant)["watch"] == []
    again = live.post(f"/api/v1/lessons/{scene.lesson_id}/end", headers=factories.bearer(keys, scene.teacher))
    assert (again.status_code, again.json()["code"]) == (409, "lesson.wrong_state")
    trail = live.get(
        "/api/v1/audit-events", params={"act": Act.LESSON_ENDED}, headers=factories.bearer(keys, scene.bureau)
    )
    assert [event["subject_id"] for event in trail.json()["items"]] == [str(scene.lesson_id)]


def test_a_lesson_that_is_not_on_air_cannot_be_ended(live: TestClient, keys: Keys, scene: Scene) -> None:
    address = f"/api/v1/lessons/{scene.tomorrow_id}/end"
    answer = live.post(address, headers=factories.bearer(keys, scene.teacher))
    assert (answer.status_code, answer.json()["code"]) == (409, "lesson.wrong_state")
    assert live.post(address, headers=factories.bearer(keys, scene.assistant)).status_code == 403
    assert live.post(address, headers=factories.bearer(keys, scene.stranger)).status_code == 404


def test_with_real_media_a_cancelled_lesson_is_dark_within_five_seconds(
    sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    with sqlite_databases.fresh(tmp_path) as url:
        engine = make_engine(url)
        try:
            assert asyncio.run(_seconds_until_dark(url, make_session_factory(engine))) < patient(5.0)
        finally:
            engine.dispose()


async def _seconds_until_dark(url: str, factory: SessionFactory) -> float:
    with factory() as session:
        scene = make_scene(session)
    rights = Rights()
    key = StreamKey(scene.lesson_id, "main")
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    settings = Settings(database_url=url, media_port=free_port())
    async with on_air(settings, factory, rights) as coordinator, peer(*camera()) as sends, peer() as sees:
        await coordinator.wait_ready(PATIENCE)

        async def connect(
            pc: RTCPeerConnection, direction: Direction, who: uuid.UUID, site: str | None
        ) -> None:
            admission = Admission(key, direction, who, site, lesson_ends_at=ends_at)
            enter = coordinator.publish if direction is Direction.PUBLISH else coordinator.watch
            opened = await enter(admission, pc.localDescription.sdp)
            await pc.setRemoteDescription(RTCSessionDescription(opened.sdp, "answer"))

        await connect(sends, Direction.PUBLISH, scene.teacher.id, None)
        await connect(sees, Direction.WATCH, scene.assistant.id, scene.county.sites[0].unit.code)
        await picture(sees)
        with factory.begin() as session:
            session.get_one(Lesson, scene.lesson_id).state = LessonState.CANCELLED
        began = asyncio.get_running_loop().time()
        await until(lambda: {sees.connectionState, sends.connectionState} == {"closed"})
        assert coordinator.session_counts() == {Direction.PUBLISH: 0, Direction.WATCH: 0}
        return asyncio.get_running_loop().time() - began
