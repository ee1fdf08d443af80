"""HTTP of a person's own data."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.accounts import erasing
from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import CALLER_ADDRESS, SessionDep, address_of
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.schemas import Input, example

router = APIRouter(prefix="/api/v1/people", tags=["accounts"])

ZIP = "application/zip"


class EraseIn(Input):
    """Once more: who is meant."""

    login: str = Field(max_length=64, description="The person's login; erasing cannot be undone")

    model_config = example({"login": "wang"})


@router.get(
    "/{person_id}/export",
    summary="Export a person's data",
    response_class=Response,
    responses={
        200: {"content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}},
        **responses(Unauthenticated, Forbidden, NotFound),
    },
)
def export_person(
    person_id: uuid.UUID,
    request: Request,
    principal: Annotated[Principal, may(Action.PERSON_EXPORT)],
) -> Response:
    """All that is kept about oneself, or about somebody an administrator looks after, as a ZIP of JSON files.

    Secrets and their hashes are left out. The export is noted in the trail.
    """
    with request.app.state.session_factory.begin() as session:
        session.info[CALLER_ADDRESS] = address_of(request)
        packed = erasing.export_person(session, principal, person_id)
    headers = {
        "Content-Disposition": f'attachment; filename="person-{person_id}.zip"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(packed, media_type=ZIP, headers=headers)


@router.post(
    "/{person_id}/erase",
    status_code=204,
    summary="Erase a person",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
def erase_person(
    person_id: uuid.UUID,
    body: EraseIn,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_ERASE)],
) -> None:
    """Forget who somebody is, for good: name, login, roles, sign-ins and secrets.

    Lessons and the trail keep a pseudonym.
    """
    erasing.erase_person(session, principal, person_id, body.login)
