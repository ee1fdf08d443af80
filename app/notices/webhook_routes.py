"""HTTP of webhooks."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.notices import webhooks
from app.notices.retrying import DeliveryState
from app.notices.signing import secret_of
from app.notices.webhook_schemas import DeliveryOut, NewWebhook, NewWebhookOut, WebhookOut
from app.schemas import Page, PageAfter, PageLimit, decode_pair, encode_cursor, moment

router = APIRouter(prefix="/api/v1", tags=["notices"])

Changer = Annotated[Principal, may(Action.WEBHOOK_CHANGE)]
Shower = Annotated[Principal, may(Action.WEBHOOK_SHOW)]


@router.post(
    "/webhooks",
    status_code=201,
    summary="Register a webhook",
    responses=responses(Unauthenticated, Forbidden, Conflict, Invalid),
)
def add_webhook(
    body: NewWebhook,
    request: Request,
    response: Response,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.WEBHOOK_ADD)],
) -> NewWebhookOut:
    """Let another system be told of every change of the county's published lessons, by signed POST requests.

    Their form and signature are those of Standard Webhooks; the secret is shown this once."""
    state = request.app.state
    made = webhooks.add_webhook(
        session, principal, body.name, body.url, state.settings.allowed_networks, datetime.now(UTC)
    )
    response.headers["Cache-Control"] = "no-store"
    shown = WebhookOut.model_validate(made).model_dump()
    return NewWebhookOut(**shown, secret=secret_of(state.keys, made.id))


@router.get("/webhooks", summary="List webhooks", responses=responses(Unauthenticated, Forbidden))
def list_webhooks(session: SessionDep, principal: Shower) -> Page[WebhookOut]:
    """The county's webhooks, the oldest first."""
    found = webhooks.list_webhooks(session, principal)
    return Page(items=[WebhookOut.model_validate(each) for each in found], next=None)


@router.delete(
    "/webhooks/{webhook_id}",
    status_code=204,
    summary="Remove a webhook",
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def remove_webhook(
    webhook_id: UUID, session: SessionDep, principal: Annotated[Principal, may(Action.WEBHOOK_REMOVE)]
) -> None:
    """Tell it nothing any more; what waits for it is dropped."""
    webhooks.remove_webhook(session, principal, webhook_id)


@router.post(
    "/webhooks/{webhook_id}/test",
    status_code=201,
    summary="Try a webhook",
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def try_webhook(webhook_id: UUID, session: SessionDep, principal: Changer) -> DeliveryOut:
    """Send it an event of type `webhook.test`; look at its deliveries a moment later."""
    made = webhooks.try_webhook(session, principal, webhook_id, datetime.now(UTC))
    return DeliveryOut.model_validate(made)


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    summary="List deliveries",
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def list_deliveries(
    webhook_id: UUID,
    session: SessionDep,
    principal: Shower,
    state: Annotated[DeliveryState | None, Query(description="`dead`: those given up")] = None,
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[DeliveryOut]:
    """What was sent to a webhook or waits for it, the newest first, and why it failed."""
    last = decode_pair(after, moment, UUID) if after else None
    found = webhooks.list_deliveries(session, principal, webhook_id, state, last, limit)
    items = [DeliveryOut.model_validate(each) for each in found.deliveries]
    following = encode_cursor(items[-1].created_at.isoformat(), str(items[-1].id)) if found.more else None
    return Page(items=items, next=following)


@router.post(
    "/webhook-deliveries/{delivery_id}/send-again",
    summary="Send a delivery again",
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def send_again(delivery_id: UUID, session: SessionDep, principal: Changer) -> DeliveryOut:
    """Try it anew at once, with the same id, however it went so far."""
    return DeliveryOut.model_validate(webhooks.send_again(session, principal, delivery_id, datetime.now(UTC)))
