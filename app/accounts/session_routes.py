"""HTTP of browser sessions: how this server's own pages sign in and out."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from app.accounts import browsers, cookies
from app.accounts.browsers import UNKNOWN, Circumstances
from app.accounts.gates import bearer
from app.accounts.page_sign_in import let_in
from app.accounts.rules import Principal
from app.accounts.schemas import Credentials, SignedIn
from app.accounts.service import authenticate_person
from app.accounts.sign_in import sign_in
from app.database import address_of, reading
from app.errors import Forbidden, TooManyRequests, Unauthenticated, Unavailable, responses

router = APIRouter(prefix="/api/v1/session", tags=["accounts"])


@router.post(
    "",
    status_code=201,
    summary="Sign a page in",
    responses=responses(Unauthenticated, Forbidden, TooManyRequests, Unavailable),
)
async def open_session(
    request: Request,
    response: Response,
    token: Annotated[str | None, Depends(bearer)],
    body: Credentials | None = None,
) -> SignedIn:
    """Exchange a login and a password, or a person's bearer token, for an HttpOnly cookie.

    What a bearer token opened ends with the sign-in that the token is of, and lasts no longer.
    The answer names the sign-in. Send that name as `X-Sign-In` with each request: without it no cookie counts.
    """
    if "origin" in request.headers:
        cookies.require_own_origin(request)
    state = request.app.state
    now = datetime.now(UTC)
    how = UNKNOWN
    if body is not None:
        password = body.password.get_secret_value()
        person_id = (await sign_in(state.door, body.login, password, address_of(request), body.code)).id
    elif token is not None:
        principal = await run_in_threadpool(_bearer_of, request, token)
        person_id, how = principal.person_id, Circumstances(family_id=principal.family_id)
    else:
        raise Unauthenticated(
            "token.missing", "Not signed in", "Send a login and a password, or a bearer token."
        )
    return await let_in(request, response, person_id, now, how)


@router.delete("", status_code=204, summary="Sign a page out", responses=responses(Forbidden))
def end_session(request: Request, response: Response) -> None:
    """End the sign-in that `X-Sign-In` names; all others of the browser go on."""
    name = request.headers.get(cookies.HEADER)
    secret = cookies.secret_of(request, name)
    if name is None or secret is None:
        return
    with request.app.state.session_factory.begin() as session:
        browsers.end_session(session, secret)
    cookies.take_back(request, response, name)


def _bearer_of(request: Request, token: str) -> Principal:
    with reading(request.app.state.session_factory) as session:
        return authenticate_person(session, request.app.state.keys, token, datetime.now(UTC))
