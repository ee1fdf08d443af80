"""HTTP of pupil groups."""

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch, IfNoneMatch, tagged
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.listing import Paging
from app.schemas import SORT, BelowUnit, Day, Page, PageAfter, PageLimit, line
from app.schools import groups
from app.schools.group_schemas import NewPupilGroup, PupilGroupOut, PupilGroupPatch
from app.schools.models import PupilGroup
from app.schools.queries import WantedGroups

router = APIRouter(prefix="/api/v1", tags=["schools"])


@router.post(
    "/pupil-groups",
    status_code=201,
    summary="Add a pupil group",
    response_model=PupilGroupOut,
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
def add_group(
    body: NewPupilGroup,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PUPIL_GROUP_ADD)],
    response: Response,
) -> PupilGroup:
    """Name pupils who have their lessons together: a class, or a combined one of several grades (复式).

    Bureau admins do so in their county, school admins in their school and its sites.
    """
    draft = groups.GroupDraft(body.org_unit_id, body.name, tuple(body.grades), body.headcount)
    group = groups.add_group(session, principal, draft)
    response.headers["Location"] = f"/api/v1/pupil-groups/{group.id}"
    return group


@router.patch(
    "/pupil-groups/{pupil_group_id}",
    summary="Change a pupil group",
    response_model=PupilGroupOut,
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
def change_group(
    pupil_group_id: uuid.UUID,
    body: PupilGroupPatch,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PUPIL_GROUP_CHANGE)],
    seen: IfMatch,
) -> Response:
    """Change the name, the grades or the headcount of a group: bureau admins in their county, school admins in their
    school and its sites. Reports count its lessons for the grades it has now; for those of a new year close it, and
    add another one, of the same name if need be."""
    group = groups.change_group(session, principal, pupil_group_id, body.fields(), seen)
    return tagged(PupilGroupOut.model_validate(group))


@router.get("/pupil-groups", summary="List pupil groups", responses=responses(Unauthenticated))
def list_groups(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PUPIL_GROUP_SHOW)],
    org_unit_id: BelowUnit = None,
    unit_id: Annotated[
        list[uuid.UUID] | None,
        Query(max_length=200, description="Only those of just this unit; may be repeated"),
    ] = None,
    name: Annotated[
        Annotated[str, line(100)] | None,
        Query(description="Only those whose own name, or that of their school or site, has this in it"),
    ] = None,
    on: Annotated[Day | None, Query(description="Only those that are not closed on this day")] = None,
    sort: Annotated[Literal["id", "-id", "name", "-name"], SORT] = "id",
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[PupilGroupOut]:
    """The pupil groups of one's own county."""
    wanted = WantedGroups(org_unit_id, tuple(unit_id or ()), name, on)
    page = groups.list_groups(session, principal, wanted, Paging(sort, after, limit))
    return Page(items=[PupilGroupOut.model_validate(group) for group in page.items], next=page.next)


@router.get(
    "/pupil-groups/{pupil_group_id}",
    summary="Show a pupil group",
    response_model=PupilGroupOut,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def show_group(
    pupil_group_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PUPIL_GROUP_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """One pupil group of one's own county."""
    return known.answer(PupilGroupOut.model_validate(groups.show_group(session, principal, pupil_group_id)))
