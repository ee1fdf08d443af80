"""HTTP of accounts."""

import time
import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, Query, Request, Response

from app.accounts import given_mail, managing, service
from app.accounts.gates import may
from app.accounts.models import Person
from app.accounts.page_sign_in import renew
from app.accounts.passwords import hash_password, require_strong
from app.accounts.permissions import Action
from app.accounts.rules import Principal, Role
from app.accounts.schemas import Me, NewPerson, PasswordChange, PersonOut, RoleOut, TemporaryPassword
from app.accounts.service import PersonDraft
from app.accounts.sign_in import change_own_password
from app.database import SessionDep, address_of
from app.entity_tags import IfMatch, IfNoneMatch
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
from app.listing import Paging
from app.schemas import SORT, Page, PageAfter, PageLimit

router = APIRouter(prefix="/api/v1", tags=["accounts"])


@router.get("/me", summary="Who am I", responses=responses(Unauthenticated))
async def me(principal: Annotated[Principal, may(Action.ME_SHOW)]) -> Me:
    """The signed-in person with the roles in force today."""
    return Me(
        id=principal.person_id,
        login=principal.login,
        name=principal.name,
        county_id=principal.county_id,
        must_change_password=principal.must_change_password,
        assignments=[
            RoleOut(role=duty.role, org_unit_id=duty.org_unit_id)
            for duty in principal.assignments
            if duty.holds_on(principal.today)
        ],
    )


@router.post(
    "/people",
    status_code=201,
    summary="Admit a person",
    response_model=PersonOut,
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, TooManyRequests),
)
def admit_person(
    body: NewPerson,
    request: Request,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_ADMIT)],
    response: Response,
    later: BackgroundTasks,
) -> Person:
    """Create a person with roles: bureau admins do so in their county, school admins in their school."""
    password = body.password.get_secret_value()
    require_strong(password, body.login, body.name)
    if body.email is not None and request.app.state.postman.works:
        request.app.state.mail_limits.require_of(principal.person_id, None, time.monotonic())
    draft = PersonDraft(
        login=body.login,
        name=body.name,
        password_hash=hash_password(password),  # before the transaction begins, with its first statement
        must_change_password=body.must_change_password,
        email=body.email,
        assignments=tuple(
            (item.role, item.org_unit_id, item.valid_from, item.valid_to) for item in body.assignments
        ),
    )
    person = service.admit_person(session, principal, draft)
    if request.app.state.postman.works:
        for letter in given_mail.welcome(person):
            later.add_task(request.app.state.postman.post, letter)  # after the transaction
    response.headers["Location"] = f"/api/v1/people/{person.id}"
    return person


@router.get("/people", summary="List people", responses=responses(Unauthenticated, Forbidden))
def list_people(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_LIST)],
    role: Annotated[Role | None, Query(description="Only those who have this role, or will")] = None,
    org_unit_id: Annotated[
        uuid.UUID | None, Query(description="Only those with a role at this org unit or below it")
    ] = None,
    name: Annotated[
        str | None,
        Query(min_length=1, max_length=100, description="Only those whose name or login begins so"),
    ] = None,
    active: Annotated[bool | None, Query(description="Only open, or only closed accounts")] = None,
    sort: Annotated[Literal["login", "-login", "name", "-name", "created_at", "-created_at"], SORT] = "login",
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[PersonOut]:
    """The people an administrator looks after, by login unless asked otherwise."""
    page = service.list_people(
        session,
        principal,
        Paging(sort, after, limit),
        role=role,
        org_unit_id=org_unit_id,
        name=name,
        active=active,
    )
    return Page(items=[PersonOut.model_validate(person) for person in page.items], next=page.next)


@router.get(
    "/people/{person_id}",
    summary="Show a person",
    response_model=PersonOut,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def get_person(
    person_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """Oneself, or a person an administrator looks after."""
    return known.answer(PersonOut.model_validate(service.get_person(session, principal, person_id)))


# --- looking after accounts ---------------------------------------------------------------------------------

_ON_MANAGE = responses(Unauthenticated, Forbidden, NotFound, Conflict)


@router.post(
    "/me/password",
    status_code=204,
    summary="Change one's password",
    responses=responses(Unauthenticated, Forbidden, Conflict, Invalid, TooManyRequests, Unavailable),
)
async def change_password(
    body: PasswordChange,
    request: Request,
    response: Response,
    principal: Annotated[Principal, may(Action.PASSWORD_CHANGE)],
) -> None:
    """Choose another password, which takes the old one. Every token and sign-in from before is void.

    The page that asks gets another cookie on the way: `X-Sign-In` in the answer is the name of its sign-in. It is left
    out when that was ended at the same moment.
    """
    await change_own_password(
        request.app.state.door,
        principal,
        body.old_password.get_secret_value(),
        body.new_password.get_secret_value(),
        address_of(request),
    )
    if principal.browser is not None:
        # Who typed the password a moment ago, on a page whose sign-in had all that is asked for, is not asked again.
        renewed = await renew(request, response, principal.browser, datetime.now(UTC))
        if renewed is not None:
            response.headers["X-Sign-In"] = renewed.sign_in


@router.post("/people/{person_id}/reset-password", summary="Reset a password", responses=_ON_MANAGE)
def reset_password(
    person_id: uuid.UUID,
    request: Request,
    response: Response,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_RESET)],
) -> TemporaryPassword:
    """Give somebody one looks after a new password, which they change at the first sign-in."""
    password = managing.temporary_password()
    hashed = hash_password(password)  # before the transaction begins, with its first statement
    person = managing.reset_password(session, principal, person_id, hashed)
    request.app.state.door.limits.unlock(person.login)
    response.headers["Cache-Control"] = "no-store"
    return TemporaryPassword(password=password)


@router.post(
    "/people/{person_id}/close",
    summary="Close an account",
    response_model=PersonOut,
    responses=_ON_MANAGE,
)
def close_account(
    person_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_CLOSE)],
    seen: IfMatch,
) -> Person:
    """Let somebody one looks after sign in no more; their tokens are void at once."""
    return managing.close_account(session, principal, person_id, seen)


@router.post(
    "/people/{person_id}/open",
    summary="Open an account again",
    response_model=PersonOut,
    responses=_ON_MANAGE,
)
def open_account(
    person_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_CLOSE)],
    seen: IfMatch,
) -> Person:
    """Let somebody whose account was closed sign in again, with the password they had."""
    return managing.open_account(session, principal, person_id, seen)
