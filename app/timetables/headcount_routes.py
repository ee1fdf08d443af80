"""HTTP of headcounts."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch, IfNoneMatch, tagged
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.schemas import Page, PageAfter, PageLimit, bad_cursor, decode_cursor, encode_cursor
from app.timetables import headcounts
from app.timetables.headcount_schemas import HeadcountOut, HeadcountsOut, NewHeadcounts

router = APIRouter(prefix="/api/v1", tags=["schools"])

TermOfCounts = Annotated[UUID, Query(description="The term they are counted in")]


@router.get("/headcounts", summary="List headcounts", responses=responses(Unauthenticated, Forbidden))
def list_headcounts(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.HEADCOUNT_SHOW)],
    term_id: Annotated[UUID | None, Query(description="Only those of this term")] = None,
    org_unit_id: Annotated[UUID | None, Query(description="Only those of this unit and all below it")] = None,
    grade: Annotated[int | None, Query(ge=1, le=12, description="Only those of this grade")] = None,
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[HeadcountOut]:
    """How many pupils each school and site within one's reach has, by term, unit and grade: numbers, no names."""
    start = _start(after) if after else None
    found, following = headcounts.list_headcounts(
        session, principal, term_id, org_unit_id, grade, start, limit
    )
    return Page(
        items=[HeadcountOut.model_validate(each) for each in found],
        next=encode_cursor(*map(str, following)) if following else None,
    )


def _start(after: str) -> tuple[date, UUID, int]:
    day, unit_id, grade = decode_cursor(after, 3)
    try:
        return date.fromisoformat(day), UUID(unit_id), int(grade[:2])
    except ValueError:
        raise bad_cursor() from None


@router.get(
    "/org-units/{org_unit_id}/headcounts",
    summary="Show a unit's headcounts",
    response_model=HeadcountsOut,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def show_headcounts(
    org_unit_id: UUID,
    term_id: TermOfCounts,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.HEADCOUNT_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """The pupils of a school or site by grade, beside its pupil groups: where both differ, one is out of date."""
    return known.answer(
        HeadcountsOut.of(headcounts.show_headcounts(session, principal, term_id, org_unit_id))
    )


@router.put(
    "/org-units/{org_unit_id}/headcounts",
    summary="Set a unit's headcounts",
    response_model=HeadcountsOut,
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def set_headcounts(
    org_unit_id: UUID,
    term_id: TermOfCounts,
    body: NewHeadcounts,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.HEADCOUNT_SET)],
    seen: IfMatch,
) -> Response:
    """Say how many pupils of each grade a school or site has in a term; grades that are not named have none.

    Bureau admins do so in their county, school admins in their school and its sites.
    """
    heads = headcounts.set_headcounts(session, principal, term_id, org_unit_id, body.counts(), seen)
    return tagged(HeadcountsOut.of(heads))
