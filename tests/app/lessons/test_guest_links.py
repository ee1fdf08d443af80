"""Guest links: one lesson, one role, so many times, until taken back."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import GuestLink, Person
from app.audit.rules import Act
from app.keys import Keys
from app.lessons.models import Lesson
from app.lessons.rules import LessonState
from tests import counties, factories
from tests.counties import County


@pytest.fixture
def county(session: Session) -> County:
    first_day = counties.tomorrow()
    county = counties.county(session, first_day=first_day, weeks=2)
    county.schedule(session, weekday=first_day.isoweekday())
    session.commit()
    return county


@pytest.fixture
def lesson_ids(session: Session, county: County) -> list[uuid.UUID]:
    ids = select(Lesson.id).where(Lesson.county_id == county.county.id).order_by(Lesson.starts_at)
    found = list(session.scalars(ids))
    session.commit()  # on SQLite nobody else could write
    return found


def invite(client: TestClient, keys: Keys, person: Person, lesson_id: uuid.UUID, **changes: Any) -> Any:
    body = {"role": "observer", "name": "Dr. Smith"} | changes
    return client.post(
        f"/api/v1/lessons/{lesson_id}/guest-links", json=body, headers=factories.bearer(keys, person)
    )


def enter(client: TestClient, url: str) -> Any:
    return client.post("/api/v1/guest-session", json={"secret": url.partition("#")[2]})


@pytest.mark.parametrize(("role", "part"), [("observer", "observer"), ("teacher", "teacher")])
def test_a_guest_is_in_one_lesson_in_one_role_and_nowhere_else(
    client: TestClient, keys: Keys, county: County, lesson_ids: list[uuid.UUID], role: str, part: str
) -> None:
    made = invite(client, keys, county.teacher, lesson_ids[0], role=role)
    assert made.status_code == 201, made.text
    place = enter(client, made.json()["url"])
    assert place.status_code == 201, place.text
    assert (place.json()["lesson_id"], place.json()["role"]) == (str(lesson_ids[0]), role)
    headers = {"Authorization": f"Bearer {place.json()['access_token']}"}
    assert client.get(f"/api/v1/lessons/{lesson_ids[0]}/join", headers=headers).json()["role"] == part
    assert client.get(f"/api/v1/lessons/{lesson_ids[1]}/join", headers=headers).status_code == 404
    listed = client.get("/api/v1/lessons", headers=headers).json()["items"]
    assert [item["id"] for item in listed] == [str(lesson_ids[0])]
    for address in ("/api/v1/me", "/api/v1/rooms", f"/api/v1/lessons/{lesson_ids[0]}/guest-links"):
        assert client.get(address, headers=headers).status_code == 403
    assert client.post("/api/v1/session", headers=headers).status_code == 401


def test_a_link_is_good_as_often_as_its_maker_said(
    client: TestClient, keys: Keys, county: County, lesson_ids: list[uuid.UUID], session: Session
) -> None:
    url = invite(client, keys, county.teacher, lesson_ids[0], uses=2).json()["url"]
    assert [enter(client, url).status_code for _ in range(3)] == [201, 201, 401]
    admin = factories.bearer(keys, county.bureau)
    (link,) = client.get(f"/api/v1/lessons/{lesson_ids[0]}/guest-links", headers=admin).json()["items"]
    assert (link["used"], link["name"]) == (2, "Dr. Smith")
    assert "url" not in link
    secret = url.partition("#")[2]
    assert session.scalars(select(GuestLink)).one().secret_hash != secret
    acts = client.get("/api/v1/audit-events?limit=200", headers=admin)
    assert secret not in acts.text and "Smith" not in acts.text
    noted = [item["act"] for item in acts.json()["items"]]
    assert noted.count(Act.GUEST_ADMITTED) == 2 and noted.count(Act.GUEST_INVITED) == 1


def test_a_link_that_was_taken_back_opens_nothing_any_more(
    client: TestClient, keys: Keys, county: County, lesson_ids: list[uuid.UUID]
) -> None:
    made = invite(client, keys, county.teacher, lesson_ids[0], uses=5).json()
    headers = {"Authorization": f"Bearer {enter(client, made['url']).json()['access_token']}"}
    address = f"/api/v1/guest-links/{made['id']}/revoke"
    assert client.post(address, headers=factories.bearer(keys, county.sites[0].assistant)).status_code == 403
    assert client.post(address, headers=factories.bearer(keys, county.teacher)).status_code == 200
    assert enter(client, made["url"]).json()["code"] == "guest.over"
    refused = client.get(f"/api/v1/lessons/{lesson_ids[0]}/join", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "guest.over")


def test_a_link_ends_with_its_lesson_at_the_latest(
    client: TestClient, keys: Keys, county: County, lesson_ids: list[uuid.UUID], session: Session
) -> None:
    closes_at = client.get(
        f"/api/v1/lessons/{lesson_ids[0]}", headers=factories.bearer(keys, county.teacher)
    ).json()["closes_at"]
    far = (datetime.now(UTC) + timedelta(days=90)).isoformat()
    assert (
        invite(client, keys, county.teacher, lesson_ids[0], expires_at=far).json()["expires_at"] == closes_at
    )
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    refused = invite(client, keys, county.teacher, lesson_ids[0], expires_at=past)
    assert (refused.status_code, refused.json()["code"]) == (422, "guest.ends_in_the_past")
    made = invite(client, keys, county.teacher, lesson_ids[0]).json()
    link = session.get_one(GuestLink, uuid.UUID(made["id"]))
    link.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    session.commit()
    assert enter(client, made["url"]).json()["code"] == "guest.over"
    session.get_one(Lesson, lesson_ids[1]).state = LessonState.ENDED
    session.commit()
    late = invite(client, keys, county.teacher, lesson_ids[1])
    assert (late.status_code, late.json()["code"]) == (409, "lesson.wrong_state")


def test_nobody_guesses_a_link(client: TestClient, county: County) -> None:
    assert enter(client, "/guest#" + "a" * 43).json()["code"] == "guest.over"
    for nonsense in ("", "short", "a" * 44, "é" * 43):
        assert client.post("/api/v1/guest-session", json={"secret": nonsense}).status_code == 422
