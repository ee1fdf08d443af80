"""Media never outlive the right to them, whatever the reason may be that it ended."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.accounts.grants import issue_grant
from app.accounts.models import (
    Assignment,
    GuestLink,
    Person,
    RoomTerminal,
)
from app.accounts.rules import Basis, BasisKind, Holder, HolderKind, Pass, Role
from app.database import SessionFactory, make_engine, make_session_factory
from app.errors import AppError
from app.keys import Keys
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import SiteState
from app.live.access import admit
from app.live.rules import Direction
from app.live.sessions import StreamKey
from app.schools.models import Room
from app.schools.rules import RoomKind
from tests import counties, factories
from tests.app.live.conftest import Scene, sdp_headers
from tests.app.live.pages import address, code_of, enter, hello, join, look_again, news, put_live
from tests.counties import County
from tests.roles import Place, Who, everybody

Change = Callable[[Session, Scene], object]
NOON = datetime(2020, 6, 1, 12, tzinfo=UTC)


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
    door = join(live, scene, factories.bearer(keys, scene.assistant))["watch"][0]
    watching = enter(live, door, offer)
    teaching = live.post(scene.whip(), content=offer, headers=sdp_headers(keys, scene.teacher))
    with live.websocket_connect(address(scene)) as socket:
        socket.send_json(hello(keys, scene.assistant))
        assert socket.receive_json()["type"] == "welcome"
        with session_factory.begin() as session:
            change(session, scene)
        look_again(app, live, session_factory)
        assert news(socket) == {"type": "removed", "reason": reason}
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 4403
    assert code_of(live.delete(watching.headers["location"])) == (410, "right.ended")
    assert enter(live, door, offer).status_code == status
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
    door = join(live, scene, who.headers(keys))["watch"][0]
    watching = enter(live, door, offer)
    assert watching.status_code == 201, watching.text
    with live.websocket_connect(address(scene)) as socket:
        socket.send_json({"type": "hello", "token": who.token(keys)})
        assert socket.receive_json()["type"] == "welcome"
        with session_factory.begin() as changing:
            change(changing, who)
        look_again(app, live, session_factory)
        assert news(socket) == {"type": "removed", "reason": reason}
    assert live.delete(watching.headers["location"]).json()["code"] == "right.ended"
    assert enter(live, door, offer).status_code == 401


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
    part = join(live, scene, here.headers(keys))
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


def test_an_admin_without_the_second_factor_that_is_asked_for_opens_no_media(
    app: FastAPI, live: TestClient, keys: Keys, scene: Scene, offer: str
) -> None:
    before = app.state.settings
    app.state.settings = before.model_copy(update={"admins_need_second_factor": True})
    try:
        refused = live.post(scene.whep(), content=offer, headers=sdp_headers(keys, scene.bureau))
    finally:
        app.state.settings = before
    assert code_of(refused) == (403, "second_factor.add_first")


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
    body = join(live, scene, factories.bearer(keys, scene.teacher))
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
    door = join(live, scene, factories.bearer(keys, scene.assistant))["watch"][0]
    app.state.rights.drop_lesson(scene.lesson_id)
    assert enter(live, door, offer).status_code == 201
    app.state.rights.drop_lesson(scene.lesson_id)
    with session_factory.begin() as session:
        change_password(session, scene)
    assert code_of(enter(live, door, offer)) == (401, "token.void")
