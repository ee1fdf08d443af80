"""Use cases of closing rooms, pupil groups and org units from a day on: nothing may be planned or agreed any more.

They stay, with all that took place in them. Whatever lies after the day is in the way and named: it is for people to
decide what becomes of it, lesson by lesson, agreement by agreement.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.errors import Conflict
from app.lessons import closing_queries as queries
from app.lessons.naming import MOST_NAMED, named
from app.pairings import service as pairings
from app.pairings.models import Pairing
from app.schools import groups
from app.schools import service as schools
from app.schools.models import OrgUnit, PupilGroup, Room
from app.schools.rules import OrgUnitKind, is_there
from app.versions import ANY, Seen

Closable = OrgUnit | Room | PupilGroup


def close_room(session: Session, principal: Principal, room_id: UUID, day: date, seen: Seen = ANY) -> Room:
    """Let no lesson be in a room from a day on, as a bureau admin or the school's own.

    Raises `Conflict` with the lessons and agreements that lie after it.
    """
    room = schools.require_with_room(session, principal, Action.ROOM_CHANGE, room_id)
    seen.require(session, room)
    take_turns(session, [room.id])
    _refuse_planned(session, [room], day)
    _set(session, principal, Act.ROOM_CLOSED, room, day)
    return room


def reopen_room(session: Session, principal: Principal, room_id: UUID, seen: Seen = ANY) -> Room:
    """Let lessons be in a room again; its unit has to be open."""
    room = schools.require_with_room(session, principal, Action.ROOM_CHANGE, room_id)
    schools.refuse_closed(schools.get_org_unit(session, room.org_unit_id))
    seen.require(session, room)
    _set(session, principal, Act.ROOM_REOPENED, room, None)
    return room


def close_group(
    session: Session, principal: Principal, group_id: UUID, day: date, seen: Seen = ANY
) -> PupilGroup:
    """Let no lesson be for a group from a day on: it has left, or is another one in the new year.

    Raises `Conflict` with the lessons that lie after it.
    """
    group = groups.require_group(session, principal, Action.PUPIL_GROUP_CHANGE, group_id)
    seen.require(session, group)
    take_turns(session, [group.id])
    if lessons := queries.of_group_from(session, group.id, day):
        first = lessons[0]
        raise Conflict(
            "pupil_group.still_planned",
            "Still planned",
            f"{len(lessons)} lessons are for {group.name} from {day} on, the first “{first.title}” on {first.date}; "
            "name other groups for them, or choose a later day.",
            lessons=named(lessons),
            total_lessons=len(lessons),
        )
    _set(session, principal, Act.PUPIL_GROUP_CLOSED, group, day)
    return group


def reopen_group(session: Session, principal: Principal, group_id: UUID, seen: Seen = ANY) -> PupilGroup:
    """Let lessons be for a group again; its unit has to be open, and its name not another's by now."""
    group = groups.require_group(session, principal, Action.PUPIL_GROUP_CHANGE, group_id)
    unit = schools.get_org_unit(session, group.org_unit_id)
    schools.refuse_closed(unit)
    seen.require(session, group)
    with groups.named_once(session, unit, group.name):
        _set(session, principal, Act.PUPIL_GROUP_REOPENED, group, None)
    return group


def close_org_unit(
    session: Session, principal: Principal, unit_id: UUID, day: date, seen: Seen = ANY
) -> OrgUnit:
    """Close a unit, all below it, their rooms and groups from a day on, as a bureau admin. Refused as for a room."""
    unit = schools.require_at(session, principal, Action.ORG_UNIT_CHANGE, unit_id)
    if unit.kind is OrgUnitKind.COUNTY:
        raise Conflict("org_unit.county_stays", "A county stays", "A county cannot be closed.")
    seen.require(session, unit)
    rooms = schools.rooms_at_or_below(session, unit.id)
    take_turns(session, [room.id for room in rooms])
    _refuse_planned(session, rooms, day)
    below = schools.ids_below(session, [unit.id])
    with_it: list[Closable] = [
        *schools.org_units(session, below - {unit.id}).values(),
        *rooms,
        *schools.groups_of_units(session, below),
    ]
    for each in with_it:
        if is_there(each.closed_from, day):  # what closes earlier does so still
            each.closed_from = day
    _set(session, principal, Act.ORG_UNIT_CLOSED, unit, day)
    return unit


def reopen_org_unit(session: Session, principal: Principal, unit_id: UUID, seen: Seen = ANY) -> OrgUnit:
    """Open a unit again; the unit above has to be open. What is below it, rooms and groups are reopened one by one."""
    unit = schools.require_at(session, principal, Action.ORG_UNIT_CHANGE, unit_id)
    if unit.parent_id is not None:
        schools.refuse_closed(schools.get_org_unit(session, unit.parent_id))
    seen.require(session, unit)
    _set(session, principal, Act.ORG_UNIT_REOPENED, unit, None)
    return unit


def _refuse_planned(session: Session, rooms: Sequence[Room], day: date) -> None:
    ids = {room.id for room in rooms}
    lessons = queries.in_rooms_from(session, ids, day)
    agreed = pairings.claiming_rooms(session, ids, day)
    if not lessons and not agreed:
        return
    told = []
    if lessons:
        first = lessons[0]
        told.append(
            f"Lessons there from {day} on: {len(lessons)}, the first “{first.title}” on {first.date}; "
            "cancel them or move them to other rooms"
        )
    if agreed:
        told.append(f"Pairings that reach beyond it: {len(agreed)}; end them before that day")
    raise Conflict(
        "room.still_planned",
        "Still planned",
        f"{'. '.join(told)}. Or choose a later day.",
        lessons=named(lessons),
        pairings=[_pairing(each) for each in agreed[:MOST_NAMED]],
        total_lessons=len(lessons),
        total_pairings=len(agreed),
    )


def _pairing(pairing: Pairing) -> dict[str, str]:
    return {
        "pairing_id": str(pairing.id),
        "main_room_id": str(pairing.main_room_id),
        "receiving_room_id": str(pairing.receiving_room_id),
        "valid_to": pairing.valid_to.isoformat(),
    }


def _set(session: Session, principal: Principal, act: Act, thing: Closable, day: date | None) -> None:
    """Let something be closed from a day on, or (None) be open, and tell the trail."""
    before, thing.closed_from = thing.closed_from, day
    session.flush()
    if isinstance(thing, Room):
        about = Subject("room", thing.id, thing.org_unit_id)
    elif isinstance(thing, PupilGroup):
        about = Subject("pupil_group", thing.id, thing.org_unit_id)
    else:
        about = Subject("org_unit", thing.id, thing.id)
    audit.note(
        session,
        act,
        principal.county_id,
        principal.person_id,
        about,
        before={"closed_from": before},
        after={"closed_from": day},
    )
