"""SQL of org units and rooms."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.listing import Paging, Slice, both_ways, sliced, sliced_rows
from app.schools.models import OrgUnit, PupilGroup, Room, TaughtSubject
from app.schools.rules import OrgUnitKind, RoomKind


def org_units(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, OrgUnit]:
    return {unit.id: unit for unit in session.scalars(select(OrgUnit).where(OrgUnit.id.in_(ids)))}


_units = OrgUnit.__table__.c
_roots = OrgUnit.__table__.alias("roots")
_BELOW = (
    select(_units.id)
    .join(_roots, or_(_units.id == _roots.c.id, _units.path.startswith(_roots.c.path.concat("/"))))
    .where(_roots.c.id.in_(bindparam("ids", expanding=True)))
)
_PATHS = select(_units.id, _units.path).where(_units.id.in_(bindparam("ids", expanding=True)))


def paths(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    return {row.id: row.path for row in session.execute(_PATHS, {"ids": list(ids)})}


def ids_below(session: Session, roots: Collection[uuid.UUID]) -> Sequence[uuid.UUID]:
    """Units that are, or stand anywhere below, one of these."""
    return session.scalars(_BELOW, {"ids": list(roots)}).all()


def county_by_code(session: Session, code: str) -> OrgUnit | None:
    return session.scalar(select(OrgUnit).where(OrgUnit.code == code, OrgUnit.kind == OrgUnitKind.COUNTY))


def org_unit_by_code(session: Session, county_id: uuid.UUID, code: str) -> OrgUnit | None:
    return session.scalar(select(OrgUnit).where(OrgUnit.county_id == county_id, OrgUnit.code == code))


# By columns of tables: naming one attribute of a class would make the whole statement one of objects.
ORG_UNIT_ORDERS = both_ways(code=(_units.code,), name=(_units.name, _units.id))


def org_units_page(
    session: Session,
    county_id: uuid.UUID,
    kind: OrgUnitKind | None,
    parent_id: uuid.UUID | None,
    below: uuid.UUID | None,
    name: str | None,
    paging: Paging,
) -> Slice[Any]:
    """Units of a county, to be shown, in one of the `ORG_UNIT_ORDERS`; `below`: this one and all below it."""
    query = select(*_units).where(_units.county_id == county_id)
    if kind is not None:
        query = query.where(_units.kind == kind)
    if parent_id is not None:
        query = query.where(_units.parent_id == parent_id)
    if below is not None:
        query = query.where(_below(below))
    if name is not None:
        query = query.where(
            or_(*(each.istartswith(name, autoescape=True) for each in (_units.name, _units.code)))
        )
    return sliced_rows(session, query, ORG_UNIT_ORDERS, paging)


def _below(unit_id: uuid.UUID) -> ColumnElement[bool]:
    path = select(_roots.c.path).where(_roots.c.id == unit_id).scalar_subquery()
    return or_(_units.id == unit_id, _units.path.startswith(path.concat("/")))


def rooms(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Room]:
    return {room.id: room for room in session.scalars(select(Room).where(Room.id.in_(ids)))}


def rooms_of_units(session: Session, unit_ids: Collection[uuid.UUID]) -> Sequence[Room]:
    return session.scalars(
        select(Room).where(Room.org_unit_id.in_(unit_ids)).order_by(Room.code, Room.id)
    ).all()


def room_ids_of(session: Session, unit_ids: Collection[uuid.UUID]) -> Sequence[uuid.UUID]:
    return session.scalars(select(Room.id).where(Room.org_unit_id.in_(unit_ids))).all()


def room_by_code(session: Session, org_unit_id: uuid.UUID, code: str) -> Room | None:
    return session.scalar(select(Room).where(Room.org_unit_id == org_unit_id, Room.code == code))


_rooms = Room.__table__.c
ROOM_ORDERS = both_ways(code=(_units.code, _rooms.code), name=(_rooms.name, _rooms.id))


def _rooms_of(county_id: uuid.UUID) -> Select[Room]:
    return select(Room).join(OrgUnit, OrgUnit.id == Room.org_unit_id).where(OrgUnit.county_id == county_id)


def rooms_page(
    session: Session,
    county_id: uuid.UUID,
    kind: RoomKind | None,
    below: uuid.UUID | None,
    name: str | None,
    equipment: str | None,
    paging: Paging,
) -> Slice[Any]:
    """Rooms of a county, to be shown, in one of the `ROOM_ORDERS`; `below`: those of this unit and of all below it."""
    query = select(*_rooms).join(OrgUnit.__table__, _units.id == _rooms.org_unit_id)
    query = query.where(_units.county_id == county_id)
    if kind is not None:
        query = query.where(_rooms.kind == kind)
    if below is not None:
        query = query.where(_below(below))
    if name is not None:
        query = query.where(_rooms.name.istartswith(name, autoescape=True))
    if equipment is not None:
        query = query.where(_rooms.equipment.icontains(equipment, autoescape=True))
    return sliced_rows(session, query, ROOM_ORDERS, paging)


def rooms_of(
    session: Session, county_id: uuid.UUID, kind: RoomKind, org_unit_id: uuid.UUID | None, limit: int
) -> Sequence[Room]:
    """A county's rooms of one kind, or those of one unit, by the codes of unit and room."""
    query = _rooms_of(county_id).where(Room.kind == kind).order_by(OrgUnit.code, Room.code)
    if org_unit_id is not None:
        query = query.where(Room.org_unit_id == org_unit_id)
    return session.scalars(query.limit(limit)).all()


