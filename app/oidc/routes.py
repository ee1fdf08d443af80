"""HTTP of sign-in by the provider: two addresses that browsers are sent to, and the code that may be owed."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.accounts import cookies
from app.accounts.browsers import Circumstances
from app.accounts.page_sign_in import let_in
from app.accounts.schemas import SignedIn
from app.accounts.sign_in import require_code
from app.database import address_of
from app.errors import (
    BadRequest,
    Forbidden,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    no_such_address,
    responses,
)
from app.oidc import attempts
from app.oidc.attempts import COOKIE, LIFE, Attempt
from app.oidc.logout import LONGEST_TOKEN, NotALogout
from app.oidc.provider import ProviderDown, TokenRefused
from app.oidc.rules import Outcome
from app.oidc.schemas import OwedCode
from app.oidc.welcome import BACK, SIGN_OUT, Answer, ProviderDesk

router = APIRouter(tags=["accounts"])
_Part = Annotated[str, Query(max_length=4096)]
_FAILED = "/#failed="


@router.get("/sign-in/provider", include_in_schema=False)
async def leave(request: Request) -> Response:
    """Send the browser to the provider, with what it takes to know it again in a cookie."""
    desk: ProviderDesk | None = request.app.state.provider_desk
    if desk is None:
        return no_such_address()
    attempt = Attempt.new()
    address = await desk.address_for(attempt)
    if address is None:
        return _to(_FAILED + Outcome.UNAVAILABLE)
    response = _to(address)
    written = attempts.written(request.app.state.keys, attempt, datetime.now(UTC))
    cookies.hand_out_brief(request, response, COOKIE, written, LIFE)
    return response


@router.get(BACK, include_in_schema=False)
async def come_back(
    request: Request, state: _Part = "", code: _Part = "", error: _Part = "", iss: _Part = ""
) -> Response:
    """Where the provider sends the browser: on to the pages, or to the sign-in page with a word why not."""
    desk: ProviderDesk | None = request.app.state.provider_desk
    if desk is None:
        return no_such_address()
    now = datetime.now(UTC)
    answer = Answer(state, code, error, iss)
    attempt = attempts.recognised(request.app.state.keys, cookies.brief(request, COOKIE), now)
    done = await desk.welcome(attempt, answer, address_of(request), now)
    connecting = attempt is not None and attempt.person_id is not None
    outcome, person_id = done.arrival.outcome, done.arrival.person_id
    if outcome is Outcome.CODE_NEEDED and person_id is not None:
        response = _to("/#code")
        owed = attempts.halfway(request.app.state.keys, person_id, done.sid, now)
        cookies.hand_out_brief(request, response, COOKIE, owed, LIFE)
        return response
    if outcome is not Outcome.ACCEPTED or person_id is None:
        response = _to(("/access#failed=" if connecting else _FAILED) + outcome)
    elif connecting:
        response = _to("/access#connected")
    else:
        response = _to("/")
        how = Circumstances(second_factor=done.second_factor, by_provider=True, provider_sid=done.sid)
        still = desk.still_in_there(person_id, done.sid, now)
        try:
            signed_in = await let_in(request, response, person_id, now, how, still)
            response.headers["Location"] = f"/#as={signed_in.sign_in}"
        except Unauthenticated:
            await desk.turn_away("signed_out", address_of(request))
            response = _to(_FAILED + Outcome.REFUSED)
    cookies.take_back(request, response, COOKIE)
    return response


@router.post(SIGN_OUT, include_in_schema=False)
async def sign_out(
    request: Request, logout_token: Annotated[str, Form(max_length=LONGEST_TOKEN)] = ""
) -> Response:
    """What the provider calls when somebody signs out there (OpenID Connect Back-Channel Logout 1.0 §2.5)."""
    desk: ProviderDesk | None = request.app.state.provider_desk
    if desk is None:
        return no_such_address()
    try:
        await desk.sign_out(logout_token, address_of(request), datetime.now(UTC))
    except ProviderDown:
        raise Unavailable("provider.unavailable", "Not now", "The provider's keys cannot be had.") from None
    except (NotALogout, TokenRefused) as error:
        raise BadRequest(
            "logout.refused",
            "Logout token refused",
            f"This logout token does not count: {error.why}.",
            error="invalid_request",  # §2.8
        ) from None
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


@router.post(
    "/api/v1/session/code",
    status_code=201,
    summary="Give the code that a page owes",
    responses=responses(Unauthenticated, Forbidden, TooManyRequests),
)
async def give_code(body: OwedCode, request: Request, response: Response) -> SignedIn:
    """Sign a page in for whose person the identity provider vouched a moment ago, and who has a second factor here."""
    cookies.require_own_origin(request)
    now = datetime.now(UTC)
    desk: ProviderDesk | None = request.app.state.provider_desk
    owing = attempts.who_is_halfway(request.app.state.keys, cookies.brief(request, COOKIE), now)
    if owing is None or desk is None:
        raise Unauthenticated("sign_in.not_begun", "Not begun", "Sign in by the identity provider first.")
    await require_code(request.app.state.door, owing.person_id, body.code, address_of(request))
    how = Circumstances(by_provider=True, provider_sid=owing.sid)
    still = desk.still_in_there(owing.person_id, owing.sid, owing.vouched_at)
    try:
        signed_in = await let_in(request, response, owing.person_id, now, how, still)
    except Unauthenticated:
        await desk.turn_away("signed_out", address_of(request))
        raise
    cookies.take_back(request, response, COOKIE)
    return signed_in


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
