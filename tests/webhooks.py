"""Webhooks as a receiver sees them."""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def signature(secret: str, fields: Mapping[str, str], body: bytes) -> str:
    """The signature as a receiver works it out, from the description of Standard Webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
