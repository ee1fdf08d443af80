"""Use cases of schools: building the county tree, furnishing it with rooms, finding one's way in it."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import Target, require
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import new_id, violated
from app.errors import Conflict, Invalid, NotFound
from app.listing import Paging, Slice
from app.schools import queries, subjects
from app.schools.models import OrgUnit, PupilGroup, Room
from app.schools.rules import (
    PARENTS,
    ROOM_PLACES,
    OrgUnitKind,
    RoomKind,
    is_there,
    nearest_time_zone,
    path_ids,
    path_of,
)

MOST_ROOMS = 5000


@dataclass(frozen=True)
class OrgUnitDraft:
    """An org unit to be created below another one."""

    kind: OrgUnitKind
    parent_id: uuid.UUID
    code: str
    name: str
    time_zone: str | None = None


@dataclass(frozen=True)
class RoomDraft:
    """A room to be created."""

    org_unit_id: uuid.UUID
    kind: RoomKind
    code: str
    name: str
    link_mbps_declared: float | None = None
    equipment: str | None = None
    equipment_kinds: tuple[str, ...] = ()
    seats: int | None = None


# --- the tree -----------------------------------------------------------------------------------------------


def create_county(session: Session, code: str, name: str, time_zone: str) -> OrgUnit:
    """Found a county: for the command line and seeds, since nobody in the product stands above a county."""
    county_id = new_id()
    county = OrgUnit(
        id=county_id,
        kind=OrgUnitKind.COUNTY,
        parent_id=None,
        county_id=county_id,
        code=code,
        name=name,
        path=path_of([county_id]),
        time_zone=time_zone,
    )
    _insert_unit(session, county)
    subjects.give_standard_list(session, county_id)
    return county


def create_org_unit(session: Session, draft: OrgUnitDraft) -> OrgUnit:
    """Add a unit below another one without asking who wants it: for the command line and seeds."""
    return _insert_unit(session, unit_below(get_org_unit(session, draft.parent_id), draft))


def unit_below(parent: OrgUnit, draft: OrgUnitDraft) -> OrgUnit:
    """A unit as it would stand below another one, not stored yet; raises `Invalid` where it may not stand."""
    refuse_closed(parent)
    if parent.kind not in PARENTS[draft.kind]:
        above = " or ".join(sorted(PARENTS[draft.kind]))
        raise Invalid(
            "org_unit.wrong_parent",
            "Wrong place in the tree",
            f"A {draft.kind.value} stands below a {above}, not below a {parent.kind.value}.",
        )
    unit_id = new_id()
    return OrgUnit(
        id=unit_id,
        kind=draft.kind,
        parent_id=parent.id,
        county_id=parent.county_id,
        code=draft.code,
        name=draft.name,
        path=path_of([*path_ids(parent.path), unit_id]),
        time_zone=draft.time_zone,
    )


def add_org_unit(session: Session, principal: Principal, draft: OrgUnitDraft) -> OrgUnit:
    """Add a unit on behalf of a bureau admin."""
    require_at(session, principal, Action.ORG_UNIT_ADD, draft.parent_id)
    unit = create_org_unit(session, draft)
    note_unit_added(session, principal, unit)
    return unit


def note_unit_added(session: Session, principal: Principal, unit: OrgUnit) -> None:
    """Tell the trail of a new unit."""
    facts = {"kind": unit.kind, "code": unit.code, "parent_id": unit.parent_id, "time_zone": unit.time_zone}
    subject = Subject("org_unit", unit.id, unit.id)
    audit.note(session, Act.ORG_UNIT_ADDED, unit.county_id, principal.person_id, subject, after=facts)


def refuse_closed(unit: OrgUnit) -> None:
    """Raise `Conflict` when nothing may be added to a unit any more, because it is or will be closed."""
    if unit.closed_from is not None:
        raise Conflict(
            "org_unit.closed",
            "Closed",
            f"{unit.name} is closed from {unit.closed_from}; reopen it to add anything.",
            closed_from=unit.closed_from.isoformat(),
        )


def get_org_unit(session: Session, unit_id: uuid.UUID) -> OrgUnit:
    """One unit; raises `NotFound`."""
    unit = session.get(OrgUnit, unit_id)
    if unit is None:
        raise _no_unit(unit_id)
    return unit


def target_of(unit: OrgUnit) -> Target:
    """An org unit, or what belongs to it, as the table of permissions sees it."""
    return Target(unit.county_id, (path_ids(unit.path),))


def show_org_unit(session: Session, principal: Principal, unit_id: uuid.UUID) -> OrgUnit:
    """One unit of one's own county."""
    return require_at(session, principal, Action.ORG_UNIT_SHOW, unit_id)


