"""Joining a lesson: each role is told what it may publish and watch, and gets working grants."""

from datetime import UTC, datetime
from typing import Any

from starlette.testclient import TestClient

from app.accounts.grants import read_grant
from app.accounts.models import Person
from app.keys import Keys
from app.live.turn import IceServers, credential
from tests import factories
from tests.app.live.scene import Scene, sdp_headers


def join(live: TestClient, keys: Keys, scene: Scene, person: Person) -> dict[str, Any]:
    answer = live.get(f"/api/v1/lessons/{scene.lesson_id}/join", headers=factories.bearer(keys, person))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


def streams(offers: list[dict[str, Any]]) -> list[str]:
    return [offer["stream"] for offer in offers]


def test_each_role_is_told_its_part(live: TestClient, keys: Keys, scene: Scene) -> None:
    teacher = join(live, keys, scene, scene.teacher)
    assert teacher["role"] == "teacher"
    assert streams(teacher["publish"]) == ["main", "board"]
    assert sorted(streams(teacher["watch"])) == sorted(scene.site_streams)
    assert {offer["name"] for offer in teacher["watch"]} == {site.unit.name for site in scene.county.sites}

    site = join(live, keys, scene, scene.assistant)
    assert site["role"] == "site_assistant"
    assert streams(site["publish"]) == scene.site_streams[:1]
    assert streams(site["watch"]) == ["main", "board"]
    assert {offer["name"] for offer in site["watch"]} == {scene.teacher.name}

    observer = join(live, keys, scene, scene.bureau)
    assert (observer["role"], observer["publish"]) == ("observer", [])
    assert streams(observer["watch"]) == ["main", "board"]


def test_the_grants_are_for_this_person_stream_and_direction(
    live: TestClient, keys: Keys, scene: Scene, offer: str
) -> None:
    body = join(live, keys, scene, scene.teacher)
    main = body["publish"][0]
    grant = read_grant(keys, main["token"])
    assert (grant.lesson_id, grant.stream, grant.direction) == (scene.lesson_id, "main", "publish")
    assert grant.holder.id == scene.teacher.id
    assert grant.until == datetime.fromisoformat(main["expires_at"])
    headers = {"Authorization": f"Bearer {main['token']}", "Content-Type": "application/sdp"}
    assert live.post(main["url"], content=offer, headers=headers).status_code == 201


def test_all_grants_of_one_answer_name_one_viewer(live: TestClient, keys: Keys, scene: Scene) -> None:
    bodies = [join(live, keys, scene, scene.assistant) for _ in range(2)]
    for body in bodies:
        doors = body["publish"] + body["watch"]
        assert {read_grant(keys, door["token"]).viewer for door in doors} == {body["viewer"]}
    assert bodies[0]["viewer"] != bodies[1]["viewer"], "another page has a link of its own"


def test_a_page_that_renews_its_grants_keeps_its_name(live: TestClient, keys: Keys, scene: Scene) -> None:
    before = join(live, keys, scene, scene.assistant)
    address = f"/api/v1/lessons/{scene.lesson_id}/join?viewer={before['viewer']}"
    after = live.get(address, headers=factories.bearer(keys, scene.assistant)).json()
    assert read_grant(keys, after["watch"][0]["token"]).viewer == after["viewer"] == before["viewer"]
    invented = live.get(f"{address}-and-more", headers=factories.bearer(keys, scene.assistant))
    assert invented.status_code == 422


def test_the_lesson_and_the_way_to_its_channel_come_along(live: TestClient, keys: Keys, scene: Scene) -> None:
    body = join(live, keys, scene, scene.assistant)
    assert body["lesson"]["id"] == str(scene.lesson_id)
    assert [site["stream"] for site in body["lesson"]["sites"]] == sorted(scene.site_streams)
    assert body["ice_servers"] == []
    assert body["channel"] == f"/api/v1/lessons/{scene.lesson_id}/channel"
    assert abs((datetime.fromisoformat(body["server_time"]) - datetime.now(UTC)).total_seconds()) < 60
    assert body["time_zone"] == "UTC", "the county's, whatever a screen is set to"


def test_publishing_is_not_claimed_before_media_arrive(
    live: TestClient, keys: Keys, scene: Scene, offer: str
) -> None:
    opened = live.post(scene.whip(), content=offer, headers=sdp_headers(keys, scene.teacher))
    assert opened.status_code == 201
    assert not any(offer["publishing"] for offer in join(live, keys, scene, scene.assistant)["watch"])


def test_outside_its_time_a_lesson_gives_no_grants_but_its_times(
    live: TestClient, keys: Keys, scene: Scene
) -> None:
    address = f"/api/v1/lessons/{scene.tomorrow_id}/join"
    body = live.get(address, headers=factories.bearer(keys, scene.teacher)).json()
    assert (body["publish"], body["watch"]) == ([], [])
    assert datetime.fromisoformat(body["lesson"]["opens_at"]) > datetime.now(UTC)


def test_to_whoever_has_no_part_the_lesson_is_not_there(live: TestClient, keys: Keys, scene: Scene) -> None:
    address = f"/api/v1/lessons/{scene.lesson_id}/join"
    assert live.get(address).status_code == 401
    assert live.get(address, headers=factories.bearer(keys, scene.stranger)).status_code == 404
    assert live.get(address, headers=factories.bearer(keys, scene.foreigner)).status_code == 404
    unknown = "/api/v1/lessons/00000000-0000-4000-8000-000000000000/join"
    assert live.get(unknown, headers=factories.bearer(keys, scene.teacher)).status_code == 404


def test_turn_servers_are_handed_out_as_long_as_the_grants(
    live: TestClient, keys: Keys, scene: Scene, turn: IceServers
) -> None:
    body = join(live, keys, scene, scene.assistant)
    stun, relay = body["ice_servers"]
    assert stun == {"urls": ["stun:turn.example.org:3478"]}
    assert relay["urls"] == ["turn:turn.example.org:3478", "turns:turn.example.org:443"]
    expiry, _, name = relay["username"].partition(":")
    assert datetime.fromtimestamp(int(expiry), UTC) == datetime.fromisoformat(body["watch"][0]["expires_at"])
    assert name == str(scene.assistant.id)
    assert relay["credential"] == credential("hush", relay["username"])


def test_outside_a_lesson_s_time_no_turn_servers_are_handed_out(
    live: TestClient, keys: Keys, scene: Scene, turn: IceServers
) -> None:
    address = f"/api/v1/lessons/{scene.tomorrow_id}/join"
    assert live.get(address, headers=factories.bearer(keys, scene.teacher)).json()["ice_servers"] == []
