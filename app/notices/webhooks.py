"""Use cases of webhooks: other systems that are told of a county's changes, and what became of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import Target, require
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.errors import Conflict, Invalid, NotFound
from app.notices import delivering
from app.notices import webhook_queries as queries
from app.notices.addresses import BadUrl, Network, Place, check_url, literal, place_of
from app.notices.models import Delivery, Webhook
from app.notices.retrying import DeliveryState

MOST_WEBHOOKS: Final = 20


@dataclass(frozen=True, slots=True)
class Page:
    """Deliveries, the newest first, and whether there are more."""

    deliveries: Sequence[Delivery]
    more: bool


def add_webhook(
    session: Session, principal: Principal, name: str, url: str, named: Sequence[Network], now: datetime
) -> Webhook:
    """Register a receiver of the county's changes, as a bureau admin."""
    county_id = principal.county_id
    require(principal, Action.WEBHOOK_ADD, Target(county_id), missing=_no_webhook(county_id))
    _check(url, named)
    take_turns(session, [county_id])
    if len(queries.webhooks_of(session, county_id)) >= MOST_WEBHOOKS:
        raise Conflict(
            "webhook.too_many", "Too many webhooks", f"The county has {MOST_WEBHOOKS}; remove one first."
        )
    webhook = Webhook(county_id=county_id, name=name, url=url, created_at=now)
    session.add(webhook)
    session.flush()
    host = urlsplit(url).hostname
    subject = Subject("webhook", webhook.id)
    audit.note(session, Act.WEBHOOK_ADDED, county_id, principal.person_id, subject, after={"host": host})
    return webhook


def list_webhooks(session: Session, principal: Principal) -> Sequence[Webhook]:
    """The county's webhooks, the oldest first."""
    return queries.webhooks_of(session, principal.county_id)


def remove_webhook(session: Session, principal: Principal, webhook_id: UUID) -> None:
    """Tell a receiver nothing any more; what waits for it goes with it."""
    webhook = _webhook(session, principal, Action.WEBHOOK_REMOVE, webhook_id)
    session.delete(webhook)
    session.flush()
    subject = Subject("webhook", webhook_id)
    audit.note(session, Act.WEBHOOK_REMOVED, webhook.county_id, principal.person_id, subject)


def try_webhook(session: Session, principal: Principal, webhook_id: UUID, now: datetime) -> Delivery:
    """Put down a delivery that says nothing, to see whether it arrives."""
    webhook = _webhook(session, principal, Action.WEBHOOK_CHANGE, webhook_id)
    body = delivering.body_of("webhook.test", webhook.county_id, now, {})
    delivery = delivering.delivery_of(webhook.id, body, now)
    session.add(delivery)
    session.flush()
    return delivery


def list_deliveries(
    session: Session,
    principal: Principal,
    webhook_id: UUID,
    state: DeliveryState | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> Page:
    """What was sent to a webhook, or waits for it."""
    webhook = _webhook(session, principal, Action.WEBHOOK_SHOW, webhook_id)
    found = queries.deliveries_page(session, webhook.id, state, before, limit + 1)
    return Page(found[:limit], len(found) > limit)


def send_again(session: Session, principal: Principal, delivery_id: UUID, now: datetime) -> Delivery:
    """Try a delivery anew at once, however it went; with the same id, by which the receiver knows it."""
    missing = NotFound("delivery.not_found", "No such delivery", f"There is no delivery {delivery_id}.")
    delivery = queries.delivery(session, delivery_id)
    webhook = queries.webhook(session, delivery.webhook_id) if delivery is not None else None
    if delivery is None or webhook is None:
        raise missing
    require(principal, Action.WEBHOOK_CHANGE, Target(webhook.county_id), missing=missing)
    delivery.state, delivery.done_at = DeliveryState.WAITING, None
    delivery.attempts, delivery.next_at = 0, now
    session.flush()
    subject = Subject("webhook", webhook.id)
    facts = {"delivery_id": delivery.id}
    audit.note(session, Act.DELIVERY_SENT_AGAIN, webhook.county_id, principal.person_id, subject, after=facts)
    return delivery


def _check(url: str, named: Sequence[Network]) -> None:
    try:
        check_url(url)
    except BadUrl as error:
        raise Invalid("webhook.bad_url", "Not a possible address", f"The `url` {error}.") from None
    address = literal(urlsplit(url).hostname or "")
    if address is not None and place_of(address, named) is Place.CLOSED:
        raise Invalid(
            "webhook.closed_address",
            "Not an address for webhooks",
            f"{address} is not on the public internet. The operator can allow networks of the county's own: "
            "TONGTANG_WEBHOOK_NETWORKS.",
        )


def _webhook(session: Session, principal: Principal, action: Action, webhook_id: UUID) -> Webhook:
    webhook = queries.webhook(session, webhook_id)
    if webhook is None:
        raise _no_webhook(webhook_id)
    require(principal, action, Target(webhook.county_id), missing=_no_webhook(webhook_id))
    return webhook


def _no_webhook(webhook_id: UUID) -> NotFound:
    return NotFound("webhook.not_found", "No such webhook", f"There is no webhook {webhook_id}.")
