"""Every command of the classroom channel with every role, compared with the table of permissions."""

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.permissions import Action
from app.keys import Keys
from app.live import channel
from tests.app.live.pages import address, hello, refusal
from tests.app.live.scene import Scene
from tests.roles import Who, everybody


def understood(live: TestClient, keys: Keys, scene: Scene, who: Who, command: str) -> bool:
    """Whether the channel takes a command from somebody."""
    with live.websocket_connect(address(scene)) as socket:
        socket.send_json({"type": "hello", "token": who.token(keys)})
        if not who.reaches(Action.LESSON_JOIN):
            assert refusal(socket) == ("lesson.not_found", 4404), str(who)
            return False
        assert socket.receive_json()["type"] == "welcome", str(who)
        socket.send_json({"type": command})
        socket.send_json({"type": "ping"})
        return bool(socket.receive_json()["type"] == "pong")


def test_every_command_does_what_the_table_says(
    live: TestClient, keys: Keys, scene: Scene, session: Session
) -> None:
    cast = everybody(session, scene.county)
    session.commit()
    for command, action in channel.COMMANDS.items():
        for who in cast:
            taken = understood(live, keys, scene, who, command)
            assert taken is who.reaches(action), f"{who}: {command}"


def test_a_command_that_takes_more_than_joining_is_refused_to_those_who_only_joined(
    live: TestClient, keys: Keys, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "COMMANDS", {**channel.COMMANDS, "ping": Action.LESSON_TEACH})
    with live.websocket_connect(address(scene)) as socket:
        socket.send_json(hello(keys, scene.bureau))
        assert socket.receive_json()["type"] == "welcome"
        socket.send_json({"type": "ping"})
        assert refusal(socket) == ("access.denied", 4403)
