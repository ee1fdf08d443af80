"""HTTP of the curriculum; what of it is planned is in lessons."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch, IfNoneMatch, tagged
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.timetables import curriculum
from app.timetables.curriculum_schemas import CurriculumCopied, CurriculumCopy, CurriculumOut, NewCurriculum

router = APIRouter(prefix="/api/v1", tags=["timetables"])

OfTerm = Annotated[UUID, Query(description="The term it is for")]


@router.get(
    "/org-units/{org_unit_id}/curriculum",
    summary="Show a unit's curriculum",
    response_model=CurriculumOut,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def show_curriculum(
    org_unit_id: UUID,
    term_id: OfTerm,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.CURRICULUM_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """The periods a week that each grade has to have in each subject: what the unit says, and what counts for it."""
    found = curriculum.show_curriculum(session, principal, term_id, org_unit_id)
    return known.answer(CurriculumOut.of(found))


@router.put(
    "/org-units/{org_unit_id}/curriculum",
    summary="Set a unit's curriculum",
    response_model=CurriculumOut,
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def set_curriculum(
    org_unit_id: UUID,
    term_id: OfTerm,
    body: NewCurriculum,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.CURRICULUM_SET)],
    seen: IfMatch,
) -> Response:
    """Say what the county requires (with the county's id), or where a school or site differs, as a bureau admin.

    All that the unit said before is replaced; an empty list makes it follow the unit above.
    """
    made = curriculum.set_curriculum(session, principal, term_id, org_unit_id, body.plan(), seen)
    return tagged(CurriculumOut.of(made))


@router.post(
    "/terms/{term_id}/curriculum/copy",
    summary="Copy a curriculum from another term",
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def copy_curriculum(
    term_id: UUID,
    body: CurriculumCopy,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.CURRICULUM_SET)],
) -> CurriculumCopied:
    """Take over what the county, its schools and sites said in another term, as a bureau admin. A unit that says
    something in this term already keeps that, so doing it twice changes nothing."""
    copied, kept = curriculum.copy_curriculum(session, principal, term_id, body.from_term_id)
    return CurriculumCopied(copied=copied, kept=kept)
