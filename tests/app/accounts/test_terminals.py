"""Rooms' screens: shown a code, let in by an administrator, proven by their own key, and nothing beyond their room."""

import base64
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts import device_keys
from app.accounts.models import Person, RoomTerminal, TerminalPairing
from app.accounts.rules import Role
from app.accounts.terminals import ALPHABET
from app.accounts.tokens import TokenKind, sign
from app.audit.rules import Act
from app.errors import Invalid
from app.keys import Keys
from app.schemas import encode_cursor
from app.schools.rules import RoomKind
from tests import counties, factories
from tests.counties import County

MINUTE = timedelta(minutes=1)


class Device:
    """A screen with a key pair of its own, as a browser makes it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        numbers = self.key.public_key().public_numbers()
        return ".".join(_base64url(part.to_bytes(32)) for part in (numbers.x, numbers.y))

    def sign(self, text: str) -> str:
        r, s = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(SHA256())))
        return _base64url(r.to_bytes(32) + s.to_bytes(32))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture
def county(session: Session) -> County:
    first_day = counties.tomorrow()
    county = counties.county(session, first_day=first_day, weeks=1)
    county.schedule(session, weekday=first_day.isoweekday())
    session.commit()
    return county


def ask_in(client: TestClient, device: Device) -> dict[str, Any]:
    answer = client.post("/api/v1/terminal-pairings", json={"public_key": device.public_key})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def let_in(client: TestClient, keys: Keys, admin: Person, code: str, room_id: uuid.UUID) -> Any:
    body = {"code": code, "room_id": str(room_id)}
    return client.post("/api/v1/terminals", json=body, headers=factories.bearer(keys, admin))


def paired(client: TestClient, keys: Keys, county: County, device: Device) -> str:
    made = let_in(client, keys, county.bureau, ask_in(client, device)["code"], county.sites[0].room.id)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def prove(client: TestClient, terminal_id: str, device: Device, challenge: str | None = None) -> Any:
    if challenge is None:
        challenge = client.post(f"/api/v1/terminals/{terminal_id}/challenge").json()["challenge"]
    body = {"challenge": challenge, "signature": device.sign(challenge)}
    return client.post(f"/api/v1/terminals/{terminal_id}/session", json=body)


def bearer(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_from_the_code_on_the_screen_to_the_lesson_of_its_room(
    client: TestClient, keys: Keys, county: County, session: Session
) -> None:
    device = Device()
    waiting = ask_in(client, device)
    assert len(waiting["code"]) == 6 and set(waiting["code"]) <= set(ALPHABET)
    assert waiting["approve_url"].endswith(f"/terminals#code={waiting['code']}")
    assert waiting["qr"].startswith("data:image/svg+xml")
    question = {"secret": waiting["secret"]}
    assert client.post("/api/v1/terminal-pairings/state", json=question).json() == {"terminal_id": None}
    spelled = f"{waiting['code'][:3].lower()} {waiting['code'][3:]}"
    made = let_in(client, keys, county.bureau, spelled, county.sites[0].room.id)
    assert made.status_code == 201, made.text
    terminal_id = made.json()["id"]
    assert client.post("/api/v1/terminal-pairings/state", json=question).json() == {
        "terminal_id": terminal_id
    }

    headers = bearer(prove(client, terminal_id, device))
    (lesson,) = client.get("/api/v1/lessons?mine=true", headers=headers).json()["items"]
    assert str(county.sites[0].room.id) in {site["receiving_room_id"] for site in lesson["sites"]}
    part = client.get(f"/api/v1/lessons/{lesson['id']}/join", headers=headers).json()
    assert part["role"] == "site_assistant"
    assert client.get("/api/v1/me", headers=headers).status_code == 403
    assert client.post("/api/v1/session", headers=headers).status_code == 401

    header = factories.bearer(keys, county.bureau)
    listed = client.get("/api/v1/terminals", headers=header).json()["items"]
    forged = client.get("/api/v1/terminals", headers=header, params={"after": encode_cursor("x")})
    assert (forged.status_code, forged.json()["code"]) == (422, "page.bad_cursor")
    assert [(item["id"], item["last_seen_at"] is not None) for item in listed] == [(terminal_id, True)]
    trail = client.get(
        "/api/v1/audit-events",
        params={"act": Act.TERMINAL_PAIRED},
        headers=factories.bearer(keys, county.bureau),
    )
    assert trail.json()["items"][0]["subject_id"] == terminal_id


def test_a_code_is_good_once_and_for_ten_minutes(
    client: TestClient, keys: Keys, county: County, session: Session
) -> None:
    room_id = county.sites[0].room.id
    code = ask_in(client, Device())["code"]
    assert let_in(client, keys, county.bureau, code, room_id).status_code == 201
    again = let_in(client, keys, county.bureau, code, room_id)
    assert (again.status_code, again.json()["code"]) == (409, "terminal.code_used")
    waiting = ask_in(client, Device())
    for pairing in session.query(TerminalPairing):
        pairing.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    session.commit()
    late = let_in(client, keys, county.bureau, waiting["code"], room_id)
    assert (late.status_code, late.json()["code"]) == (404, "terminal.no_code")
    state = client.post("/api/v1/terminal-pairings/state", json={"secret": waiting["secret"]})
    assert (state.status_code, state.json()["code"]) == (404, "terminal.code_over")


def test_screens_are_for_classrooms_and_let_in_by_those_who_administer_them(
    client: TestClient, keys: Keys, county: County, session: Session
) -> None:
    admin = factories.person(session, county.school, Role.SCHOOL_ADMIN)
    session.commit()
    code = ask_in(client, Device())["code"]
    elsewhere = let_in(client, keys, admin, code, county.sites[0].room.id)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "access.denied")
    recording = factories.room(session, county.school, RoomKind.RECORDING)
    session.commit()
    refused = let_in(client, keys, admin, code, recording.id)
    assert (refused.status_code, refused.json()["code"]) == (422, "terminal.wrong_room")
    assert let_in(client, keys, county.sites[0].assistant, code, county.sites[0].room.id).status_code == 403


def test_only_the_devices_own_key_and_a_fresh_challenge_open_a_session(
    client: TestClient, keys: Keys, county: County
) -> None:
    device, thief = Device(), Device()
    terminal_id = paired(client, keys, county, device)
    challenge = client.post(f"/api/v1/terminals/{terminal_id}/challenge").json()["challenge"]
    assert prove(client, terminal_id, thief, challenge).json()["code"] == "terminal.unproven"
    assert prove(client, terminal_id, device, challenge).status_code == 200
    replayed = prove(client, terminal_id, device, challenge)
    assert (replayed.status_code, replayed.json()["code"]) == (401, "terminal.unproven")
    of_another = client.post(f"/api/v1/terminals/{uuid.uuid4()}/challenge").json()["challenge"]
    assert prove(client, terminal_id, device, of_another).json()["code"] == "terminal.unproven"
    now = datetime.now(UTC)
    claims = {"sub": terminal_id}
    stale = sign(keys, TokenKind.CHALLENGE, claims, now=now - 2 * MINUTE, until=now - MINUTE)
    assert prove(client, terminal_id, device, stale).json()["code"] == "token.expired"
    token = sign(keys, TokenKind.TERMINAL, claims, now=now, until=now + timedelta(minutes=1))
    assert prove(client, terminal_id, device, token).json()["code"] == "token.wrong_kind"
    assert prove(client, str(uuid.uuid4()), device, challenge).json()["code"] == "terminal.removed"


def test_a_removed_screen_is_out_with_whatever_it_holds(
    client: TestClient, keys: Keys, county: County, session: Session
) -> None:
    device = Device()
    terminal_id = paired(client, keys, county, device)
    headers = bearer(prove(client, terminal_id, device))
    admin = factories.bearer(keys, county.bureau)
    removed = client.post(f"/api/v1/terminals/{terminal_id}/remove", headers=admin)
    assert removed.json()["removed_at"] is not None
    refused = client.get("/api/v1/lessons/current", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "terminal.removed")
    assert prove(client, terminal_id, device).json()["code"] == "terminal.removed"
    assert client.get("/api/v1/terminals", headers=admin).json()["items"] == []
    assert session.get_one(RoomTerminal, uuid.UUID(terminal_id)).removed_at is not None


def test_devices_that_knock_without_end_are_slowed_down(
    client: TestClient, keys: Keys, county: County
) -> None:
    terminal_id = paired(client, keys, county, Device())
    body = {"challenge": "x", "signature": "x"}
    answers = [client.post(f"/api/v1/terminals/{terminal_id}/session", json=body) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


@given(st.text(max_size=120) | st.binary(min_size=60, max_size=70).map(_base64url))
def test_no_text_is_a_key_or_a_signature(text: str) -> None:
    with pytest.raises(Invalid):
        device_keys.check(text)
    assert not device_keys.verify(Device().public_key, b"message", text)


@pytest.mark.parametrize("x", ["A" * 43, "_" * 43])
def test_a_point_beside_the_curve_is_no_key(x: str) -> None:
    with pytest.raises(Invalid):
        device_keys.check(f"{x}.{x}")
