"""SQL of webhooks and their deliveries."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, case, delete, func, literal, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.database import rows_of
from app.notices.models import Delivery, Webhook
from app.notices.retrying import LEASE, DeliveryState

_WAITING = Delivery.done_at.is_(None)
"""The same as the state of that name, in the words of the index."""

_DONE = (DeliveryState.DELIVERED, DeliveryState.DEAD)


@dataclass(frozen=True, slots=True)
class Most:
    """How many deliveries are claimed at once, and how many are under way already, by county and by webhook."""

    now: int
    of_county: int
    of_webhook: int
    by_county: Mapping[UUID, int]
    by_webhook: Mapping[UUID, int]


def webhook(session: Session, webhook_id: UUID) -> Webhook | None:
    return session.get(Webhook, webhook_id)


def webhooks_of(session: Session, county_id: UUID) -> Sequence[Webhook]:
    """A county's webhooks, the oldest first."""
    query = select(Webhook).where(Webhook.county_id == county_id)
    return session.scalars(query.order_by(Webhook.created_at, Webhook.id)).all()


def delivery(session: Session, delivery_id: UUID) -> Delivery | None:
    return session.get(Delivery, delivery_id)


def deliveries_page(
    session: Session,
    webhook_id: UUID,
    state: DeliveryState | None,
    before: tuple[dt.datetime, UUID] | None,
    limit: int,
) -> Sequence[Delivery]:
    """A webhook's deliveries, the newest first."""
    query = select(Delivery).where(Delivery.webhook_id == webhook_id)
    if state is not None:
        query = query.where(Delivery.state == state)
    if before is not None:
        query = query.where(tuple_(Delivery.created_at, Delivery.id) < tuple_(*before))
    return session.scalars(query.order_by(Delivery.created_at.desc(), Delivery.id.desc()).limit(limit)).all()


def anything_due(session: Session, now: dt.datetime) -> bool:
    query = select(Delivery.id).where(_WAITING, Delivery.next_at <= now).limit(1)
    return session.scalar(query) is not None


def claim(session: Session, now: dt.datetime, most: Most) -> Sequence[tuple[Delivery, Webhook]]:
    """Deliveries for an attempt of ours; two who claim at once get different ones.

    Not more than a few of one webhook, and county by county, those first that have the fewest under way; within
    a county those that are due longest.
    """
    due, longest = (_WAITING, Delivery.next_at <= now), (Delivery.next_at, Delivery.id)
    place = func.row_number().over(partition_by=Delivery.webhook_id, order_by=longest)
    places = place + _under_way(Delivery.webhook_id, most.by_webhook)
    placed = select(Delivery.id, places.label("place")).where(*due).subquery()
    turn = func.row_number().over(partition_by=Webhook.county_id, order_by=longest)
    counted = turn + _under_way(Webhook.county_id, most.by_county)
    turns = (
        select(Delivery.id, counted.label("turn"))
        .join(Webhook, Webhook.id == Delivery.webhook_id)
        .join(placed, placed.c.id == Delivery.id)
        .where(placed.c.place <= most.of_webhook)
        .subquery()
    )
    query = (
        select(Delivery, Webhook)
        .join(Webhook, Webhook.id == Delivery.webhook_id)
        .join(turns, turns.c.id == Delivery.id)
        .where(turns.c.turn <= most.of_county, *due)
        .order_by(turns.c.turn, *longest)
        .limit(most.now)
        .with_for_update(of=Delivery, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    rows = [(each, hook) for each, hook in session.execute(query)]
    for each, _ in rows:
        each.attempts += 1
        each.next_at = now + LEASE
    session.flush()
    return rows


def _under_way(column: InstrumentedAttribute[UUID], numbers: Mapping[UUID, int]) -> ColumnElement[int]:
    """How many there are of a row's county or webhook."""
    if not numbers:
        return literal(0)
    return case(*((column == key, number) for key, number in numbers.items()), else_=0)


def counts(session: Session) -> Mapping[DeliveryState, int]:
    """How many wait, and how many were given up and are kept still."""
    states = {DeliveryState.WAITING: _WAITING, DeliveryState.DEAD: Delivery.state == DeliveryState.DEAD}
    return {
        state: session.scalar(select(func.count()).select_from(Delivery).where(condition)) or 0
        for state, condition in states.items()
    }


def settle(session: Session, delivery_id: UUID, attempts: int | None, values: Mapping[str, object]) -> bool:
    """Write how an attempt went; with `attempts` only if no other was made since."""
    own = [Delivery.id == delivery_id, _WAITING]
    if attempts is not None:
        own.append(Delivery.attempts == attempts)
    return rows_of(session.execute(update(Delivery).where(*own).values(values))) > 0


def forget_done(session: Session, done_before: dt.datetime) -> int:
    return rows_of(
        session.execute(delete(Delivery).where(Delivery.state.in_(_DONE), Delivery.done_at < done_before))
    )
