"""Use cases of room terminals: a screen shows a code, an administrator lets it in, and from then on its key proves it.

The device makes a key pair of which the private part never leaves it. Each session begins with a challenge of ours that
it signs: whoever copies what travels or lies in the browser's storage has nothing that lasts.
"""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from app.accounts import device_keys, terminal_queries
from app.accounts.models import RoomTerminal, TerminalPairing
from app.accounts.passes import terminal_removed
from app.accounts.permissions import Action
from app.accounts.queries import county_time_zone, units
from app.accounts.reach import Target, require, require_somewhere
from app.accounts.rules import Principal
from app.accounts.tokens import TokenKind, read, sign
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.errors import Conflict, Invalid, NotFound, Unauthenticated, Unavailable
from app.keys import Keys

ALPHABET: Final = "ABCDEFGHJKLMNPQRTUVWXY346789"
"""Letters and digits that nobody takes for each other when they are read from a wall."""
CODE_LENGTH: Final = 6
CODE_LIFE: Final = timedelta(minutes=10)
CHALLENGE_LIFE: Final = timedelta(minutes=1)
SESSION_LIFE: Final = timedelta(minutes=15)
WAITING_AT_MOST: Final = 1_000
WITH_TERMINALS: Final = frozenset({"main", "receiving"})
"""Kinds of room, in the words of the schools domain."""


class Proven(NamedTuple):
    """A device that proved itself: a short token, when that ends, and whose terminal it is."""

    token: str
    until: datetime
    room: terminal_queries.RoomFacts
    time_zone: str


@dataclass(frozen=True)
class Waiting:
    """A device that waits: what it shows, and what it asks with."""

    code: str
    secret: str
    expires_at: datetime


def start_pairing(session: Session, public_key: str, now: datetime) -> Waiting:
    """Note a device that would be a room's terminal; raises `Invalid` for what is no key of P-256."""
    device_keys.check(public_key)
    terminal_queries.forget_pairings(session, now)
    if terminal_queries.count_pairings(session) >= WAITING_AT_MOST:
        raise Unavailable(
            "terminal.too_many", "Too many devices", "Too many devices wait to be paired; try later."
        )
    waiting = Waiting(_new_code(session), secrets.token_urlsafe(32), now + CODE_LIFE)
    pairing = TerminalPairing(
        secret_hash=_hash(waiting.secret),
        code=waiting.code,
        public_key=public_key,
        expires_at=waiting.expires_at,
    )
    session.add(pairing)
    session.flush()
    return waiting


def pairing_of(session: Session, secret: str, now: datetime) -> TerminalPairing:
    """How it goes with a device that waits; raises `NotFound` when its code has run out."""
    found = terminal_queries.pairing_by_secret(session, _hash(secret))
    if found is None or (found.terminal_id is None and found.expires_at <= now):
        raise NotFound(
            "terminal.code_over", "Code over", "This code has run out; the screen shows another one."
        )
    return found


def pair(
    session: Session, principal: Principal, code: str, room_id: uuid.UUID, now: datetime
) -> RoomTerminal:
    """Make the device that shows a code a room's terminal, on behalf of an administrator of the room."""
    room = _room(session, room_id)
    require(principal, Action.TERMINAL_ADD, _target(session, room), _no_room(room_id))
    if room.kind not in WITH_TERMINALS:
        raise Invalid(
            "terminal.wrong_room", "Wrong room", "Terminals are for main classrooms and receiving rooms."
        )
    pairing = terminal_queries.pairing_by_code(session, "".join(code.upper().split()).replace("-", ""))
    if pairing is None or pairing.expires_at <= now:
        raise NotFound("terminal.no_code", "No such code", "No screen shows this code now; read it again.")
    terminal = RoomTerminal(
        county_id=room.county_id,
        room_id=room.id,
        name=room.name,
        public_key=pairing.public_key,
        paired_at=now,
    )
    session.add(terminal)
    session.flush()
    if not terminal_queries.take_pairing(session, pairing.id, terminal.id):
        raise Conflict("terminal.code_used", "Code used", "Somebody has let this screen in a moment ago.")
    _note(session, Act.TERMINAL_PAIRED, principal, terminal, room)
    return terminal


