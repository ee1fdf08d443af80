"""HTTP of taking a subject off the county's list, which nothing may name any more."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch
from app.errors import Conflict, Forbidden, NotFound, Unauthenticated, responses
from app.pairings import service as pairings
from app.schools import subjects

router = APIRouter(prefix="/api/v1", tags=["schools"])


@router.delete(
    "/subjects/{subject_id}",
    status_code=204,
    summary="Remove a subject",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict),
)
def remove_subject(
    subject_id: UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.SUBJECT_SET)],
    seen: IfMatch,
) -> None:
    """Take a subject off the list, as a bureau admin; refused (`subject.in_use`) while anything names it."""
    subject = subjects.get_subject(session, principal, Action.SUBJECT_SET, subject_id)
    seen.require(session, subject)
    if pairings.name_subject(session, subject.county_id, subject.code):
        raise subjects.in_use(subject)
    subjects.remove_subject(session, principal, subject)
