"""Pairings over REST."""

from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.keys import Keys
from app.pairings.models import Pairing
from app.pairings.rules import PairingState
from app.schools.models import OrgUnit, Room
from app.schools.rules import RoomKind
from tests import factories

Header = dict[str, str]


@pytest.fixture
def county(session: Session) -> OrgUnit:
    return factories.county(session)


@pytest.fixture
def main_room(session: Session, county: OrgUnit) -> Room:
    return factories.room(session, factories.school(session, county))


@pytest.fixture
def receiving_room(session: Session, county: OrgUnit) -> Room:
    return factories.room(session, factories.teaching_site(session, county), RoomKind.RECEIVING)


@pytest.fixture
def bureau(session: Session, keys: Keys, county: OrgUnit, main_room: Room, receiving_room: Room) -> Header:
    admin = factories.person(session, county, Role.BUREAU_ADMIN)
    session.commit()
    return factories.bearer(keys, admin)


def body(main_room: Room, receiving_room: Room, **changes: Any) -> dict[str, Any]:
    wanted = {
        "main_room_id": str(main_room.id),
        "receiving_room_id": str(receiving_room.id),
        "subjects": ["Music", "English"],
        "valid_from": "2026-09-01",
        "valid_to": "2027-01-31",
    }
    return wanted | changes


def post(client: TestClient, header: Header, wanted: dict[str, Any]) -> tuple[int, Any]:
    answer = client.post("/api/v1/pairings", headers=header, json=wanted)
    return answer.status_code, answer.json()


def test_a_pairing_made_is_active_and_can_be_fetched_and_listed(
    client: TestClient, bureau: Header, main_room: Room, receiving_room: Room
) -> None:
    status, made = post(client, bureau, body(main_room, receiving_room))
    assert status == 201
    assert (made["capacity"], made["subjects"], made["accepted_by"]) == (
        3,
        ["English", "Music"],
        ["main", "site"],
    )
    assert client.get(f"/api/v1/pairings/{made['id']}", headers=bureau).json() == made
    assert client.get("/api/v1/pairings?on=2027-01-31", headers=bureau).json()["items"] == [made]
    for name in (main_room.name.upper(), receiving_room.name[2:]):
        assert client.get(f"/api/v1/pairings?name={name}", headers=bureau).json()["items"] == [made]
    for nothing in (
        "on=2027-02-01",
        "name=%25",
        "name=nowhere",
        f"main_room_id={receiving_room.id}",
        f"receiving_room_id={main_room.id}",
    ):
        assert client.get(f"/api/v1/pairings?{nothing}", headers=bureau).json()["items"] == []


def test_pairings_come_in_pages(
    client: TestClient, bureau: Header, main_room: Room, receiving_room: Room
) -> None:
    for year in (2028, 2026, 2027):
        days = {"valid_from": f"{year}-01-01", "valid_to": f"{year}-12-31"}
        assert post(client, bureau, body(main_room, receiving_room, **days))[0] == 201
    first = client.get("/api/v1/pairings?limit=2", headers=bureau).json()
    second = client.get(f"/api/v1/pairings?limit=2&after={first['next']}", headers=bureau).json()
    assert [each["valid_from"][:4] for each in first["items"] + second["items"]] == ["2026", "2027", "2028"]
    assert second["next"] is None
    for cursor in ("x", "WyJhIiwiYiJd", first["next"][:-4]):
        answer = client.get(f"/api/v1/pairings?after={cursor}", headers=bureau)
        assert (answer.status_code, answer.json()["code"]) == (422, "page.bad_cursor")


def test_the_same_rooms_have_one_agreement_at_a_time_for_a_subject(
    client: TestClient, bureau: Header, main_room: Room, receiving_room: Room, session: Session
) -> None:
    _, first = post(client, bureau, body(main_room, receiving_room))
    colliding: list[dict[str, Any]] = [
        {},
        {"subjects": []},
        {"subjects": ["Music"], "valid_from": "2027-01-31"},
    ]
    for changes in colliding:
        status, refused = post(client, bureau, body(main_room, receiving_room, **changes))
        assert (status, refused["code"], refused["pairing_id"]) == (409, "pairing.exists", first["id"])
    later = {"valid_from": "2027-02-01", "valid_to": "2027-06-30"}
    assert post(client, bureau, body(main_room, receiving_room, **later))[0] == 201
    assert post(client, bureau, body(main_room, receiving_room, subjects=["Art"]))[0] == 201
    for pairing in session.query(Pairing):
        pairing.state, pairing.stopped_from = PairingState.ENDED, pairing.valid_from
    session.commit()
    assert post(client, bureau, body(main_room, receiving_room))[0] == 201


def test_rooms_and_days_must_fit(
    client: TestClient, bureau: Header, main_room: Room, receiving_room: Room
) -> None:
    nowhere = "00000000-0000-0000-0000-000000000000"
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"main_room_id": str(receiving_room.id)}, 422, "pairing.not_a_main_room"),
        ({"receiving_room_id": str(main_room.id)}, 422, "pairing.not_a_receiving_room"),
        ({"receiving_room_id": nowhere}, 404, "room.not_found"),
        ({"valid_to": "2026-08-31"}, 422, "pairing.days_reversed"),
        ({"capacity": 0}, 422, "request.invalid"),
        ({"subjects": [" "]}, 422, "request.invalid"),
        ({"valid_to": "2026-02-30"}, 422, "request.invalid"),
        ({"sites": 3}, 422, "request.invalid"),
    ]
    for changes, status, code in cases:
        answer = post(client, bureau, body(main_room, receiving_room, **changes))
        assert (answer[0], answer[1]["code"]) == (status, code), changes


def test_only_the_bureau_pairs(
    client: TestClient, bureau: Header, main_room: Room, receiving_room: Room, session: Session, keys: Keys
) -> None:
    school = session.get_one(OrgUnit, main_room.org_unit_id)
    admin = factories.bearer(keys, factories.person(session, school, Role.SCHOOL_ADMIN))
    elsewhere = factories.county(session)
    stranger = factories.bearer(keys, factories.person(session, elsewhere, Role.BUREAU_ADMIN))
    far = factories.room(session, factories.teaching_site(session, elsewhere), RoomKind.RECEIVING)
    session.commit()
    wanted = body(main_room, receiving_room)
    assert post(client, {}, wanted)[1]["code"] == "token.missing"
    assert post(client, admin, wanted)[1]["code"] == "access.denied"
    assert post(client, stranger, wanted)[1]["code"] == "room.not_found"
    assert post(client, bureau, body(main_room, far))[1]["code"] == "room.not_found"
    _, made = post(client, bureau, wanted)
    assert client.get(f"/api/v1/pairings/{made['id']}", headers=admin).json() == made
    assert client.get(f"/api/v1/pairings/{made['id']}", headers=stranger).status_code == 404
    assert client.get("/api/v1/pairings", headers=stranger).json()["items"] == []
    assert client.get(f"/api/v1/pairings/{far.id}", headers=bureau).json()["code"] == "pairing.not_found"
