"""How a receiver knows that a webhook is ours: the scheme of Standard Webhooks (standardwebhooks.com), version 1.

The signature covers the delivery's id, the time it is sent and the body, so that none of them can be exchanged, and
an old delivery that somebody kept cannot be played again later. The secret is made from the server's own by the
webhook's id: the database holds nothing that signs.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Final
from uuid import UUID

from app.keys import Keys

_PURPOSE: Final = "webhooks"
_PREFIX: Final = "whsec_"


def secret_of(keys: Keys, webhook_id: UUID) -> str:
    """What a receiver checks signatures by, as libraries take it."""
    return _PREFIX + base64.b64encode(_key(keys, webhook_id)).decode()


def headers_of(keys: Keys, webhook_id: UUID, delivery_id: UUID, body: bytes, now: datetime) -> dict[str, str]:
    """What goes along with a delivery."""
    sent = str(int(now.timestamp()))
    signed = b".".join((str(delivery_id).encode(), sent.encode(), body))
    signature = base64.b64encode(hmac.digest(_key(keys, webhook_id), signed, hashlib.sha256)).decode()
    return {
        "webhook-id": str(delivery_id),
        "webhook-timestamp": sent,
        "webhook-signature": f"v1,{signature}",
    }


def _key(keys: Keys, webhook_id: UUID) -> bytes:
    return hmac.digest(keys.derived(_PURPOSE), webhook_id.bytes, hashlib.sha256)
