"""HTTP of tokens: signing programs in and out (RFC 6749, RFC 7009), and access tokens for scripts."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.concurrency import run_in_threadpool

from app.accounts import access_tokens, families, service
from app.accounts.devices import device_of
from app.accounts.families import Given, Turned
from app.accounts.gates import may
from app.accounts.models import Person
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.accounts.scopes import ACCESS_TOKEN
from app.accounts.sign_in import Door, sign_in
from app.accounts.token_schemas import AccessTokenOut, MintedToken, NewAccessToken, Token, TokenForm
from app.accounts.tokens import TokenKind, read
from app.database import CALLER_ADDRESS, SessionDep, address_of
from app.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    responses,
)
from app.keys import Keys
from app.schemas import Page
from app.settings import Settings

router = APIRouter(prefix="/api/v1", tags=["accounts"])


@router.post(
    "/token",
    summary="Sign in",
    responses=responses(BadRequest, Unauthenticated, TooManyRequests, Unavailable),
)
async def token(
    request: Request,
    response: Response,
    form: Annotated[TokenForm, Form()],
) -> Token:
    """Exchange a login and a password (OAuth 2.0 password form), or a refresh token, for a bearer token.

    Each refresh token is good once: the answer holds the next one. One that is sent again ends the whole sign-in.
    """
    door: Door = request.app.state.door
    settings: Settings = request.app.state.settings
    address = address_of(request)
    if form.grant_type == "refresh_token" and form.refresh_token:
        turned = await run_in_threadpool(_turn, door, form.refresh_token, address)
    elif form.grant_type == "password" and form.username and form.password:
        person = await sign_in(door, form.username, form.password, address, form.code)
        life = timedelta(hours=settings.refresh_hours)
        device = device_of(request.headers.get("user-agent", ""))
        turned = await run_in_threadpool(_begin, door, person, life, device, address)
    else:
        raise _unusable(form.grant_type)
    response.headers["Cache-Control"] = "no-store"  # RFC 6749 §5.1
    return _answer(door.keys, turned, settings.token_minutes)


@router.post("/token/revoke", summary="Sign a program out", responses=responses())
def revoke(request: Request, session: SessionDep, token: Annotated[str, Form(max_length=4096)]) -> None:
    """End a sign-in by its refresh or bearer token, or an access token by itself (RFC 7009).

    The answer is the same for a token that nobody knows.
    """
    if token.startswith(ACCESS_TOKEN):
        access_tokens.revoke_shown(session, token)
        return
    family = families.family_of(token) or _family_of_bearer(request.app.state.keys, token)
    if family is not None:
        families.end_family(session, family)


@router.post(
    "/me/access-tokens",
    status_code=201,
    summary="Make an access token",
    responses=responses(Unauthenticated, Forbidden, Conflict, Invalid),
)
def mint(
    body: NewAccessToken,
    response: Response,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ACCESS_TOKEN_MINT)],
) -> MintedToken:
    """Make a token for a script: for some actions, until some day, shown this once.

    It never opens more than one may open oneself when it is used, and no password or other token can be had with it.
    """
    now = datetime.now(UTC)
    made = access_tokens.mint(session, principal, body.name, body.scopes, body.expires_at, now)
    response.headers["Cache-Control"] = "no-store"
    return MintedToken(**AccessTokenOut.of(made.row).model_dump(), token=made.secret)


@router.get(
    "/me/access-tokens", summary="List access tokens", responses=responses(Unauthenticated, Forbidden)
)
def list_access_tokens(
    session: SessionDep, principal: Annotated[Principal, may(Action.ACCESS_TOKEN_LIST)]
) -> Page[AccessTokenOut]:
    """One's own access tokens, the newest first."""
    rows = access_tokens.list_own(session, principal)
    return Page(items=[AccessTokenOut.of(row) for row in rows], next=None)


@router.delete(
    "/me/access-tokens/{access_token_id}",
    status_code=204,
    summary="Revoke an access token",
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def revoke_access_token(
    access_token_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ACCESS_TOKEN_REVOKE)],
) -> None:
    """End one of one's own access tokens at once."""
    access_tokens.revoke(session, principal, access_token_id)


def _begin(door: Door, person: Person, life: timedelta, device: str, address: str) -> Turned:
    now = datetime.now(UTC)
    with door.factory.begin() as session:
        return Turned(
            person, families.open_family(session, person.id, life, now, device=device, address=address)
        )


def _turn(door: Door, token: str, address: str) -> Turned:
    with door.factory.begin() as session:
        session.info[CALLER_ADDRESS] = address
        turned = families.turn(session, token, datetime.now(UTC))
    if turned is None:  # only now: its family's end is committed
        door.attempts.labels("replayed").inc()
        raise families.refused()
    return turned


def _answer(keys: Keys, turned: Turned, minutes: int) -> Token:
    given: Given = turned.given
    now = datetime.now(UTC)
    life = min(timedelta(minutes=minutes), given.expires_at - now)
    return Token(
        access_token=service.issue_person_token(
            keys, turned.person, life / timedelta(minutes=1), now, family_id=given.family_id
        ),
        expires_in=int(life.total_seconds()),
        refresh_token=given.token,
        refresh_expires_in=int((given.expires_at - now).total_seconds()),
        must_change_password=turned.person.must_change_password,
    )


def _family_of_bearer(keys: Keys, token: str) -> uuid.UUID | None:
    try:
        family = read(keys, TokenKind.PERSON, token, now=datetime.now(UTC)).get("fam")
    except Unauthenticated:
        return None  # nothing to end: it is none of ours, or is over already
    return uuid.UUID(family) if family is not None else None


def _unusable(grant_type: str) -> BadRequest:
    if grant_type in ("password", "refresh_token"):
        return BadRequest(
            "token.incomplete",
            "Incomplete form",
            "Send `username` and `password`, or `grant_type=refresh_token` and `refresh_token`.",
            error="invalid_request",  # RFC 6749 §5.2
        )
    return BadRequest(
        "token.grant_type",
        "Unknown kind of sign-in",
        "`grant_type` is `password` or `refresh_token`.",
        error="unsupported_grant_type",
    )
