"""HTTP of the county's list of subjects; taking one off it concerns timetables, so that is there."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch, IfNoneMatch, tagged
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.schemas import Page
from app.schools import subjects
from app.schools.subject_schemas import NewSubject, SubjectNames, SubjectOut
from app.schools.subjects import SubjectDraft

router = APIRouter(prefix="/api/v1", tags=["schools"])


@router.get("/subjects", summary="List subjects", responses=responses(Unauthenticated, Forbidden))
def list_subjects(
    session: SessionDep, principal: Annotated[Principal, may(Action.SUBJECT_SHOW)]
) -> Page[SubjectOut]:
    """The subjects of one's own county, by code: all on one page, there are 200 at most."""
    found = subjects.list_subjects(session, principal.county_id)
    return Page(items=[SubjectOut.model_validate(each) for each in found], next=None)


@router.post(
    "/subjects",
    status_code=201,
    summary="Add a subject",
    response_model=SubjectOut,
    responses=responses(Unauthenticated, Forbidden, Conflict, Invalid),
)
def add_subject(
    body: NewSubject,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.SUBJECT_SET)],
) -> Response:
    """Put a subject on the county's list, as a bureau admin. Timetables and pairings name it by its code."""
    subject = subjects.add_subject(session, principal, SubjectDraft(body.code, body.name_zh, body.name_en))
    return tagged(SubjectOut.model_validate(subject), 201, f"/api/v1/subjects/{subject.id}")


@router.get(
    "/subjects/{subject_id}",
    summary="Show a subject",
    response_model=SubjectOut,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def show_subject(
    subject_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.SUBJECT_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """One subject of one's own county."""
    subject = subjects.get_subject(session, principal, Action.SUBJECT_SHOW, subject_id)
    return known.answer(SubjectOut.model_validate(subject))


@router.patch(
    "/subjects/{subject_id}",
    summary="Rename a subject",
    response_model=SubjectOut,
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
def rename_subject(
    subject_id: uuid.UUID,
    body: SubjectNames,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.SUBJECT_SET)],
    seen: IfMatch,
) -> Response:
    """Change the names that people see, as a bureau admin; the code stays, and so does what names it."""
    subject = subjects.rename_subject(session, principal, subject_id, body.wanted(), seen)
    return tagged(SubjectOut.model_validate(subject))
