"""Use cases of changing org units and rooms: what they are called, where they are, what they have."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.schools.models import OrgUnit, Room
from app.schools.service import get_org_unit, require_at, require_with_room
from app.versions import ANY, Seen

Fields = Mapping[str, Any]
"""Columns with their new values."""
_UNTOLD = frozenset({"name", "address", "equipment"})  # the trail holds no free text: only that it changed


def change_org_unit(
    session: Session, principal: Principal, unit_id: uuid.UUID, wanted: Fields, seen: Seen = ANY
) -> OrgUnit:
    """Change a unit on behalf of a bureau admin; its code and place in the tree stay."""
    unit = require_at(session, principal, Action.ORG_UNIT_CHANGE, unit_id)
    seen.require(session, unit)
    before, after = _apply(unit, wanted)
    session.flush()
    about = Subject("org_unit", unit.id, unit.id)
    audit.note(
        session, Act.ORG_UNIT_CHANGED, unit.county_id, principal.person_id, about, before=before, after=after
    )
    return unit


def change_room(
    session: Session, principal: Principal, room_id: uuid.UUID, wanted: Fields, seen: Seen = ANY
) -> Room:
    """Change a room on behalf of a bureau admin or the school's own admin; its code and kind stay."""
    room = require_with_room(session, principal, Action.ROOM_CHANGE, room_id)
    seen.require(session, room)
    before, after = _apply(room, wanted)
    session.flush()
    county_id = get_org_unit(session, room.org_unit_id).county_id
    about = Subject("room", room.id, room.org_unit_id)
    audit.note(session, Act.ROOM_CHANGED, county_id, principal.person_id, about, before=before, after=after)
    return room


def _apply(thing: OrgUnit | Room, wanted: Fields) -> tuple[Fields, Fields]:
    told = [field for field in wanted if field not in _UNTOLD]
    before = {field: getattr(thing, field) for field in told}
    for field, value in wanted.items():
        setattr(thing, field, value)
    changed = {"changed": sorted(wanted)}
    return before, {field: getattr(thing, field) for field in told} | changed
