"""Use cases of many at once: all units, rooms and pupil groups of a county, and storing such as were checked before.

What may be stored is decided by the same rules as for one (`service.unit_below`, `service.room_in`, `groups.group_in`);
here it is written in a few statements, and every one of them is told to the trail.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.schools import bulk_queries
from app.schools.groups import note_group_added
from app.schools.models import OrgUnit, PupilGroup, Room
from app.schools.service import note_room_added, note_unit_added


def all_units(session: Session, county_id: uuid.UUID) -> Sequence[OrgUnit]:
    """A county and all units below it, by code."""
    return bulk_queries.units(session, county_id)


def all_rooms(session: Session, county_id: uuid.UUID) -> Sequence[Room]:
    """All rooms of a county, by the codes of unit and room."""
    return bulk_queries.rooms(session, county_id)


def groups_on(session: Session, county_id: uuid.UUID, day: date) -> Sequence[PupilGroup]:
    """The pupil groups of a county that are not closed on a day, by the unit's code and their name.

    Of two with the same name, the one that closes some day comes first.
    """
    return bulk_queries.groups_on(session, county_id, day)


def add_units(session: Session, principal: Principal, units: Sequence[OrgUnit]) -> None:
    """Store units, those above before those below."""
    session.add_all(units)
    session.flush()
    for unit in units:
        note_unit_added(session, principal, unit)


def add_rooms(session: Session, principal: Principal, rooms: Sequence[Room]) -> None:
    """Store rooms."""
    session.add_all(rooms)
    session.flush()
    for room in rooms:
        note_room_added(session, principal, principal.county_id, room)


def add_groups(session: Session, principal: Principal, groups: Sequence[PupilGroup]) -> None:
    """Store pupil groups."""
    session.add_all(groups)
    session.flush()
    for group in groups:
        note_group_added(session, principal, principal.county_id, group)


_CHANGES = {
    OrgUnit: (Act.ORG_UNIT_CHANGED, "org_unit"),
    Room: (Act.ROOM_CHANGED, "room"),
    PupilGroup: (Act.PUPIL_GROUP_CHANGED, "pupil_group"),
}


def change(
    session: Session,
    principal: Principal,
    changes: Sequence[tuple[OrgUnit | Room | PupilGroup, Mapping[str, Any]]],
) -> None:
    """Give things other values; the trail is told which, but of names only that they changed."""
    for thing, values in changes:
        act, kind = _CHANGES[type(thing)]
        told = [name for name in values if name not in ("name", "equipment")]
        before = {name: getattr(thing, name) for name in told}
        for name, value in values.items():
            setattr(thing, name, value)
        place = thing.id if isinstance(thing, OrgUnit) else thing.org_unit_id
        after = {name: values[name] for name in told} | {"changed": sorted(values)}
        subject = Subject(kind, thing.id, place)
        audit.note(
            session, act, principal.county_id, principal.person_id, subject, before=before, after=after
        )
    session.flush()