def list_terminals(
    session: Session, principal: Principal, after: uuid.UUID | None, limit: int
) -> tuple[Sequence[RoomTerminal], bool]:
    """The terminals of rooms one administers that were not removed, and whether there are more."""
    within = require_somewhere(principal, Action.TERMINAL_LIST)
    below = None if within.county_id else [unit.path for unit in units(session, within.units).values()]
    found = terminal_queries.terminals_page(session, principal.county_id, below, after, limit + 1)
    return found[:limit], len(found) > limit


def remove(session: Session, principal: Principal, terminal_id: uuid.UUID, now: datetime) -> RoomTerminal:
    """Let a device be a room's terminal no more; its sound and picture end within seconds."""
    missing = NotFound("terminal.not_found", "No such terminal", f"There is no terminal {terminal_id}.")
    terminal = session.get(RoomTerminal, terminal_id)
    if terminal is None:
        raise missing
    room = _room(session, terminal.room_id)
    require(principal, Action.TERMINAL_REMOVE, _target(session, room), missing)
    if terminal.removed_at is None:
        terminal.removed_at = now
        session.flush()
        _note(session, Act.TERMINAL_REMOVED, principal, terminal, room)
    return terminal


# --- a device proves itself ---------------------------------------------------------------------------------


def challenge(keys: Keys, terminal_id: uuid.UUID, now: datetime) -> str:
    """What a device has to sign; it says nothing about whether there is such a terminal."""
    claims = {"sub": str(terminal_id), "nonce": secrets.token_urlsafe(16)}
    return sign(keys, TokenKind.CHALLENGE, claims, now=now, until=now + CHALLENGE_LIFE)


def prove(
    session: Session, keys: Keys, terminal_id: uuid.UUID, given: str, signature: str, now: datetime
) -> Proven:
    """A short token for the device that signed the challenge; raises `Unauthenticated`.

    A challenge is good once: the newest that was met voids all older ones.
    """
    claims = read(keys, TokenKind.CHALLENGE, given, now=now)
    terminal = session.get(RoomTerminal, terminal_id)
    if terminal is None or terminal.removed_at is not None:
        raise terminal_removed()
    genuine = device_keys.verify(terminal.public_key, given.encode(), signature)
    asked_at = datetime.fromtimestamp(claims["iat"], UTC)
    mine = claims["sub"] == str(terminal_id)
    if not (mine and genuine and terminal_queries.meet_challenge(session, terminal_id, asked_at, now)):
        raise Unauthenticated(
            "terminal.unproven", "Not proven", "The signature does not fit; ask for a new challenge."
        )
    until = now + SESSION_LIFE
    token = sign(keys, TokenKind.TERMINAL, {"sub": str(terminal_id)}, now=now, until=until)
    room = _room(session, terminal.room_id)
    return Proven(token, until, room, county_time_zone(session, room.county_id))


def room_names(session: Session, terminals: Sequence[RoomTerminal]) -> dict[uuid.UUID, str]:
    """What the terminals' rooms are called."""
    rooms = terminal_queries.rooms(session, {terminal.room_id for terminal in terminals})
    return {room.id: room.name for room in rooms.values()}


def _new_code(session: Session) -> str:
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        if terminal_queries.pairing_by_code(session, code) is None:
            return code


def _hash(secret: str) -> str:
    # 256 random bits need no salt and no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _room(session: Session, room_id: uuid.UUID) -> terminal_queries.RoomFacts:
    found = terminal_queries.rooms(session, {room_id}).get(room_id)
    if found is None:
        raise _no_room(room_id)
    return found


def _no_room(room_id: uuid.UUID) -> NotFound:
    return NotFound("room.not_found", "No such room", f"There is no room {room_id}.")


def _target(session: Session, room: terminal_queries.RoomFacts) -> Target:
    unit = units(session, {room.org_unit_id})[room.org_unit_id]
    return Target(room.county_id, (unit.org_path,))


def _note(
    session: Session, act: Act, principal: Principal, terminal: RoomTerminal, room: terminal_queries.RoomFacts
) -> None:
    subject = Subject("terminal", terminal.id, room.org_unit_id)
    audit.note(session, act, room.county_id, principal.person_id, subject, after={"room_id": room.id})
