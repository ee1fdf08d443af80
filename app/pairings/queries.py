"""SQL of pairings."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app.pairings.models import Pairing
from app.pairings.rules import PairingState


@dataclass(frozen=True, slots=True)
class Search:
    """What a list of pairings is narrowed by."""

    county_id: UUID
    main_room_id: UUID | None = None
    receiving_room_id: UUID | None = None
    on: date | None = None


def pairing(session: Session, pairing_id: UUID) -> Pairing | None:
    return session.get(Pairing, pairing_id)


def renewed(session: Session, pairing_ids: Collection[UUID]) -> Sequence[UUID]:
    """Those of the agreements that an approved one renews."""
    query = select(Pairing.renews_id).where(
        Pairing.renews_id.in_(pairing_ids),
        Pairing.state.in_((PairingState.APPROVED, PairingState.SUSPENDED)),
    )
    return [renewed_id for renewed_id in session.scalars(query) if renewed_id is not None]


def living_renewal(session: Session, pairing_id: UUID) -> Pairing | None:
    """The agreement that renews this one and has not ended."""
    query = select(Pairing).where(Pairing.renews_id == pairing_id, Pairing.state != PairingState.ENDED)
    return session.scalar(query.limit(1))


def meeting(session: Session, county_id: UUID, first_day: date, last_day: date) -> Sequence[Pairing]:
    """A county's agreements that share a day with a span."""
    query = select(Pairing).where(
        Pairing.county_id == county_id, Pairing.valid_from <= last_day, Pairing.valid_to >= first_day
    )
    return session.scalars(query).all()


def between(session: Session, main_room_id: UUID, receiving_room_ids: Collection[UUID]) -> Sequence[Pairing]:
    """All agreements of a main room with these receiving rooms, the earliest first."""
    query = select(Pairing).where(
        Pairing.main_room_id == main_room_id, Pairing.receiving_room_id.in_(receiving_room_ids)
    )
    return session.scalars(query.order_by(Pairing.valid_from, Pairing.id)).all()


def pairings_page(
    session: Session, search: Search, after: tuple[date, UUID] | None, limit: int
) -> Sequence[Pairing]:
    """Pairings in order of their first day."""
    query = select(Pairing).where(Pairing.county_id == search.county_id)
    if search.main_room_id is not None:
        query = query.where(Pairing.main_room_id == search.main_room_id)
    if search.receiving_room_id is not None:
        query = query.where(Pairing.receiving_room_id == search.receiving_room_id)
    if search.on is not None:
        query = query.where(Pairing.valid_from <= search.on, Pairing.valid_to >= search.on)
    if after is not None:
        query = query.where(tuple_(Pairing.valid_from, Pairing.id) > tuple_(*after))
    return session.scalars(query.order_by(Pairing.valid_from, Pairing.id).limit(limit)).all()


def subjects_named(session: Session, county_id: UUID) -> Sequence[list[str]]:
    """The subjects each of a county's agreements names; some name none."""
    return session.scalars(select(Pairing.subjects).where(Pairing.county_id == county_id)).all()
