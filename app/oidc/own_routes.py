"""HTTP of connecting one's own account with the identity provider."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from app.accounts import cookies
from app.accounts.factor_schemas import OwnPassword
from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.accounts.sign_in import require_own_password
from app.database import CALLER_ADDRESS, SessionDep, address_of
from app.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated, Unavailable, responses
from app.oidc import attempts, service
from app.oidc.attempts import COOKIE, LIFE, Attempt
from app.oidc.schemas import IdentityOut, ProviderAddress
from app.oidc.welcome import ProviderDesk

router = APIRouter(prefix="/api/v1/me", tags=["accounts"])
_ON_CHANGE = responses(Unauthenticated, Forbidden, NotFound, TooManyRequests, Unavailable)


@router.get("/identity", summary="Show one's identity provider", responses=responses(Unauthenticated))
def show(
    request: Request, session: SessionDep, principal: Annotated[Principal, may(Action.IDENTITY_SHOW)]
) -> IdentityOut:
    """Whether there is an identity provider, and whether one's own account is connected with one of its."""
    desk: ProviderDesk | None = request.app.state.provider_desk
    if desk is None:
        return IdentityOut(offered=False, connected_at=None)
    since = service.connected_at(session, principal.person_id, desk.provider.issuer)
    return IdentityOut(offered=True, connected_at=since)


@router.post("/identity", summary="Connect with the identity provider", responses=_ON_CHANGE)
async def connect(
    body: OwnPassword,
    request: Request,
    response: Response,
    principal: Annotated[Principal, may(Action.IDENTITY_SET)],
) -> ProviderAddress:
    """Begin to connect one's account with the provider's. Takes the own password.

    Whoever signs in there next, in this browser, is oneself here.
    """
    desk = _desk_of(request)
    await require_own_password(
        request.app.state.door, principal, body.password.get_secret_value(), address_of(request)
    )
    attempt = Attempt.new(principal.person_id)
    address = await desk.address_for(attempt)
    if address is None:
        raise Unavailable("identity.unavailable", "No answer", "The identity provider does not answer now.")
    written = attempts.written(request.app.state.keys, attempt, datetime.now(UTC))
    cookies.hand_out_brief(request, response, COOKIE, written, LIFE)
    response.headers["Cache-Control"] = "no-store"
    return ProviderAddress(url=address)


@router.post(
    "/identity/remove", status_code=204, summary="Do without the identity provider", responses=_ON_CHANGE
)
async def disconnect(
    body: OwnPassword, request: Request, principal: Annotated[Principal, may(Action.IDENTITY_SET)]
) -> None:
    """Sign in by password only from now on. Takes the own password.

    The roles that the provider gave end at once, and so do the pages that it let in, but for the one that asks.
    """
    desk, door = _desk_of(request), request.app.state.door
    address = address_of(request)
    await require_own_password(door, principal, body.password.get_secret_value(), address)

    def work() -> None:
        with door.factory.begin() as session:
            session.info[CALLER_ADDRESS] = address
            service.disconnect(session, principal, desk.provider.issuer)

    await run_in_threadpool(work)


def _desk_of(request: Request) -> ProviderDesk:
    desk: ProviderDesk | None = request.app.state.provider_desk
    if desk is None:
        raise NotFound("identity.no_provider", "No provider", "No identity provider is set up here.")
    return desk
