"""What goes over the wire about webhooks."""

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import Field

from app.notices.addresses import LONGEST_URL
from app.notices.retrying import DeliveryState
from app.schemas import Input, Name, Output, example

_NEW: Final = {"name": "OA system", "url": "https://oa.example.org/tongtang"}
_WEBHOOK: Final = _NEW | {
    "id": "2c1a8f3e-57a2-4a6b-8d0e-3f5f2f0a9b11",
    "created_at": "2026-09-01T00:12:05Z",
}


class NewWebhook(Input):
    """Another system that is to be told what happens to lessons."""

    model_config = Input.model_config | example(_NEW)

    name: Name
    url: str = Field(
        max_length=LONGEST_URL,
        description="https, on the public internet; or http too, in a network that the operator allows",
    )


class WebhookOut(Output):
    """A webhook; its secret is told only when it is made."""

    model_config = Output.model_config | example(_WEBHOOK)

    id: UUID
    name: str
    url: str
    created_at: datetime


class NewWebhookOut(WebhookOut):
    """A webhook that was just made."""

    model_config = Output.model_config | example(
        _WEBHOOK | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="}
    )

    secret: str = Field(
        description="For the receiver to check signatures by (Standard Webhooks); it is not shown again"
    )


class DeliveryOut(Output):
    """Something that was sent to a webhook, or waits for it."""

    model_config = Output.model_config | example(
        {
            "id": "7d0a5a1c-3b61-4d53-9a0c-2f6f8e1b4c05",
            "webhook_id": _WEBHOOK["id"],
            "state": "waiting",
            "attempts": 2,
            "created_at": "2026-09-06T09:30:02Z",
            "next_at": "2026-09-06T09:30:27Z",
            "done_at": None,
            "status": 503,
            "problem": "answered 503",
            "body": '{"type":"lessons.changed","timestamp":"2026-09-06T09:30:02+00:00","data":{}}',
        }
    )

    id: UUID = Field(description="`webhook-id` of every attempt: a receiver takes each once")
    webhook_id: UUID
    state: DeliveryState = Field(description="`dead`: given up; send it again once the receiver is well")
    attempts: int
    created_at: datetime
    next_at: datetime = Field(description="When it is tried next, while it waits")
    done_at: datetime | None
    status: int | None = Field(description="What the last attempt was answered")
    problem: str | None = Field(description="Why the last attempt failed")
    body: str
