"""HTTP of the second factor."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from app.accounts import factors
from app.accounts.factor_schemas import (
    Code,
    Enrolled,
    OwnPassword,
    RecoveryCodes,
    SecondFactorOut,
)
from app.accounts.factors import Enrolment
from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.accounts.sign_in import Door, guarded, require_own_password
from app.database import SessionDep, address_of
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

router = APIRouter(prefix="/api/v1", tags=["accounts"])
_ON_CODE = responses(Unauthenticated, Forbidden, Conflict, Invalid, TooManyRequests)


@router.get("/me/second-factor", summary="Show one's second factor", responses=responses(Unauthenticated))
def show(
    session: SessionDep, principal: Annotated[Principal, may(Action.SECOND_FACTOR_SHOW)]
) -> SecondFactorOut:
    """Whether one has a second factor, and how many recovery codes are left."""
    return SecondFactorOut.model_validate(factors.standing(session, principal))


@router.post(
    "/me/second-factor",
    status_code=201,
    summary="Begin with a second factor",
    responses=responses(Unauthenticated, Forbidden, Conflict, TooManyRequests, Unavailable),
)
async def begin(
    body: OwnPassword,
    request: Request,
    response: Response,
    principal: Annotated[Principal, may(Action.SECOND_FACTOR_SET)],
) -> Enrolled:
    """Make a secret for an app that shows one-time codes (TOTP, RFC 6238). It counts once a code of it was shown."""
    door: Door = request.app.state.door
    await require_own_password(door, principal, body.password.get_secret_value(), address_of(request))

    def work() -> Enrolment:
        with door.factory.begin() as session:
            return factors.begin(session, door.keys, principal, datetime.now(UTC))

    made = await run_in_threadpool(work)
    response.headers["Cache-Control"] = "no-store"
    return Enrolled(secret=made.secret, address=made.address, picture=made.picture)


@router.post("/me/second-factor/confirm", summary="Confirm the second factor", responses=_ON_CODE)
def confirm(
    body: Code,
    request: Request,
    response: Response,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.SECOND_FACTOR_SET)],
) -> RecoveryCodes:
    """Show a code of the app: from now on signing in takes one. The recovery codes are shown this once."""
    door: Door = request.app.state.door
    with guarded(door, str(principal.person_id), address_of(request)):
        codes = factors.confirm(session, door.keys, principal, body.code, datetime.now(UTC))
    response.headers["Cache-Control"] = "no-store"
    return RecoveryCodes(recovery_codes=list(codes))


@router.post(
    "/me/second-factor/remove", status_code=204, summary="Remove the second factor", responses=_ON_CODE
)
def remove(
    body: Code,
    request: Request,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.SECOND_FACTOR_SET)],
) -> None:
    """Sign in by the password alone from now on; takes a code, or a recovery code."""
    door: Door = request.app.state.door
    with guarded(door, str(principal.person_id), address_of(request)):
        factors.remove(session, door.keys, principal, body.code, datetime.now(UTC))


@router.post(
    "/people/{person_id}/reset-second-factor",
    status_code=204,
    summary="Reset somebody's second factor",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict),
)
def reset(
    person_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_RESET_FACTOR)],
) -> None:
    """Let somebody one looks after, who lost the second factor, sign in by the password alone."""
    factors.reset(session, principal, person_id)