def require_at(session: Session, principal: Principal, action: Action, unit_id: uuid.UUID) -> OrgUnit:
    """The unit at which somebody may do something; raises `NotFound` or `Forbidden`."""
    unit = get_org_unit(session, unit_id)
    require(principal, action, target_of(unit), _no_unit(unit_id))
    return unit


def require_with_room(session: Session, principal: Principal, action: Action, room_id: uuid.UUID) -> Room:
    """The room with which somebody may do something; raises `NotFound` or `Forbidden`."""
    room = get_room(session, room_id)
    target = target_of(get_org_unit(session, room.org_unit_id))
    require(principal, action, target, _no_room(room_id))
    return room


def list_org_units(
    session: Session,
    principal: Principal,
    kind: OrgUnitKind | None,
    parent_id: uuid.UUID | None,
    below: uuid.UUID | None,
    name: str | None,
    paging: Paging,
) -> Slice[Any]:
    """Units of one's own county, to be shown, and where the next page starts."""
    return queries.org_units_page(session, principal.county_id, kind, parent_id, below, name, paging)


def org_units(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, OrgUnit]:
    """Units by id, those that exist."""
    return queries.org_units(session, ids)


def paths(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The paths of units by id, those that exist."""
    return queries.paths(session, ids)


def ids_below(session: Session, roots: Collection[uuid.UUID]) -> frozenset[uuid.UUID]:
    """The given units and everything below them."""
    return frozenset(queries.ids_below(session, roots)) if roots else frozenset()


def find_county(session: Session, code: str) -> OrgUnit | None:
    """A county by its official code, or None."""
    return queries.county_by_code(session, code)


def find_org_unit(session: Session, county_id: uuid.UUID, code: str) -> OrgUnit | None:
    """A unit by its official code, or None."""
    return queries.org_unit_by_code(session, county_id, code)


def ancestry(session: Session, unit: OrgUnit) -> list[OrgUnit]:
    """The unit itself and all above it, up to the county."""
    ids = path_ids(unit.path)
    found = queries.org_units(session, ids)
    return [found[unit_id] for unit_id in reversed(ids)]


def time_zone_of(session: Session, unit: OrgUnit) -> ZoneInfo:
    """The time zone a unit lives in: its own, or that of the nearest unit above."""
    return ZoneInfo(nearest_time_zone([above.time_zone for above in ancestry(session, unit)]))


def _no_unit(unit_id: uuid.UUID) -> NotFound:
    return NotFound("org_unit.not_found", "No such org unit", f"There is no org unit {unit_id}.")


def _no_room(room_id: uuid.UUID) -> NotFound:
    return NotFound("room.not_found", "No such room", f"There is no room {room_id}.")


def _insert_unit(session: Session, unit: OrgUnit) -> OrgUnit:
    try:
        with session.begin_nested():
            session.add(unit)
    except IntegrityError as error:
        if violated(error) not in ("uq_org_units_county_id_code", "uq_org_units_county_code"):
            raise
        raise Conflict("org_unit.code_taken", "Code taken", f"The code {unit.code} is taken.") from None
    return unit


# --- rooms --------------------------------------------------------------------------------------------------


def room_in(unit: OrgUnit, draft: RoomDraft) -> Room:
    """A room as it would be in a unit, not stored yet; raises `Invalid` where it may not be."""
    refuse_closed(unit)
    if unit.kind not in ROOM_PLACES[draft.kind]:
        places = " or ".join(sorted(ROOM_PLACES[draft.kind]))
        raise Invalid(
            "room.wrong_place",
            "Wrong place for a room",
            f"A {draft.kind.value} room belongs to a {places}, not to a {unit.kind.value}.",
        )
    return Room(
        id=new_id(),
        org_unit_id=unit.id,
        kind=draft.kind,
        code=draft.code,
        name=draft.name,
        link_mbps_declared=draft.link_mbps_declared,
        equipment=draft.equipment,
        equipment_kinds=sorted(draft.equipment_kinds),
        seats=draft.seats,
    )


def create_room(session: Session, draft: RoomDraft) -> Room:
    """Add a room without asking who wants it: for the command line and seeds."""
    unit = get_org_unit(session, draft.org_unit_id)
    room = room_in(unit, draft)
    try:
        with session.begin_nested():
            session.add(room)
    except IntegrityError as error:
        if violated(error) != "uq_rooms_org_unit_id_code":
            raise
        raise Conflict(
            "room.code_taken", "Code taken", f"The code {draft.code} is taken in {unit.name}."
        ) from None
    return room


def add_room(session: Session, principal: Principal, draft: RoomDraft) -> Room:
    """Add a room on behalf of a bureau admin or the school's own admin."""
    unit = require_at(session, principal, Action.ROOM_ADD, draft.org_unit_id)
    room = create_room(session, draft)
    note_room_added(session, principal, unit.county_id, room)
    return room


def note_room_added(session: Session, principal: Principal, county_id: uuid.UUID, room: Room) -> None:
    """Tell the trail of a new room."""
    facts = {"kind": room.kind, "code": room.code, "link_mbps_declared": room.link_mbps_declared}
    subject = Subject("room", room.id, room.org_unit_id)
    audit.note(session, Act.ROOM_ADDED, county_id, principal.person_id, subject, after=facts)


def get_room(session: Session, room_id: uuid.UUID) -> Room:
    """One room; raises `NotFound`."""
    room = session.get(Room, room_id)
    if room is None:
        raise _no_room(room_id)
    return room


def show_room(session: Session, principal: Principal, room_id: uuid.UUID) -> Room:
    """One room of one's own county."""
    return require_with_room(session, principal, Action.ROOM_SHOW, room_id)


def list_rooms(
    session: Session,
    principal: Principal,
    kind: RoomKind | None,
    below: uuid.UUID | None,
    name: str | None,
    equipment: str | None,
    paging: Paging,
) -> Slice[Any]:
    """Rooms of one's own county, to be shown, and where the next page starts."""
    return queries.rooms_page(session, principal.county_id, kind, below, name, equipment, paging)


def room_ids_below(session: Session, unit_id: uuid.UUID) -> Sequence[uuid.UUID]:
    """The rooms of a unit and of everything below it."""
    return queries.room_ids_below(session, unit_id)


def rooms_of(
    session: Session, county_id: uuid.UUID, kind: RoomKind, org_unit_id: uuid.UUID | None = None
) -> Sequence[Room]:
    """A county's rooms of one kind, or those of one unit, by the codes of unit and room."""
    return queries.rooms_of(session, county_id, kind, org_unit_id, MOST_ROOMS)


def rooms(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Room]:
    """Rooms by id, those that exist."""
    return queries.rooms(session, ids)


def refuse_closed_room(room: Room, last_day: date) -> None:
    """Raise `Conflict` when a room is closed by some last day."""
    if room.closed_from is not None and room.closed_from <= last_day:
        raise Conflict(
            "room.closed",
            "Room closed",
            f"{room.name} is closed from {room.closed_from}; name another room, or end before that day.",
            room_id=str(room.id),
            closed_from=room.closed_from.isoformat(),
        )


def rooms_at_or_below(session: Session, unit_id: uuid.UUID) -> Sequence[Room]:
    """The rooms of a unit and of all below it, by code."""
    return queries.rooms_of_units(session, queries.ids_below(session, [unit_id]))


def room_ids_of(session: Session, unit_ids: Collection[uuid.UUID]) -> Sequence[uuid.UUID]:
    """The rooms of some units."""
    return queries.room_ids_of(session, unit_ids)


def find_room(session: Session, org_unit_id: uuid.UUID, code: str) -> Room | None:
    """A room by its code in an org unit, or None."""
    return queries.room_by_code(session, org_unit_id, code)


# --- pupil groups -------------------------------------------------------------------------------------------


def room_ids_named(session: Session, county_id: uuid.UUID, name: str) -> Sequence[uuid.UUID]:
    """Rooms of a county with this in their own name, or in that of their unit."""
    return queries.room_ids_named(session, county_id, name)


def pupil_groups(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, PupilGroup]:
    """Pupil groups by id, those that exist."""
    return queries.pupil_groups(session, ids)


def groups_of_units(
    session: Session, unit_ids: Collection[uuid.UUID], on: date | None = None
) -> Sequence[PupilGroup]:
    """The pupil groups of some units, by name; `on`: those that are not closed on that day."""
    found = queries.groups_of_units(session, unit_ids)
    return [each for each in found if on is None or is_there(each.closed_from, on)]


def taught_groups(
    session: Session, unit_ids: Collection[uuid.UUID], on: date
) -> Iterator[tuple[uuid.UUID, uuid.UUID, Sequence[int], int]]:
    """Unit, id, grades and headcount of the same groups, for counting: a county has a thousand."""
    for unit_id, group_id, grades, headcount, closed_from in queries.taught_groups(session, unit_ids):
        if is_there(closed_from, on):
            yield unit_id, group_id, grades, headcount
