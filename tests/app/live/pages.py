"""What a page does in a lesson on air, one call each."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from app.accounts.models import Person
from app.accounts.service import issue_person_token
from app.database import SessionFactory
from app.keys import Keys
from app.lessons.models import Lesson
from app.lessons.rules import LessonState
from app.live.review import review
from tests.app.live.scene import Scene, sdp_headers


def put_live(factory: SessionFactory, scene: Scene) -> None:
    """The lesson is on air, as if its teacher had begun."""
    with factory.begin() as session:
        session.get_one(Lesson, scene.lesson_id).state = LessonState.LIVE


def address(scene: Scene) -> str:
    """The lesson's channel."""
    return f"/api/v1/lessons/{scene.lesson_id}/channel"


def hello(keys: Keys, person: Person, minutes: int = 10) -> dict[str, str]:
    """The first message in the channel."""
    return {"type": "hello", "token": issue_person_token(keys, person, minutes)}


def news(socket: WebSocketTestSession) -> Any:
    """The next message that is about the lesson, not about links."""
    while (message := socket.receive_json())["type"] in ("quality", "ping"):
        pass
    return message


def refusal(socket: WebSocketTestSession) -> tuple[str, int]:
    """The code of the error, and the code the socket is closed with."""
    error = socket.receive_json()
    assert error["type"] == "error"
    assert error["detail"]
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    return error["code"], closed.value.code


def join(live: TestClient, scene: Scene, headers: dict[str, str]) -> dict[str, Any]:
    """What somebody may publish and watch in the lesson."""
    body: dict[str, Any] = live.get(f"/api/v1/lessons/{scene.lesson_id}/join", headers=headers).json()
    return body


def enter(live: TestClient, door: dict[str, str], offer: str, token: str | None = None) -> Response:
    """Send an offer to one of the doors of `join`, by its grant unless another token is given."""
    headers = {"Authorization": f"Bearer {token or door['token']}", "Content-Type": "application/sdp"}
    return live.post(door["url"], content=offer, headers=headers)


def code_of(response: Response) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return response.status_code, response.json()["code"]


def look_again(app: FastAPI, live: TestClient, factory: SessionFactory) -> None:
    """What the server does every few seconds: end what nobody has a right to any more."""
    assert live.portal is not None
    live.portal.call(review, app.state.coordinator, app.state.rights, factory, datetime.now(UTC))


@dataclass(frozen=True)
class OnAir:
    """A lesson on air: the application with its relay node, a client of it, and what it is asked with."""

    app: FastAPI
    live: TestClient
    keys: Keys
    scene: Scene
    offer: str
    factory: SessionFactory

    def join(self, headers: dict[str, str]) -> dict[str, Any]:
        """What somebody may publish and watch."""
        return join(self.live, self.scene, headers)

    def enter(self, door: dict[str, str], token: str | None = None) -> Response:
        """Send the offer to one of the doors of `join`, by its grant unless another token is given."""
        return enter(self.live, door, self.offer, token)

    def send(self, path: str, person: Person) -> Response:
        """Send the offer as somebody to a door by its path."""
        return self.live.post(path, content=self.offer, headers=sdp_headers(self.keys, person))

    def leave(self, entered: Response) -> Response:
        """End what an offer opened; a refusal says why it was over already."""
        return self.live.delete(entered.headers["location"])

    def look_again(self) -> None:
        """End what nobody has a right to any more."""
        look_again(self.app, self.live, self.factory)
