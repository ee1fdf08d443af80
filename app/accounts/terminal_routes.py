"""HTTP of room terminals: pairing, looking after them, and their proof of themselves."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

import segno
from fastapi import APIRouter, Request, Response

from app.accounts import terminals
from app.accounts.door_limits import DoorLimits, Knock
from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.accounts.terminal_schemas import (
    Approval,
    Challenge,
    NewTerminal,
    Proof,
    TerminalCode,
    TerminalOut,
    TerminalQuestion,
    TerminalRoom,
    TerminalSession,
    TerminalWait,
)
from app.database import SessionDep, address_of, reading
from app.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    responses,
)
from app.guard.addresses import network_of
from app.schemas import Page, PageAfter, PageLimit, bad_cursor, decode_cursor, encode_cursor

router = APIRouter(prefix="/api/v1", tags=["terminals"])


def _limits(request: Request) -> DoorLimits:
    limits: DoorLimits = request.app.state.door_limits
    return limits


@router.post(
    "/terminal-pairings",
    status_code=201,
    summary="Ask to be a terminal",
    responses=responses(Invalid, TooManyRequests, Unavailable),
)
def start_pairing(body: NewTerminal, request: Request, response: Response) -> TerminalCode:
    """A device shows the code it gets here; an administrator lets it in within ten minutes."""
    _limits(request).knock(Knock.PAIRING, network_of(address_of(request)))
    with request.app.state.session_factory.begin() as session:
        waiting = terminals.start_pairing(session, body.public_key, datetime.now(UTC))
    url = f"{request.app.state.settings.public_url}/terminals#code={waiting.code}"
    response.headers["Cache-Control"] = "no-store"
    return TerminalCode(
        code=waiting.code,
        secret=waiting.secret,
        approve_url=url,
        qr=segno.make(url, error="m", micro=False).svg_data_uri(scale=8, border=2, light="white"),
        expires_at=waiting.expires_at,
    )


@router.post(
    "/terminal-pairings/state", summary="Ask how a pairing goes", responses=responses(NotFound, Invalid)
)
def pairing_state(body: TerminalQuestion, request: Request) -> TerminalWait:
    """Whether somebody has let the device in; the secret is in the body, so that no log has it."""
    with reading(request.app.state.session_factory) as session:
        found = terminals.pairing_of(session, body.secret, datetime.now(UTC))
        return TerminalWait(terminal_id=found.terminal_id)


@router.post(
    "/terminals",
    status_code=201,
    summary="Let a terminal in",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, TooManyRequests),
)
def add_terminal(
    body: Approval,
    request: Request,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.TERMINAL_ADD)],
) -> TerminalOut:
    """Make the device that shows this code the terminal of a main classroom or a receiving room one administers."""
    _limits(request).knock(Knock.CODE, str(principal.person_id))
    made = terminals.pair(session, principal, body.code, body.room_id, datetime.now(UTC))
    return TerminalOut.of(made, made.name)


def _start(after: str) -> uuid.UUID:
    try:
        return uuid.UUID(decode_cursor(after, 1)[0])
    except ValueError:
        raise bad_cursor() from None


@router.get("/terminals", summary="List terminals", responses=responses(Unauthenticated, Forbidden, Invalid))
def list_terminals(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.TERMINAL_LIST)],
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[TerminalOut]:
    """The terminals of rooms one administers, but for those that were removed."""
    start = _start(after) if after else None
    found, more = terminals.list_terminals(session, principal, start, limit)
    names = terminals.room_names(session, found)
    return Page(
        items=[TerminalOut.of(each, names[each.room_id]) for each in found],
        next=encode_cursor(str(found[-1].id)) if more else None,
    )


@router.post(
    "/terminals/{terminal_id}/remove",
    summary="Remove a terminal",
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def remove_terminal(
    terminal_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.TERMINAL_REMOVE)],
) -> TerminalOut:
    """Shut a device out: what it shows ends within five seconds, and it can come back only by another pairing."""
    removed = terminals.remove(session, principal, terminal_id, datetime.now(UTC))
    return TerminalOut.of(removed, terminals.room_names(session, [removed])[removed.room_id])


# --- the device itself --------------------------------------------------------------------------------------


@router.post("/terminals/{terminal_id}/challenge", summary="Ask for a challenge")
def challenge(terminal_id: uuid.UUID, request: Request, response: Response) -> Challenge:
    """What the terminal has to sign to get a session."""
    response.headers["Cache-Control"] = "no-store"
    return Challenge(challenge=terminals.challenge(request.app.state.keys, terminal_id, datetime.now(UTC)))


@router.post(
    "/terminals/{terminal_id}/session",
    summary="Begin a terminal's session",
    responses=responses(Unauthenticated, Invalid, TooManyRequests),
)
def begin_session(
    terminal_id: uuid.UUID, body: Proof, request: Request, response: Response
) -> TerminalSession:
    """A bearer token for fifteen minutes, for the device that holds the key."""
    _limits(request).knock(Knock.PROOF, str(terminal_id))
    response.headers["Cache-Control"] = "no-store"
    state = request.app.state
    with state.session_factory.begin() as session:
        proven = terminals.prove(
            session, state.keys, terminal_id, body.challenge, body.signature, datetime.now(UTC)
        )
    facts = proven.room
    room = TerminalRoom(id=facts.id, kind=facts.kind, name=facts.name, time_zone=proven.time_zone)
    return TerminalSession(access_token=proven.token, expires_at=proven.until, room=room)
