"""HTTP of roles after admission."""

import uuid
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from app.accounts import appointing
from app.accounts.gates import may
from app.accounts.models import Assignment
from app.accounts.permissions import Action
from app.accounts.rules import Duty, Principal
from app.accounts.schemas import AssignmentOut, NewAssignment
from app.database import SessionDep
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.schemas import Day, Input, example

router = APIRouter(prefix="/api/v1", tags=["accounts"])

_ON_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid)


class EndOfAssignment(Input):
    """When a role ends."""

    last_day: Day | None = Field(None, description="Its last day; null: it ends at once")

    model_config = example({"last_day": "2027-01-31"})


@router.post(
    "/people/{person_id}/assignments",
    status_code=201,
    summary="Give a role",
    response_model=AssignmentOut,
    responses=_ON_CHANGE,
)
def give_assignment(
    person_id: uuid.UUID,
    body: NewAssignment,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ASSIGNMENT_CHANGE)],
) -> Assignment:
    """Give somebody one looks after a further role, from today or from a day on."""
    duty = Duty(body.role, body.org_unit_id, body.valid_from or principal.today, body.valid_to)
    return appointing.give(session, principal, person_id, duty)


@router.post(
    "/assignments/{assignment_id}/end",
    summary="End a role",
    response_model=AssignmentOut,
    responses=_ON_CHANGE,
)
def end_assignment(
    assignment_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ASSIGNMENT_CHANGE)],
    body: EndOfAssignment | None = None,
) -> Assignment:
    """End a role on a day or at once. What it allowed ends with it, media included."""
    return appointing.end(session, principal, assignment_id, body.last_day if body else None)
