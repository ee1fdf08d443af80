"""HTTP of closing and reopening rooms, pupil groups and org units."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch, tagged
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.lessons import closing
from app.schools.group_schemas import PupilGroupOut
from app.schools.schemas import Closing, OrgUnitOut, RoomOut

router = APIRouter(prefix="/api/v1", tags=["schools"])

_ON_CLOSE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid)
Rooms = Annotated[Principal, may(Action.ROOM_CHANGE)]
Groups = Annotated[Principal, may(Action.PUPIL_GROUP_CHANGE)]
Units = Annotated[Principal, may(Action.ORG_UNIT_CHANGE)]


@router.post("/rooms/{room_id}/close", summary="Close a room", response_model=RoomOut, responses=_ON_CLOSE)
def close_room(
    room_id: UUID, body: Closing, session: SessionDep, principal: Rooms, seen: IfMatch
) -> Response:
    """Let no lesson be in a room from a day on; the room stays, with all that was held in it.

    Lessons and pairings that lie after the day are in the way: 409 `room.still_planned` names them.
    """
    room = closing.close_room(session, principal, room_id, body.closed_from, seen)
    return tagged(RoomOut.model_validate(room))


@router.post("/rooms/{room_id}/reopen", summary="Reopen a room", response_model=RoomOut, responses=_ON_CLOSE)
def reopen_room(room_id: UUID, session: SessionDep, principal: Rooms, seen: IfMatch) -> Response:
    """Let lessons be in a room again; its unit has to be open."""
    return tagged(RoomOut.model_validate(closing.reopen_room(session, principal, room_id, seen)))


@router.post(
    "/pupil-groups/{pupil_group_id}/close",
    summary="Close a pupil group",
    response_model=PupilGroupOut,
    responses=_ON_CLOSE,
)
def close_group(
    pupil_group_id: UUID, body: Closing, session: SessionDep, principal: Groups, seen: IfMatch
) -> Response:
    """Let no lesson be for a group from a day on; reports of later terms leave it out, those of earlier ones keep it.
    Its name is free for another one at once.

    Lessons that lie after the day are in the way: 409 `pupil_group.still_planned` names them.
    """
    group = closing.close_group(session, principal, pupil_group_id, body.closed_from, seen)
    return tagged(PupilGroupOut.model_validate(group))


@router.post(
    "/pupil-groups/{pupil_group_id}/reopen",
    summary="Reopen a pupil group",
    response_model=PupilGroupOut,
    responses=_ON_CLOSE,
)
def reopen_group(pupil_group_id: UUID, session: SessionDep, principal: Groups, seen: IfMatch) -> Response:
    """Let lessons be for a group again; its unit has to be open.

    Where another group has its name by now, one of them is renamed first: 409 `pupil_group.name_taken`.
    """
    return tagged(
        PupilGroupOut.model_validate(closing.reopen_group(session, principal, pupil_group_id, seen))
    )


@router.post(
    "/org-units/{org_unit_id}/close",
    summary="Close an org unit",
    response_model=OrgUnitOut,
    responses=_ON_CLOSE,
)
def close_org_unit(
    org_unit_id: UUID, body: Closing, session: SessionDep, principal: Units, seen: IfMatch
) -> Response:
    """Close a unit and all below it, with rooms and groups, from a day on, as a bureau admin; refused as for a room."""
    unit = closing.close_org_unit(session, principal, org_unit_id, body.closed_from, seen)
    return tagged(OrgUnitOut.model_validate(unit))


@router.post(
    "/org-units/{org_unit_id}/reopen",
    summary="Reopen an org unit",
    response_model=OrgUnitOut,
    responses=_ON_CLOSE,
)
def reopen_org_unit(org_unit_id: UUID, session: SessionDep, principal: Units, seen: IfMatch) -> Response:
    """Open a unit again; its rooms, its groups and the units below it are reopened one by one."""
    return tagged(OrgUnitOut.model_validate(closing.reopen_org_unit(session, principal, org_unit_id, seen)))
