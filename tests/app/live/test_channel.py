"""The classroom channel: who is let in, what they hear, and what is not put up with."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from app.accounts.models import Person
from app.database import SessionFactory
from app.keys import Keys
from app.lessons import service as lessons
from app.lessons.rules import LessonState
from app.live import channel
from app.live.runtime import sweep
from tests import factories
from tests.app.live.pages import address, hello, refusal
from tests.app.live.scene import Scene


def test_everybody_is_welcomed_with_their_part(live: TestClient, keys: Keys, scene: Scene) -> None:
    own, other = scene.site_streams
    expected = [
        (scene.teacher, "teacher", {"main", "board", own, other}),
        (scene.assistant, "site_assistant", {"main", "board", own}),
        (scene.bureau, "observer", {"main", "board"}),
    ]
    for person, role, streams in expected:
        with live.websocket_connect(address(scene)) as socket:
            socket.send_json(hello(keys, person))
            welcome = socket.receive_json()
            assert (welcome["type"], welcome["role"]) == ("welcome", role)
            assert {stream["stream"] for stream in welcome["streams"]} == streams
            assert not any(stream["publishing"] or stream["muted"] for stream in welcome["streams"])
            assert welcome["speaker"] is None
            assert welcome["lesson_state"] in set(LessonState)


def test_strangers_are_turned_away_with_a_reason(live: TestClient, keys: Keys, scene: Scene) -> None:
    expected: list[tuple[Person, int, str, int]] = [
        (scene.teacher, -1, "token.expired", 4401),
        (scene.stranger, 10, "lesson.not_found", 4404),
        (scene.foreigner, 10, "lesson.not_found", 4404),
    ]
    for person, minutes, code, close in expected:
        with live.websocket_connect(address(scene)) as socket:
            socket.send_json(hello(keys, person, minutes))
            assert refusal(socket) == (code, close)


@pytest.mark.parametrize("lesson_id", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_lesson_has_no_channel(live: TestClient, keys: Keys, scene: Scene, lesson_id: str) -> None:
    with live.websocket_connect(f"/api/v1/lessons/{lesson_id}/channel") as socket:
        socket.send_json(hello(keys, scene.teacher))
        assert refusal(socket) == ("lesson.not_found", 4404)


def test_whoever_says_nothing_is_not_waited_for(
    live: TestClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "HELLO_SECONDS", 0.05)
    with live.websocket_connect(address(scene)) as socket:
        assert refusal(socket) == ("channel.no_hello", 4408)


@pytest.mark.parametrize(
    ("message", "code", "close"),
    [
        ("not json", "channel.bad_message", 4400),
        ("[]", "channel.bad_message", 4400),
        (json.dumps({"type": "hello", "token": "x" * 5000}), "channel.bad_message", 4400),
        (json.dumps({"type": "hello"}), "channel.no_hello", 4408),
        (json.dumps({"type": "ping"}), "channel.no_hello", 4408),
        (json.dumps({"type": "hello", "token": "x.y.z"}), "token.invalid", 4401),
        ("[" * 4000, "channel.bad_message", 4400),
    ],
)
def test_bad_first_messages(live: TestClient, scene: Scene, message: str, code: str, close: int) -> None:
    with live.websocket_connect(address(scene)) as socket:
        socket.send_text(message)
        assert refusal(socket) == (code, close)


def test_a_binary_message_is_refused(live: TestClient, scene: Scene) -> None:
    with live.websocket_connect(address(scene)) as socket:
        socket.send_bytes(b"\x00")
        assert refusal(socket) == ("channel.bad_message", 4400)


def test_pings_go_both_ways_and_unknown_messages_are_left_alone(
    live: TestClient, keys: Keys, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "PING_SECONDS", 0.05)
    with live.websocket_connect(address(scene)) as socket:
        socket.send_json(hello(keys, scene.teacher))
        assert socket.receive_json()["type"] == "welcome"
        assert socket.receive_json() == {"type": "ping"}
        socket.send_json({"type": "pong"})
        socket.send_json({"type": "something newer"})
        socket.send_json({"type": "ping"})
        assert _next_but_ping(socket) == {"type": "pong"}


def _next_but_ping(socket: WebSocketTestSession) -> Any:
    while (message := socket.receive_json()) == {"type": "ping"}:
        pass
    return message


def test_a_flood_of_messages_ends_the_conversation(live: TestClient, keys: Keys, scene: Scene) -> None:
    with live.websocket_connect(address(scene)) as socket:
        socket.send_json(hello(keys, scene.teacher))
        assert socket.receive_json()["type"] == "welcome"
        for _ in range(channel.MESSAGES_AT_ONCE + 200):
            socket.send_json({"type": "pong"})
        assert refusal(socket) == ("channel.too_fast", 4400)


def test_a_cancelled_lesson_says_goodbye(
    app: FastAPI, live: TestClient, keys: Keys, scene: Scene, session_factory: SessionFactory
) -> None:
    with live.websocket_connect(address(scene)) as socket:
        socket.send_json(hello(keys, scene.assistant))
        assert socket.receive_json()["type"] == "welcome"
        with session_factory.begin() as session:
            lesson = lessons.get_lesson(session, scene.lesson_id)
            lesson.state, lesson.sequence = LessonState.CANCELLED, 1
        assert live.portal is not None
        live.portal.call(sweep, app.state.coordinator, app.state.rights, session_factory, datetime.now(UTC))
        while (message := socket.receive_json())["type"] in ("quality", "ping"):
            pass  # which come by the clock
        assert message == {"type": "lesson_ended", "reason": "cancelled"}
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 1000


def test_nobody_is_remembered_after_leaving(app: FastAPI, live: TestClient, keys: Keys, scene: Scene) -> None:
    with live.websocket_connect(address(scene)) as socket:
        socket.send_json(hello(keys, scene.teacher))
        assert socket.receive_json()["type"] == "welcome"
        assert len(app.state.coordinator.channels) == 1
    assert len(app.state.coordinator.channels) == 0


# --- signed in by cookie ---


def page_signs_in(live: TestClient, keys: Keys, person: Person) -> str:
    """The name of a page's sign-in; its cookie is in the client."""
    headers = {**factories.bearer(keys, person), "Origin": "http://testserver"}
    name: str = live.post("/api/v1/session", headers=headers).json()["sign_in"]
    return name


def test_a_page_needs_no_token(live: TestClient, keys: Keys, scene: Scene) -> None:
    name = page_signs_in(live, keys, scene.teacher)
    with live.websocket_connect(address(scene), headers={"Origin": "http://testserver"}) as socket:
        socket.send_json({"type": "hello", "sign_in": name})
        assert socket.receive_json()["role"] == "teacher"


@pytest.mark.parametrize("origin", [{}, {"Origin": "https://evil.example"}])
def test_another_sites_page_hears_nothing(
    live: TestClient, keys: Keys, scene: Scene, origin: dict[str, str]
) -> None:
    name = page_signs_in(live, keys, scene.teacher)
    with live.websocket_connect(address(scene), headers=origin) as socket:
        socket.send_json({"type": "hello", "sign_in": name})
        assert refusal(socket) == ("session.other_origin", 4403)


def test_a_name_without_its_cookie_is_nobody(live: TestClient, scene: Scene) -> None:
    with live.websocket_connect(address(scene), headers={"Origin": "http://testserver"}) as socket:
        socket.send_json({"type": "hello", "sign_in": "0" * 12})
        assert refusal(socket) == ("token.missing", 4401)
