"""HTTP of schools."""

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfNoneMatch
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.listing import Paging
from app.schemas import SORT, BelowUnit, NameStart, Page, PageAfter, PageLimit, as_json
from app.schools import service
from app.schools.models import OrgUnit, Room
from app.schools.rules import OrgUnitKind, RoomKind
from app.schools.schemas import NewOrgUnit, NewRoom, OrgUnitOut, RoomOut
from app.schools.service import OrgUnitDraft, RoomDraft

router = APIRouter(prefix="/api/v1", tags=["schools"])

_ON_CREATE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid)
_ON_SHOW = responses(Unauthenticated, Forbidden, NotFound)
_ON_LIST = responses(Unauthenticated)


@router.post(
    "/org-units",
    status_code=201,
    summary="Add an org unit",
    response_model=OrgUnitOut,
    responses=_ON_CREATE,
)
def add_org_unit(
    body: NewOrgUnit,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ORG_UNIT_ADD)],
    response: Response,
) -> OrgUnit:
    """Add a township, school or teaching site, as a bureau admin. Counties come from the command line."""
    draft = OrgUnitDraft(body.kind, body.parent_id, body.code, body.name, body.time_zone)
    unit = service.add_org_unit(session, principal, draft)
    response.headers["Location"] = f"/api/v1/org-units/{unit.id}"
    return unit


@router.get("/org-units", summary="List org units", response_model=Page[OrgUnitOut], responses=_ON_LIST)
def list_org_units(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ORG_UNIT_SHOW)],
    kind: Annotated[OrgUnitKind | None, Query(description="Only this kind")] = None,
    parent_id: Annotated[uuid.UUID | None, Query(description="Only those directly below")] = None,
    org_unit_id: Annotated[uuid.UUID | None, Query(description="Only this org unit and all below it")] = None,
    name: Annotated[
        str | None, Query(min_length=1, max_length=100, description="Only those whose name or code begins so")
    ] = None,
    sort: Annotated[Literal["code", "-code", "name", "-name"], SORT] = "code",
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Response:
    """The units of one's own county, by official code unless asked otherwise."""
    paging = Paging(sort, after, limit)
    page = service.list_org_units(session, principal, kind, parent_id, org_unit_id, name, paging)
    return as_json(Page[OrgUnitOut].model_validate(page))


@router.get(
    "/org-units/{org_unit_id}", summary="Show an org unit", response_model=OrgUnitOut, responses=_ON_SHOW
)
def show_org_unit(
    org_unit_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ORG_UNIT_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """One unit of one's own county."""
    return known.answer(OrgUnitOut.model_validate(service.show_org_unit(session, principal, org_unit_id)))


@router.post("/rooms", status_code=201, summary="Add a room", response_model=RoomOut, responses=_ON_CREATE)
def add_room(
    body: NewRoom,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ROOM_ADD)],
    response: Response,
) -> Room:
    """Add a room; bureau admins do so in their county, school admins in their school and its sites."""
    draft = RoomDraft(
        body.org_unit_id,
        body.kind,
        body.code,
        body.name,
        body.link_mbps_declared,
        body.equipment,
        tuple(body.equipment_kinds),
        body.seats,
    )
    room = service.add_room(session, principal, draft)
    response.headers["Location"] = f"/api/v1/rooms/{room.id}"
    return room


@router.get("/rooms", summary="List rooms", response_model=Page[RoomOut], responses=_ON_LIST)
def list_rooms(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ROOM_SHOW)],
    kind: Annotated[RoomKind | None, Query(description="Only this kind")] = None,
    org_unit_id: BelowUnit = None,
    name: NameStart = None,
    equipment: Annotated[
        str | None, Query(min_length=1, max_length=100, description="Only those whose equipment names this")
    ] = None,
    sort: Annotated[Literal["code", "-code", "name", "-name"], SORT] = "code",
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Response:
    """The rooms of one's own county, by the codes of unit and room unless asked otherwise."""
    paging = Paging(sort, after, limit)
    page = service.list_rooms(session, principal, kind, org_unit_id, name, equipment, paging)
    return as_json(Page[RoomOut].model_validate(page))


@router.get("/rooms/{room_id}", summary="Show a room", response_model=RoomOut, responses=_ON_SHOW)
def show_room(
    room_id: uuid.UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ROOM_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """One room of one's own county."""
    return known.answer(RoomOut.model_validate(service.show_room(session, principal, room_id)))
