"""WHIP and WHEP at the HTTP door, as RFC 9725 and the WHEP draft want them, with a real relay node behind."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.grants import issue_grant
from app.accounts.models import Person
from app.accounts.rules import Holder, HolderKind, Role
from app.database import SessionFactory
from app.keys import Keys
from app.lessons import service as lessons
from app.lessons.rules import LessonState
from app.live.rules import MAX_BODY_BYTES
from app.live.runtime import sweep
from app.live.schemas import IceServer
from app.live.turn import IceServers, link_headers
from tests import factories
from tests.app.live.scene import Scene, sdp_headers

FRAGMENT = "application/trickle-ice-sdpfrag"


def code_of(answer: Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["code"])


@pytest.fixture
def published(live: TestClient, scene: Scene, keys: Keys, offer: str) -> Response:
    """The answer to a teacher who publishes."""
    answer = live.post(scene.whip(), content=offer, headers=sdp_headers(keys, scene.teacher))
    assert answer.status_code == 201, answer.text
    return answer


# --- opening ---


def test_an_offer_is_answered_with_a_session(published: Response, scene: Scene) -> None:
    assert published.headers["content-type"] == "application/sdp"
    assert published.text.startswith("v=0")
    assert "a=ice-lite" in published.text
    assert re.fullmatch(rf"{scene.whip()}/[\w-]{{43}}", published.headers["location"])
    assert re.fullmatch(r'"[0-9a-f]+"', published.headers["etag"])
    assert published.headers["cache-control"] == "no-store"


def test_watching_may_begin_before_anybody_publishes(
    live: TestClient, scene: Scene, keys: Keys, offer: str
) -> None:
    answer = live.post(scene.whep(), content=offer, headers=sdp_headers(keys, scene.assistant))
    assert answer.status_code == 201
    assert answer.headers["location"].startswith(scene.whep())


def test_everybody_may_do_what_their_part_allows_and_nothing_else(
    live: TestClient, scene: Scene, keys: Keys, offer: str
) -> None:
    own, other = scene.site_streams
    expected = [
        (scene.teacher, scene.whip("main"), 201),
        (scene.teacher, scene.whip("board"), 201),
        (scene.teacher, scene.whip(own), 403),
        (scene.teacher, scene.whep(other), 201),
        (scene.assistant, scene.whip("main"), 403),
        (scene.assistant, scene.whip(own), 201),
        (scene.assistant, scene.whip(other), 403),
        (scene.assistant, scene.whep("main"), 201),
        (scene.assistant, scene.whep(other), 403),
        (scene.bureau, scene.whep("board"), 201),
        (scene.bureau, scene.whip("board"), 403),
        # Of the lessons of others they may not even know.
        (scene.stranger, scene.whep("main"), 404),
        (scene.foreigner, scene.whep("main"), 404),
    ]
    for person, address, status in expected:
        answer = live.post(address, content=offer, headers=sdp_headers(keys, person))
        assert answer.status_code == status, (person.name, address, answer.text)


@pytest.mark.parametrize("door", ["whip", "whep"])
def test_without_a_good_token_nobody_gets_in(live: TestClient, scene: Scene, keys: Keys, door: str) -> None:
    address = f"/{door}/{scene.lesson_id}/main"
    kind = {"Content-Type": "application/sdp"}
    missing = live.post(address, content="v=0", headers=kind)
    assert (missing.status_code, code_of(missing)) == (401, "token.missing")
    assert missing.headers["www-authenticate"].startswith("Bearer")
    forged = live.post(address, content="v=0", headers=kind | {"Authorization": "Bearer x.y.z"})
    assert (forged.status_code, code_of(forged)) == (401, "token.invalid")
    stale = factories.bearer(keys, scene.teacher, minutes=-1)
    expired = live.post(address, content="v=0", headers=kind | stale)
    assert (expired.status_code, code_of(expired)) == (401, "token.expired")


def publishing_grant(keys: Keys, scene: Scene, person: Person) -> dict[str, str]:
    """The headers of an offer to publish `main`, with a grant that names this person."""
    grant = issue_grant(
        keys,
        lesson_id=scene.lesson_id,
        stream="main",
        direction="publish",
        holder=Holder(HolderKind.PERSON, person.id),
        until=datetime.now(UTC) + timedelta(minutes=5),
    )
    return {"Authorization": f"Bearer {grant}", "Content-Type": "application/sdp"}


def test_a_grant_opens_its_own_stream_in_its_own_direction_only(
    live: TestClient, scene: Scene, keys: Keys, offer: str
) -> None:
    headers = publishing_grant(keys, scene, scene.teacher)
    assert live.post(scene.whip("main"), content=offer, headers=headers).status_code == 201
    for address in (scene.whip("board"), scene.whep("main"), f"/whip/{scene.tomorrow_id}/main"):
        refused = live.post(address, content=offer, headers=headers)
        assert (refused.status_code, code_of(refused)) == (403, "grant.elsewhere")


def test_a_grant_gives_nobody_more_than_their_part(
    live: TestClient, scene: Scene, keys: Keys, offer: str
) -> None:
    headers = publishing_grant(keys, scene, scene.stranger)
    assert live.post(scene.whip(), content=offer, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/whip/not-a-lesson/main", "lesson.not_found"),
        ("/whip/00000000-0000-4000-8000-000000000000/main", "lesson.not_found"),
        ("/whip/{lesson}/attic", "stream.unknown"),
        ("/whep/{lesson}/site-NOWHERE", "stream.unknown"),
    ],
)
def test_unknown_lessons_and_streams(
    live: TestClient, scene: Scene, keys: Keys, address: str, code: str
) -> None:
    address = address.replace("{lesson}", str(scene.lesson_id))
    answer = live.post(address, content="v=0", headers=sdp_headers(keys, scene.teacher))
    assert (answer.status_code, code_of(answer)) == (404, code)


def test_outside_the_lessons_time_the_answer_has_the_times(
    live: TestClient, scene: Scene, keys: Keys, offer: str
) -> None:
    address = f"/whip/{scene.tomorrow_id}/main"
    answer = live.post(address, content=offer, headers=sdp_headers(keys, scene.teacher))
    assert (answer.status_code, code_of(answer)) == (409, "lesson.not_on_air")
    times = [
        datetime.fromisoformat(answer.json()[name])
        for name in ("opens_at", "starts_at", "ends_at", "closes_at")
    ]
    assert times == sorted(times)
    assert times[0] > datetime.now(UTC)


# --- ICE servers ---


def test_media_clients_are_told_of_turn_servers_as_pages_are(
    live: TestClient, scene: Scene, keys: Keys, offer: str, turn: IceServers
) -> None:
    address = f"/api/v1/lessons/{scene.lesson_id}/join"
    told = live.get(address, headers=factories.bearer(keys, scene.teacher)).json()["ice_servers"]
    links = link_headers(IceServer.model_validate(server) for server in told)
    assert len(links) == 3
    site = scene.site_streams[0]
    for door in (scene.whip(), scene.whep(site)):
        answer = live.post(door, content=offer, headers=sdp_headers(keys, scene.teacher))
        assert answer.status_code == 201
        assert answer.headers.get_list("link") == links  # one header each (RFC 9725 §4.6)
        assert "Link" in answer.headers["access-control-expose-headers"]


def test_only_who_gets_in_is_told_of_turn_servers(
    live: TestClient, scene: Scene, keys: Keys, offer: str, turn: IceServers
) -> None:
    for answer in (
        live.options(scene.whep()),
        live.post(scene.whep(), content=offer, headers={"Content-Type": "application/sdp"}),
        live.post(scene.whep(), content=offer, headers=sdp_headers(keys, scene.stranger)),
        live.post(scene.whep(), content="v=0", headers=sdp_headers(keys, scene.assistant)),
    ):
        assert "link" not in answer.headers


def test_without_turn_servers_there_are_no_links(published: Response) -> None:
    assert "link" not in published.headers


# --- bad bodies ---


def test_bodies_that_are_no_offers_say_what_to_change(
    live: TestClient, scene: Scene, keys: Keys, offer: str
) -> None:
    headers = sdp_headers(keys, scene.teacher)
    no_codec = re.sub(r" (VP8|H264|opus|PCMU|PCMA|G722|rtx)/", " odd/", offer)
    expected = [
        (b"", headers, 400, "offer.malformed"),
        (b"hello", headers, 400, "offer.malformed"),
        (b"\xff\xfe\x00", headers, 400, "offer.malformed"),
        (offer.encode(), headers | {"Content-Type": "application/json"}, 415, "body.wrong_type"),
        (offer.encode(), headers | {"Content-Type": ""}, 415, "body.wrong_type"),
        (b"v=0\r\n" + b"a" * MAX_BODY_BYTES, headers, 413, "offer.too_large"),
        (no_codec.encode(), headers, 406, "offer.no_common_codec"),
    ]
    for body, with_headers, status, code in expected:
        answer = live.post(scene.whip(), content=body, headers=with_headers)
        assert (answer.status_code, code_of(answer)) == (status, code), body[:20]
        assert len(answer.json()["detail"]) > 20
    wrong_type = live.post(scene.whip(), content=offer, headers=headers | {"Content-Type": "text/plain"})
    assert wrong_type.headers["accept-post"] == "application/sdp"


def test_a_content_type_with_parameters_is_fine(
    live: TestClient, scene: Scene, keys: Keys, offer: str
) -> None:
    headers = sdp_headers(keys, scene.teacher) | {"Content-Type": "Application/SDP; charset=utf-8"}
    assert live.post(scene.whip(), content=offer, headers=headers).status_code == 201


# --- who publishes ---


def test_a_second_publisher_is_refused_unless_it_is_the_same_person(
    live: TestClient, published: Response, scene: Scene, keys: Keys, offer: str, session: Session
) -> None:
    # Two who both have the right to a stream and keep it, so that no review ends anything.
    colleague = factories.person(session, scene.county.sites[0].unit, Role.SITE_ASSISTANT)
    session.commit()
    site = scene.whip(scene.site_streams[0])
    assert live.post(site, content=offer, headers=sdp_headers(keys, scene.assistant)).status_code == 201
    refused = live.post(site, content=offer, headers=sdp_headers(keys, colleague))
    assert (refused.status_code, code_of(refused)) == (409, "stream.taken")
    mine = sdp_headers(keys, scene.teacher)
    refused = live.post(scene.whip(), content=offer, headers={**mine, "If-None-Match": "*"})
    assert (refused.status_code, code_of(refused)) == (412, "stream.taken")
    again = live.post(scene.whip(), content=offer, headers=mine)
    assert again.status_code == 201
    replaced = live.delete(published.headers["location"])
    assert (replaced.status_code, code_of(replaced)) == (410, "session.replaced")
    assert live.delete(again.headers["location"]).status_code == 200
    free = live.post(scene.whip(), content=offer, headers={**mine, "If-None-Match": "*"})
    assert free.status_code == 201


# --- the session URL ---


def test_patch_wants_to_know_which_ice_session_is_meant(
    live: TestClient, published: Response, offer: str
) -> None:
    address, etag = published.headers["location"], published.headers["etag"]
    lines = [line for line in offer.splitlines() if line.startswith(("a=ice-ufrag", "a=ice-pwd"))][:2]
    candidate = "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host"
    fragment = "\r\n".join([*lines, "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", candidate, ""])
    kind = {"Content-Type": FRAGMENT}

    missing = live.patch(address, content=fragment, headers=kind)
    assert (missing.status_code, code_of(missing)) == (428, "session.etag_missing")
    stale = live.patch(address, content=fragment, headers=kind | {"If-Match": '"old"'})
    assert (stale.status_code, code_of(stale)) == (412, "session.etag_stale")
    wrong = live.patch(
        address, content=fragment, headers={"Content-Type": "application/sdp", "If-Match": etag}
    )
    assert (wrong.status_code, code_of(wrong)) == (415, "body.wrong_type")
    assert wrong.headers["accept-patch"] == FRAGMENT

    trickled = live.patch(address, content=fragment, headers=kind | {"If-Match": etag})
    assert trickled.status_code == 204
    assert "etag" not in trickled.headers

    fresh = fragment.replace(lines[0], "a=ice-ufrag:fresh123").replace(lines[1], "a=ice-pwd:" + "x" * 24)
    restarted = live.patch(address, content=fresh, headers=kind | {"If-Match": "*"})
    assert restarted.status_code == 200
    assert restarted.headers["content-type"].startswith(FRAGMENT)
    assert "a=ice-pwd:" in restarted.text
    assert restarted.headers["etag"] != etag
    late = live.patch(address, content=fragment, headers=kind | {"If-Match": etag})
    assert late.status_code == 412


def test_whoever_knows_the_session_url_may_hang_up_once(
    live: TestClient, published: Response, scene: Scene
) -> None:
    address = published.headers["location"]
    assert live.delete(address.replace("/whip/", "/whep/")).status_code == 404
    ended = live.delete(address, headers={"If-Match": '"anything"'})
    assert ended.status_code == 200
    again = live.delete(address)
    assert (again.status_code, code_of(again)) == (404, "session.unknown")
    assert live.patch(address, headers={"Content-Type": FRAGMENT}).status_code == 404


def test_methods_kept_for_the_future_are_refused(live: TestClient, published: Response, scene: Scene) -> None:
    for address, allow in (
        (scene.whip(), "OPTIONS, POST"),
        (scene.whep(), "OPTIONS, POST"),
        (published.headers["location"], "DELETE, OPTIONS, PATCH"),
    ):
        for method in ("GET", "HEAD", "PUT"):
            answer = live.request(method, address)
            assert (answer.status_code, answer.headers["allow"]) == (405, allow)


def test_pages_of_other_origins_may_call(live: TestClient, scene: Scene) -> None:
    preflight = live.options(
        scene.whep(), headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["accept-post"] == "application/sdp"
    refused = live.post(scene.whep(), content="v=0", headers={"Content-Type": "application/sdp"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "Location" in refused.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in live.get("/api/v1/me").headers


# --- the end ---


def test_a_cancelled_lesson_loses_its_media(
    app: FastAPI, live: TestClient, published: Response, scene: Scene, session_factory: SessionFactory
) -> None:
    with session_factory.begin() as session:
        lesson = lessons.get_lesson(session, scene.lesson_id)
        lesson.state, lesson.sequence = LessonState.CANCELLED, 1
    assert live.portal is not None
    live.portal.call(sweep, app.state.coordinator, app.state.rights, session_factory, datetime.now(UTC))
    answer = live.delete(published.headers["location"])
    assert (answer.status_code, code_of(answer)) == (410, "lesson.over")


def test_media_end_when_the_lesson_closes(
    app: FastAPI, live: TestClient, published: Response, scene: Scene, session_factory: SessionFactory
) -> None:
    assert live.portal is not None
    later = datetime.now(UTC) + timedelta(hours=3)
    live.portal.call(sweep, app.state.coordinator, app.state.rights, session_factory, datetime.now(UTC))
    live.portal.call(
        sweep,
        app.state.coordinator,
        app.state.rights,
        session_factory,
        later,
    )
    assert live.delete(published.headers["location"]).status_code == 410
