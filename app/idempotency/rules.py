"""What a key is, and when two requests are the same: pure rules."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

KEPT_FOR: Final = timedelta(hours=24)
MOST_KEYS: Final = 5000
"""Of one person at a time: somebody who imports a county row by row stays within it."""
MOST_BODY: Final = 64 * 1024
"""The longest answer that is kept, in characters."""
KEPT_HEADERS: Final = frozenset({"content-type", "location", "etag"})

_KEY: Final = re.compile(r"[!#-\[\]-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Request:
    """A request with a key. Neither the key nor the body is kept: there may be a password in it."""

    key: str

    fingerprint: str
    """The same for the same request; keyed, so that whoever reads it can try out no bodies."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered; `body` is None where it is not kept."""

    status: int
    headers: Mapping[str, str]
    body: str | None


def read_key(field: str) -> str | None:
    """The key in a header field: a string of RFC 8941 §3.3.3, or the same without its quotes; None: it is none."""
    text = field.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return text if _KEY.fullmatch(text) else None


def request_of(key: str, path: bytes, query: bytes, body: bytes) -> Request:
    """A request as it is remembered."""
    secret = hashlib.sha256(b"what: " + key.encode()).digest()
    digest = hashlib.blake2b(key=secret, digest_size=32)
    for part in (path, query, body):
        digest.update(len(part).to_bytes(8) + part)
    return Request(hashlib.sha256(b"which: " + key.encode()).hexdigest(), digest.hexdigest())
