"""SQL of pairings."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, case, cast, exists, or_, select
from sqlalchemy.orm import Session, aliased

from app.listing import Paging, Slice, both_ways, sliced
from app.pairings.models import Pairing
from app.pairings.rules import PairingState


@dataclass(frozen=True, slots=True)
class Search:
    """What a list of pairings is narrowed by."""

    county_id: UUID
    main_room_id: UUID | None = None
    receiving_room_id: UUID | None = None
    on: date | None = None
    subject: str | None = None
    room_ids: Collection[UUID] | None = None
    named_ids: Collection[UUID] | None = None
    """Rooms one of which an agreement is about, as with `room_ids`."""
    states: Collection[PairingState] = ()
    today: date = date.min


def pairing(session: Session, pairing_id: UUID) -> Pairing | None:
    return session.get(Pairing, pairing_id)


def by_ids(session: Session, ids: Collection[UUID]) -> Sequence[Pairing]:
    return session.scalars(select(Pairing).where(Pairing.id.in_(ids))).all()


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


def of_county(session: Session, county_id: UUID) -> Sequence[Pairing]:
    """All agreements of a county, by first day."""
    query = select(Pairing).where(Pairing.county_id == county_id)
    return session.scalars(query.order_by(Pairing.valid_from, Pairing.id)).all()


def between(session: Session, main_room_id: UUID, receiving_room_ids: Collection[UUID]) -> Sequence[Pairing]:
    """All agreements of a main room with these receiving rooms, the earliest first."""
    query = select(Pairing).where(
        Pairing.main_room_id == main_room_id, Pairing.receiving_room_id.in_(receiving_room_ids)
    )
    return session.scalars(query.order_by(Pairing.valid_from, Pairing.id)).all()


def of_main_rooms(session: Session, room_ids: Collection[UUID]) -> Sequence[Pairing]:
    """All agreements of these main rooms, the earliest first."""
    query = select(Pairing).where(Pairing.main_room_id.in_(room_ids))
    return session.scalars(query.order_by(Pairing.valid_from, Pairing.id)).all()


ORDERS = both_ways(valid_from=(Pairing.valid_from, Pairing.id), valid_to=(Pairing.valid_to, Pairing.id))


def pairings_page(session: Session, search: Search, paging: Paging) -> Slice[Pairing]:
    """Pairings in one of the `ORDERS`."""
    query = select(Pairing).where(Pairing.county_id == search.county_id)
    if search.main_room_id is not None:
        query = query.where(Pairing.main_room_id == search.main_room_id)
    if search.receiving_room_id is not None:
        query = query.where(Pairing.receiving_room_id == search.receiving_room_id)
    if search.on is not None:
        query = query.where(Pairing.valid_from <= search.on, Pairing.valid_to >= search.on)
    if search.subject is not None:
        named = cast(Pairing.subjects, String).contains(json.dumps(search.subject), autoescape=True)
        query = query.where(or_(cast(Pairing.subjects, String) == "[]", named))
    for rooms in (search.room_ids, search.named_ids):
        if rooms is not None:
            query = query.where(or_(Pairing.main_room_id.in_(rooms), Pairing.receiving_room_id.in_(rooms)))
    if search.states:
        query = query.where(standing(search.today).in_(search.states))
    return sliced(session, query, ORDERS, paging)


def standing(day: date) -> ColumnElement[str]:
    """The same as `rules.Agreement.state_on`."""
    later = aliased(Pairing)
    approved = later.state.in_((PairingState.APPROVED, PairingState.SUSPENDED))
    renewed = exists().where(later.renews_id == Pairing.id, approved)
    state, stopped = cast(Pairing.state, String), Pairing.stopped_from
    undecided = Pairing.state.in_((PairingState.PROPOSED, PairingState.ACCEPTED))
    carried_none = and_(stopped.is_not(None), stopped <= Pairing.valid_from)
    suspended = and_(Pairing.state == PairingState.SUSPENDED, Pairing.valid_to >= day)
    over = case((renewed, PairingState.RENEWED.value), else_=PairingState.ENDED.value)
    return case(
        (and_(undecided, Pairing.valid_to >= day), state),
        (undecided, PairingState.ENDED.value),
        (and_(Pairing.state == PairingState.ENDED, carried_none), PairingState.ENDED.value),
        (and_(stopped <= day, suspended), PairingState.SUSPENDED.value),
        (and_(stopped <= day, carried_none), PairingState.ENDED.value),
        (stopped <= day, over),
        (Pairing.valid_to < day, over),
        (Pairing.valid_from > day, PairingState.APPROVED.value),
        else_=PairingState.ACTIVE.value,
    )


def subjects_named(session: Session, county_id: UUID) -> Sequence[list[str]]:
    """The subjects each of a county's agreements names; some name none."""
    return session.scalars(select(Pairing.subjects).where(Pairing.county_id == county_id)).all()


def of_rooms(session: Session, room_ids: Collection[UUID], day: date) -> Sequence[Pairing]:
    """Agreements of these rooms, on either side, that reach a day, by first day."""
    query = select(Pairing).where(
        or_(Pairing.main_room_id.in_(room_ids), Pairing.receiving_room_id.in_(room_ids)),
        Pairing.valid_to >= day,
    )
    return session.scalars(query.order_by(Pairing.valid_from, Pairing.id)).all()
