"""Who may see how a lesson's links are, and what they see."""

from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Person
from app.accounts.rules import Role
from app.keys import Keys
from media_relay.messages import Event, RungChanged, Sample, Samples, SessionConnected, StreamStarted
from tests import factories
from tests.app.live.scene import Scene


def quality(live: TestClient, keys: Keys, scene: Scene, person: Person) -> dict[str, Any]:
    answer = live.get(f"/api/v1/lessons/{scene.lesson_id}/quality", headers=factories.bearer(keys, person))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


def codes(scene: Scene) -> list[str]:
    return sorted(site.unit.code for site in scene.county.sites)


def tell(app: FastAPI, live: TestClient, *events: Event) -> None:
    """What the relay node says."""
    assert live.portal is not None
    for event in events:
        live.portal.call(app.state.coordinator._take, 0, event)


@pytest.fixture
def watching(app: FastAPI, live: TestClient, keys: Keys, scene: Scene, offer: str) -> str:
    """The session of the first site, which watches with a grant; media flow, as far as the node tells."""
    address = f"/api/v1/lessons/{scene.lesson_id}/join"
    door = live.get(address, headers=factories.bearer(keys, scene.assistant)).json()["watch"][0]
    headers = {"Authorization": f"Bearer {door['token']}", "Content-Type": "application/sdp"}
    assert live.post(door["url"], content=offer, headers=headers).status_code == 201
    (session,) = app.state.coordinator._sessions.of_lesson(scene.lesson_id)
    tell(app, live, SessionConnected(session.id))
    return str(session.id)


def test_who_looks_after_the_lesson_sees_all_sites(live: TestClient, keys: Keys, scene: Scene) -> None:
    for person in (scene.teacher, scene.bureau):
        body = quality(live, keys, scene, person)
        assert body["lesson_id"] == str(scene.lesson_id)
        assert [site["site"] for site in body["sites"]] == codes(scene)
        assert {site["name"] for site in body["sites"]} == {s.unit.name for s in scene.county.sites}
        assert {site["state"] for site in body["sites"]} == {"away"}


def test_who_looks_after_a_site_sees_that_site(
    live: TestClient, keys: Keys, scene: Scene, session: Session
) -> None:
    own = scene.county.sites[0].unit
    assert [site["site"] for site in quality(live, keys, scene, scene.assistant)["sites"]] == [own.code]
    school = factories.school(session, scene.county.county)
    admin = factories.person(session, school, Role.SCHOOL_ADMIN)
    session.commit()
    address = f"/api/v1/lessons/{scene.lesson_id}/quality"
    for stranger in (admin, scene.stranger, scene.foreigner):
        assert live.get(address, headers=factories.bearer(keys, stranger)).status_code in (403, 404)


def test_the_figures_are_the_relay_s(
    app: FastAPI, live: TestClient, keys: Keys, scene: Scene, watching: str
) -> None:
    lesson = str(scene.lesson_id)
    tell(
        app,
        live,
        StreamStarted(lesson, "main"),
        RungChanged(watching, lesson, "main", "low", "congestion"),
        Samples(
            (
                Sample(
                    watching, lesson, "main", False, 5.0, 0.02, 41.5, 3.0, 310_000, 4, "", "low", 350_000, 2
                ),
            )
        ),
    )
    body = quality(live, keys, scene, scene.teacher)
    site = next(each for each in body["sites"] if each["site"] == scene.county.sites[0].unit.code)
    assert (site["state"], site["rung"]) == ("weak", "low")
    (stream,) = site["streams"]
    told = {name: stream[name] for name in ("loss", "rtt_ms", "jitter_ms", "bitrate", "estimate", "freezes")}
    assert told == {
        "loss": 0.02,
        "rtt_ms": 41.5,
        "jitter_ms": 3.0,
        "bitrate": 310_000,
        "estimate": 350_000,
        "freezes": 2,
    }
    assert (stream["rung"], stream["reason"], stream["connected"]) == ("low", "congestion", True)
    assert stream["rung_at"] <= stream["measured_at"] <= body["server_time"]
    assert site["since"] == stream["rung_at"]
    assert body["teacher"] == []


def test_a_page_is_told_when_its_picture_becomes_smaller_and_says_what_matters(
    app: FastAPI, live: TestClient, keys: Keys, scene: Scene, offer: str
) -> None:
    join = live.get(
        f"/api/v1/lessons/{scene.lesson_id}/join", headers=factories.bearer(keys, scene.assistant)
    ).json()
    token = factories.bearer(keys, scene.assistant)["Authorization"].partition(" ")[2]
    with live.websocket_connect(join["channel"]) as socket:
        socket.send_json({"type": "hello", "token": token, "viewer": join["viewer"]})
        assert socket.receive_json()["type"] == "welcome"
        door = join["watch"][0]
        headers = {"Authorization": f"Bearer {door['token']}", "Content-Type": "application/sdp"}
        assert live.post(door["url"], content=offer, headers=headers).status_code == 201
        (session,) = app.state.coordinator._sessions.of_lesson(scene.lesson_id)
        tell(app, live, RungChanged(session.id, str(scene.lesson_id), "main", "low", "loss"))
        assert socket.receive_json() == {"type": "rung", "stream": "main", "rung": "low", "reason": "loss"}
        socket.send_json({"type": "prefer", "stream": "board"})
        socket.send_json({"type": "ping"})
        assert socket.receive_json() == {"type": "pong"}
        (member,) = app.state.coordinator.channels.members(scene.lesson_id)
        assert member.prefers == "board"


@pytest.mark.parametrize("stream", ["site-S1", "", None, ["main"], {"main": 1}])
def test_a_preference_for_what_is_no_choice_is_left_alone(
    app: FastAPI, live: TestClient, keys: Keys, scene: Scene, stream: Any
) -> None:
    token = factories.bearer(keys, scene.assistant)["Authorization"].partition(" ")[2]
    with live.websocket_connect(f"/api/v1/lessons/{scene.lesson_id}/channel") as socket:
        socket.send_json({"type": "hello", "token": token})
        assert socket.receive_json()["type"] == "welcome"
        socket.send_json({"type": "prefer", "stream": stream})
        socket.send_json({"type": "ping"})
        assert socket.receive_json() == {"type": "pong"}
        (member,) = app.state.coordinator.channels.members(scene.lesson_id)
        assert member.prefers is None