def room_ids_below(session: Session, unit_id: uuid.UUID) -> Sequence[uuid.UUID]:
    """The rooms of a unit and of all below it."""
    query = select(Room.id).join(OrgUnit, OrgUnit.id == Room.org_unit_id)
    return session.scalars(query.where(_below(unit_id))).all()


def room_ids_named(session: Session, county_id: uuid.UUID, name: str) -> Sequence[uuid.UUID]:
    """Rooms of a county with this in their own name, or in that of their unit."""
    query = (
        select(Room.id).join(OrgUnit, OrgUnit.id == Room.org_unit_id).where(OrgUnit.county_id == county_id)
    )
    named = or_(*(each.icontains(name, autoescape=True) for each in (Room.name, OrgUnit.name)))
    return session.scalars(query.where(named)).all()


_GROUP_NAMES = (PupilGroup.name, OrgUnit.name)
GROUP_ORDERS = both_ways(id=(PupilGroup.id,), name=(PupilGroup.name, PupilGroup.id))


@dataclass(frozen=True, slots=True)
class WantedGroups:
    """What a list of pupil groups is narrowed by."""

    below: uuid.UUID | None = None
    """Those of this unit and of all below it."""
    unit_ids: tuple[uuid.UUID, ...] = ()
    name: str | None = None
    """In their own name, or in that of their unit."""
    on: date | None = None
    """A day on which they are not closed."""


def pupil_groups_page(
    session: Session, county_id: uuid.UUID, wanted: WantedGroups, paging: Paging
) -> Slice[PupilGroup]:
    """Pupil groups of a county in one of the `GROUP_ORDERS`."""
    query = select(PupilGroup).join(OrgUnit, OrgUnit.id == PupilGroup.org_unit_id)
    query = query.where(OrgUnit.county_id == county_id)
    if wanted.below is not None:
        query = query.where(_below(wanted.below))
    if wanted.unit_ids:
        query = query.where(PupilGroup.org_unit_id.in_(wanted.unit_ids))
    if wanted.name is not None:
        query = query.where(or_(*(each.icontains(wanted.name, autoescape=True) for each in _GROUP_NAMES)))
    if wanted.on is not None:
        query = query.where(or_(PupilGroup.closed_from.is_(None), PupilGroup.closed_from > wanted.on))
    return sliced(session, query, GROUP_ORDERS, paging)


def pupil_groups(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, PupilGroup]:
    return {group.id: group for group in session.scalars(select(PupilGroup).where(PupilGroup.id.in_(ids)))}


def groups_of_units(session: Session, unit_ids: Collection[uuid.UUID]) -> Sequence[PupilGroup]:
    """The pupil groups of these units, by name."""
    query = select(PupilGroup).where(PupilGroup.org_unit_id.in_(unit_ids))
    return session.scalars(query.order_by(PupilGroup.name, PupilGroup.id)).all()


_groups = PupilGroup.__table__.c
_TAUGHT = (
    select(_groups.org_unit_id, _groups.id, _groups.grades, _groups.headcount, _groups.closed_from)
    .where(_groups.org_unit_id.in_(bindparam("ids", expanding=True)))
    .order_by(_groups.name, _groups.id)
)


def taught_groups(
    session: Session, unit_ids: Collection[uuid.UUID]
) -> Sequence[tuple[uuid.UUID, uuid.UUID, list[int], int, date | None]]:
    """Of the pupil groups of these units: unit, id, grades, headcount, and since when they are closed;
    by name."""
    return [tuple(row) for row in session.execute(_TAUGHT, {"ids": list(unit_ids)})]


def subject(session: Session, subject_id: uuid.UUID) -> TaughtSubject | None:
    return session.get(TaughtSubject, subject_id)


def subjects(session: Session, county_id: uuid.UUID) -> Sequence[TaughtSubject]:
    """A county's list, by code."""
    query = select(TaughtSubject).where(TaughtSubject.county_id == county_id)
    return session.scalars(query.order_by(TaughtSubject.code)).all()


def subject_codes(session: Session, county_id: uuid.UUID, codes: Collection[str]) -> frozenset[str]:
    """Those of some codes that a county's list has."""
    query = select(TaughtSubject.code).where(
        TaughtSubject.county_id == county_id, TaughtSubject.code.in_(codes)
    )
    return frozenset(session.scalars(query))


def count_subjects(session: Session, county_id: uuid.UUID) -> int:
    query = select(func.count()).select_from(TaughtSubject)
    return session.scalar(query.where(TaughtSubject.county_id == county_id)) or 0
