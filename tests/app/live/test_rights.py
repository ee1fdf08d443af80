"""Media never outlive the right to them, whatever the reason may be that it ended."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.websockets import WebSocketDisconnect

from app.accounts.grants import issue_grant
from app.accounts.models import (
    Assignment,
    GuestLink,
    Person,
    RoomTerminal,
)
from app.accounts.rules import Basis, BasisKind, Holder, HolderKind, Pass, Role
from app.database import make_engine, make_session_factory
from app.errors import AppError
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import SiteState
from app.live.access import admit
from app.live.rules import Direction
from app.live.sessions import StreamKey
from app.schools.models import Room
from app.schools.rules import RoomKind
from tests import counties, factories
from tests.app.live.pages import OnAir, address, code_of, hello, news, put_live
from tests.app.live.scene import Scene
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
    on_air: OnAir, change: Change, reason: str, status: int
) -> None:
    scene = on_air.scene
    door = on_air.join(factories.bearer(on_air.keys, scene.assistant))["watch"][0]
    watching = on_air.enter(door)
    teaching = on_air.send(scene.whip(), scene.teacher)
    with on_air.live.websocket_connect(address(scene)) as socket:
        socket.send_json(hello(on_air.keys, scene.assistant))
        assert socket.receive_json()["type"] == "welcome"
        with on_air.factory.begin() as session:
            change(session, scene)
        on_air.look_again()
        assert news(socket) == {"type": "removed", "reason": reason}
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 4403
    assert code_of(on_air.leave(watching)) == (410, "right.ended")
    assert on_air.enter(door).status_code == status
    # Nobody else notices.
    assert on_air.leave(teaching).status_code == 200


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
    on_air: OnAir, session: Session, held: Pass, change: Callable[[Session, Who], None], reason: str
) -> None:
    (who,) = (
        each
        for each in everybody(session, on_air.scene.county)
        if each.role is held and each.place is Place.THERE
    )
    session.commit()
    door = on_air.join(who.headers(on_air.keys))["watch"][0]
    watching = on_air.enter(door)
    assert watching.status_code == 201, watching.text
    with on_air.live.websocket_connect(address(on_air.scene)) as socket:
        socket.send_json({"type": "hello", "token": who.token(on_air.keys)})
        assert socket.receive_json()["type"] == "welcome"
        with on_air.factory.begin() as changing:
            change(changing, who)
        on_air.look_again()
        assert news(socket) == {"type": "removed", "reason": reason}
    assert on_air.leave(watching).json()["code"] == "right.ended"
    assert on_air.enter(door).status_code == 401


def test_the_screen_of_a_main_classroom_lends_its_camera_and_never_teaches(
    on_air: OnAir, session: Session
) -> None:
    live, keys, scene = on_air.live, on_air.keys, on_air.scene

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
        return live.post(scene.whip(), content=on_air.offer, headers=headers)

    lesson = f"/api/v1/lessons/{scene.lesson_id}"
    for stranger in strangers:
        assert live.get(f"{lesson}/join", headers=stranger.headers(keys)).status_code == 404
        assert live.get("/api/v1/lessons?mine=true", headers=stranger.headers(keys)).json()["items"] == []
    listed = live.get("/api/v1/lessons?mine=true", headers=here.headers(keys)).json()["items"]
    assert str(scene.lesson_id) in {each["id"] for each in listed}
    part = on_air.join(here.headers(keys))
    assert (part["role"], part["publish"]) == ("main_room", [])
    assert [door["stream"] for door in part["watch"]] == ["board", *scene.site_streams]
    assert send(here).json()["code"] == "stream.not_yours"  # nobody has begun

    put_live(on_air.factory, scene)
    teacher = on_air.send(scene.whip(), scene.teacher)
    lent = send(here)
    assert lent.status_code == 201, lent.text
    assert on_air.leave(teacher).json()["code"] == "session.replaced"
    back = on_air.send(scene.whip(), scene.teacher)
    assert back.status_code == 201, "who teaches takes it back"
    lent = send(here)
    assert live.post(f"{lesson}/end", headers=here.headers(keys)).status_code == 403
    assert live.post(f"{lesson}/guest-links", headers=here.headers(keys), json={}).status_code == 403
    with on_air.factory.begin() as changing:
        remove_terminal(changing, here)
    on_air.look_again()
    assert on_air.leave(lent).json()["code"] == "right.ended"
    assert send(here).status_code == 401


def test_an_admin_without_the_second_factor_that_is_asked_for_opens_no_media(on_air: OnAir) -> None:
    before = on_air.app.state.settings
    on_air.app.state.settings = before.model_copy(update={"admins_need_second_factor": True})
    try:
        refused = on_air.send(on_air.scene.whep(), on_air.scene.bureau)
    finally:
        on_air.app.state.settings = before
    assert code_of(refused) == (403, "second_factor.add_first")


def test_a_part_that_became_another_one_keeps_what_it_still_covers(on_air: OnAir, session: Session) -> None:
    scene = on_air.scene
    person = factories.person(session, scene.county.county, Role.BUREAU_ADMIN)
    session.commit()
    with on_air.factory.begin() as changing:
        lesson = changing.get_one(Lesson, scene.lesson_id)
        lesson.teacher_id, lesson.sequence = person.id, 1
        changing.add(
            Assignment(
                person_id=person.id,
                role=Role.TEACHER,
                org_unit_id=scene.county.school.id,
                valid_from=factories.LONG_AGO,
            )
        )
    publishing = on_air.send(scene.whip(), person)
    assert publishing.status_code == 201, publishing.text
    with on_air.factory.begin() as changing:
        lesson = changing.get_one(Lesson, scene.lesson_id)
        lesson.teacher_id, lesson.sequence = scene.teacher.id, 2
    watching = on_air.send(scene.whep(), person)
    on_air.look_again()
    assert on_air.leave(publishing).json()["code"] == "right.ended"
    assert on_air.leave(watching).status_code == 200


# --- grants and the database ---


def test_a_grant_is_checked_without_the_database(on_air: OnAir) -> None:
    scene = on_air.scene
    body = on_air.join(factories.bearer(on_air.keys, scene.teacher))
    away, now = make_session_factory(make_engine("sqlite:////nowhere/at.all")), datetime.now(UTC)
    for direction, door in ((Direction.PUBLISH, body["publish"][0]), (Direction.WATCH, body["watch"][0])):
        key = StreamKey(scene.lesson_id, door["stream"])
        admission = admit(away, on_air.keys, on_air.app.state.rights, door["token"], key, direction, now)
        assert admission.person_id == scene.teacher.id


def test_what_opened_nothing_leaves_nothing_in_memory_and_lessons_that_are_over_are_forgotten(
    on_air: OnAir, session: Session
) -> None:
    scene = on_air.scene
    now, rights = datetime.now(UTC), on_air.app.state.rights
    basis = Basis(BasisKind.FAMILY, factories.program_sign_in(session, scene.foreigner).id)
    session.commit()
    key = StreamKey(scene.lesson_id, "main")
    grant = issue_grant(
        on_air.keys,
        lesson_id=scene.lesson_id,
        stream="main",
        direction="watch",
        holder=Holder(HolderKind.PERSON, scene.foreigner.id),
        until=now + timedelta(minutes=5),
        basis=basis,
    )
    with pytest.raises(AppError):
        admit(on_air.factory, on_air.keys, rights, grant, key, Direction.WATCH, now)
    assert basis not in rights.bases()
    rights.note_basis(uuid.uuid4(), basis)
    on_air.look_again()
    assert basis not in rights.bases()


def test_after_a_restart_a_grant_still_opens_and_only_what_is_still_right(on_air: OnAir) -> None:
    scene = on_air.scene
    door = on_air.join(factories.bearer(on_air.keys, scene.assistant))["watch"][0]
    on_air.app.state.rights.drop_lesson(scene.lesson_id)
    assert on_air.enter(door).status_code == 201
    on_air.app.state.rights.drop_lesson(scene.lesson_id)
    with on_air.factory.begin() as session:
        change_password(session, scene)
    assert code_of(on_air.enter(door)) == (401, "token.void")
