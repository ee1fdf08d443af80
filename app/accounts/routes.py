"""HTTP of accounts."""

import time
import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import OAuth2PasswordRequestForm

from app.accounts import service
from app.accounts import sign_in as signing_in
from app.accounts.gates import may
from app.accounts.models import Person
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.accounts.schemas import Me, NewPerson, PersonOut, RoleOut, Token
from app.accounts.service import PersonDraft
from app.database import SessionDep, address_of
from app.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthenticated, responses
from app.schemas import Page, PageAfter, PageLimit, decode_cursor, encode_cursor

router = APIRouter(prefix="/api/v1", tags=["accounts"])


@router.post("/token", summary="Sign in", responses=responses(Unauthenticated, TooManyRequests))
def token(
    request: Request,
    response: Response,
    form: Annotated[OAuth2PasswordRequestForm, Depends()],
) -> Token:
    """Exchange a login and a password for a bearer token (OAuth2 password form)."""
    state = request.app.state
    person = signing_in.sign_in(
        state.session_factory,
        state.keys,
        state.sign_in_limiter,
        form.username,
        form.password,
        address_of(request),
        time.monotonic(),
    )
    minutes = state.settings.token_minutes
    response.headers["Cache-Control"] = "no-store"  # RFC 6749 §5.1
    return Token(
        access_token=service.issue_person_token(state.keys, person, minutes), expires_in=minutes * 60
    )


@router.get("/me", summary="Who am I", responses=responses(Unauthenticated))
def me(session: SessionDep, principal: Annotated[Principal, may(Action.ME_SHOW)]) -> Me:
    """The signed-in person with the roles in force today."""
    person = service.get_person(session, principal, principal.person_id)
    return Me(
        id=person.id,
        login=person.login,
        name=person.name,
        county_id=person.county_id,
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
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
def admit_person(
    body: NewPerson,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_ADMIT)],
    response: Response,
) -> Person:
    """Create a person with roles: bureau admins do so in their county, school admins in their school."""
    draft = PersonDraft(
        login=body.login,
        name=body.name,
        password=body.password.get_secret_value(),
        assignments=tuple(
            (item.role, item.org_unit_id, item.valid_from, item.valid_to) for item in body.assignments
        ),
    )
    person = service.admit_person(session, principal, draft)
    response.headers["Location"] = f"/api/v1/people/{person.id}"
    return person


@router.get("/people", summary="List people", responses=responses(Unauthenticated, Forbidden))
def list_people(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_LIST)],
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[PersonOut]:
    """The people an administrator looks after, by login."""
    login = decode_cursor(after, 1)[0] if after else None
    people, more = service.list_people(session, principal, login, limit)
    return Page(
        items=[PersonOut.model_validate(person) for person in people],
        next=encode_cursor(people[-1].login) if more else None,
    )


@router.get(
    "/people/{person_id}",
    summary="Show a person",
    response_model=PersonOut,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def get_person(
    person_id: uuid.UUID, session: SessionDep, principal: Annotated[Principal, may(Action.PERSON_SHOW)]
) -> Person:
    """Oneself, or a person an administrator looks after."""
    return service.get_person(session, principal, person_id)
