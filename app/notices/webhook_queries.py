"""SQL of webhooks and their deliveries."""

import datetime as dt
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from app.database import rows_of
from app.notices.models import Delivery, Webhook
from app.notices.retrying import LEASE, DeliveryState

_WAITING = Delivery.done_at.is_(None)
"""The same as the state of that name, in the words of the index."""

_DONE = (DeliveryState.DELIVERED, DeliveryState.DEAD)


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


def claim(
    session: Session, now: dt.datetime, limit: int, most_of_one: int
) -> Sequence[tuple[Delivery, Webhook]]:
    """The deliveries that are due longest, for an attempt of ours; two who claim at once get different ones.

    Not more than a few of one webhook, so that a slow receiver does not keep the others waiting.
    """
    place = func.row_number().over(partition_by=Delivery.webhook_id, order_by=(Delivery.next_at, Delivery.id))
    ranked = select(Delivery.id, place.label("place")).where(_WAITING, Delivery.next_at <= now).subquery()
    chosen = select(ranked.c.id).where(ranked.c.place <= most_of_one)
    query = (
        select(Delivery, Webhook)
        .join(Webhook, Webhook.id == Delivery.webhook_id)
        .where(Delivery.id.in_(chosen), _WAITING, Delivery.next_at <= now)
        .order_by(Delivery.next_at, Delivery.id)
        .limit(limit)
        .with_for_update(of=Delivery, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    rows = [(each, hook) for each, hook in session.execute(query)]
    for each, _ in rows:
        each.attempts += 1
        each.next_at = now + LEASE
    session.flush()
    return rows


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
