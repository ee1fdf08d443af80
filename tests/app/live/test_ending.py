"""A lesson's end, by its teacher or by a cancellation: all its media and its channel end with it."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiortc import RTCPeerConnection, RTCSessionDescription
from starlette.testclient import TestClient

from app.audit.rules import Act
from app.database import SessionFactory, make_engine, make_session_factory
from app.keys import Keys
from app.lessons.models import Lesson
from app.lessons.rules import LessonState
from app.live.rights import Rights
from app.live.rules import Direction
from app.live.runtime import on_air
from app.live.sessions import Admission, StreamKey
from app.settings import Settings
from tests import factories
from tests.app.live.coordinating import camera, peer, picture, until
from tests.app.live.pages import address, code_of, enter, hello, join, news, put_live
from tests.app.live.scene import Scene, make_scene
from tests.databases import SqliteDatabases
from tests.patience import PATIENCE, patient
from tests.ports import free_port


def test_the_teacher_ends_the_lesson_for_everybody(
    live: TestClient, keys: Keys, scene: Scene, offer: str, session_factory: SessionFactory
) -> None:
    put_live(session_factory, scene)
    as_assistant, as_teacher = (factories.bearer(keys, each) for each in (scene.assistant, scene.teacher))
    ending = f"/api/v1/lessons/{scene.lesson_id}/end"
    door = join(live, scene, as_assistant)["watch"][0]
    watching = enter(live, door, offer)
    with live.websocket_connect(address(scene)) as socket:
        socket.send_json(hello(keys, scene.assistant))
        assert socket.receive_json()["type"] == "welcome"
        answer = live.post(ending, headers=as_teacher)
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "ended"
        assert news(socket) == {"type": "lesson_ended", "reason": "ended"}
    assert live.delete(watching.headers["location"]).json()["code"] == "lesson.over"
    assert code_of(enter(live, door, offer)) == (409, "lesson.not_on_air")
    assert join(live, scene, as_assistant)["watch"] == []
    assert code_of(live.post(ending, headers=as_teacher)) == (409, "lesson.wrong_state")
    trail = live.get(
        "/api/v1/audit-events", params={"act": Act.LESSON_ENDED}, headers=factories.bearer(keys, scene.bureau)
    )
    assert [event["subject_id"] for event in trail.json()["items"]] == [str(scene.lesson_id)]


def test_a_lesson_that_is_not_on_air_cannot_be_ended(live: TestClient, keys: Keys, scene: Scene) -> None:
    ending = f"/api/v1/lessons/{scene.tomorrow_id}/end"
    answer = live.post(ending, headers=factories.bearer(keys, scene.teacher))
    assert code_of(answer) == (409, "lesson.wrong_state")
    assert live.post(ending, headers=factories.bearer(keys, scene.assistant)).status_code == 403
    assert live.post(ending, headers=factories.bearer(keys, scene.stranger)).status_code == 404


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
            lesson = session.get_one(Lesson, scene.lesson_id)
            lesson.state, lesson.sequence = LessonState.CANCELLED, 1
        began = asyncio.get_running_loop().time()
        await until(lambda: {sees.connectionState, sends.connectionState} == {"closed"})
        assert coordinator.session_counts() == {Direction.PUBLISH: 0, Direction.WATCH: 0}
        return asyncio.get_running_loop().time() - began
