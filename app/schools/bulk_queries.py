"""SQL of whole counties at once."""

import uuid
from collections.abc import Sequence
from datetime import date

from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session

from app.schools.models import OrgUnit, PupilGroup, Room


def units(session: Session, county_id: uuid.UUID) -> Sequence[OrgUnit]:
    return session.scalars(select(OrgUnit).where(OrgUnit.county_id == county_id).order_by(OrgUnit.code)).all()


def rooms(session: Session, county_id: uuid.UUID) -> Sequence[Room]:
    query = select(Room).join(OrgUnit, OrgUnit.id == Room.org_unit_id).where(OrgUnit.county_id == county_id)
    return session.scalars(query.order_by(OrgUnit.code, Room.code)).all()


def groups_on(session: Session, county_id: uuid.UUID, day: date) -> Sequence[PupilGroup]:
    is_open = PupilGroup.closed_from.is_(None)
    query = select(PupilGroup).join(OrgUnit, OrgUnit.id == PupilGroup.org_unit_id)
    query = query.where(OrgUnit.county_id == county_id, or_(is_open, PupilGroup.closed_from > day))
    order = OrgUnit.code, PupilGroup.name, case((is_open, 1), else_=0), PupilGroup.closed_from, PupilGroup.id
    return session.scalars(query.order_by(*order)).all()
