"""HTTP of changing org units and rooms; closing them concerns lessons, so that is there."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch, tagged
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.schools import editing
from app.schools.schemas import OrgUnitOut, OrgUnitPatch, RoomOut, RoomPatch

router = APIRouter(prefix="/api/v1", tags=["schools"])

_ON_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Invalid)


@router.patch(
    "/org-units/{org_unit_id}",
    summary="Change an org unit",
    response_model=OrgUnitOut,
    responses=_ON_CHANGE,
)
def change_org_unit(
    org_unit_id: uuid.UUID,
    body: OrgUnitPatch,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ORG_UNIT_CHANGE)],
    seen: IfMatch,
) -> Response:
    """Change the name, the address or the coordinates of a unit, as a bureau admin.

    With coordinates of both, suggestions weigh how far a main room is from a site.
    """
    unit = editing.change_org_unit(session, principal, org_unit_id, body.fields(), seen)
    return tagged(OrgUnitOut.model_validate(unit))


@router.patch("/rooms/{room_id}", summary="Change a room", response_model=RoomOut, responses=_ON_CHANGE)
def change_room(
    room_id: uuid.UUID,
    body: RoomPatch,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ROOM_CHANGE)],
    seen: IfMatch,
) -> Response:
    """Change the name, the declared line, the equipment or the seats of a room: bureau admins in their county, school
    admins in their school and its sites."""
    return tagged(
        RoomOut.model_validate(editing.change_room(session, principal, room_id, body.fields(), seen))
    )
