"""Whoever looks into a lesson without a part in it leaves a line in the trail: always, and once a visit."""

from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Person
from app.accounts.service import issue_person_token
from app.audit.models import AuditEvent
from app.keys import Keys
from app.lessons.visits import SAME_VISIT
from app.live.access import admit
from app.live.rules import Direction
from app.live.sessions import StreamKey
from tests.app.live.scene import Scene


def watch(app: FastAPI, scene: Scene, who: Person, stream: str) -> None:
    now = datetime.now(UTC)
    token = issue_person_token(app.state.keys, who, 60, now)
    key = StreamKey(scene.lesson_id, stream)
    state = app.state
    admit(state.session_factory, state.keys, state.rights, token, key, Direction.WATCH, now, "10.1.2.3")


def visits(session: Session, scene: Scene) -> list[tuple[object, str | None]]:
    session.expire_all()
    query = select(AuditEvent.person_id, AuditEvent.address).where(AuditEvent.act == "lesson.visited")
    rows = session.execute(query.where(AuditEvent.subject_id == scene.lesson_id)).all()
    return [(row.person_id, row.address) for row in rows]


def test_an_inspector_who_opens_two_pictures_is_one_visitor_and_comes_again_later(
    app: FastAPI, scene: Scene, session: Session
) -> None:
    for stream in ("main", "board", "main"):
        watch(app, scene, scene.bureau, stream)
    assert visits(session, scene) == [(scene.bureau.id, "10.1.2.3")]


def test_those_whose_lesson_it_is_are_no_visitors(app: FastAPI, scene: Scene, session: Session) -> None:
    watch(app, scene, scene.assistant, "main")
    watch(app, scene, scene.teacher, scene.site_streams[0])
    assert visits(session, scene) == []


def test_listening_to_the_channel_is_a_visit_too(
    live: TestClient, scene: Scene, session: Session, keys: Keys
) -> None:
    with live.websocket_connect(f"/api/v1/lessons/{scene.lesson_id}/channel") as socket:
        socket.send_json({"type": "hello", "token": issue_person_token(keys, scene.bureau, 60)})
        assert socket.receive_json()["role"] == "observer"
    assert [person for person, _ in visits(session, scene)] == [scene.bureau.id]
    assert timedelta(0) < SAME_VISIT < timedelta(minutes=40)  # never two lessons in one line
