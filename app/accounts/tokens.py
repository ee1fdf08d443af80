"""Signed tokens (JWT, HS256): made and read without a database.

The header names the key (`kid`) and the kind (`typ`, RFC 8725 §3.11). Each kind has a key of its own, derived from the
named one: none can ever pass for another.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import jwt

from app.errors import Unauthenticated
from app.keyring import LONGEST_LIFE
from app.keys import Keys

_ALGORITHM = "HS256"
_AUDIENCE = "tongtang"
_MAX_LENGTH = 4096
_LEEWAY = 30.0
"""Seconds by which the clocks of servers that share their keys may differ."""


class TokenKind(StrEnum):
    """What a token stands for; one kind is never accepted in place of the other."""

    PERSON = "person"
    GRANT = "grant"
    TERMINAL = "terminal"
    CHALLENGE = "challenge"
    GUEST = "guest"
    ATTEMPT = "attempt"  # to sign in by the identity provider
    HALFWAY = "halfway"  # by it, with a code still owed


_TYPE = "+jwt"
_KINDS = {f"{kind}{_TYPE}": kind for kind in TokenKind}


def sign(keys: Keys, kind: TokenKind, claims: Mapping[str, Any], *, now: datetime, until: datetime) -> str:
    """A token of this kind that is good until then, but never longer than keys are kept."""
    until = min(until, now + LONGEST_LIFE)
    payload = {**claims, "aud": _AUDIENCE, "iat": now.timestamp(), "exp": until.timestamp()}
    key = keys.ring.newest()
    headers = {"kid": key.kid, "typ": f"{kind}{_TYPE}"}
    return jwt.encode(payload, key.secret(kind), algorithm=_ALGORITHM, headers=headers)


def token_kind(keys: Keys, token: str, *, now: datetime) -> TokenKind:
    """What a token stands for; raises `Unauthenticated` when we did not sign it. It may have expired."""
    return _opened(keys, token, now)[0]


def read(keys: Keys, kind: TokenKind, token: str, *, now: datetime) -> Mapping[str, Any]:
    """The claims of a token of this kind; raises `Unauthenticated` unless it is ours and still good."""
    return read_one_of(keys, (kind,), token, now=now)[1]


def read_one_of(
    keys: Keys, kinds: Collection[TokenKind], token: str, *, now: datetime
) -> tuple[TokenKind, Mapping[str, Any]]:
    """Which of these kinds a token is, and its claims; raises `Unauthenticated` unless it is ours and still good."""
    found, payload = _opened(keys, token, now)
    if found not in kinds:
        wanted = " or ".join(kinds)
        raise Unauthenticated("token.wrong_kind", "Wrong kind of token", f"A {wanted} token is needed here.")
    if payload["iat"] > now.timestamp() + _LEEWAY:
        raise Unauthenticated(
            "token.not_yet",
            "Token of the future",
            "The token was made later than now: set the servers' clocks.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    if payload["exp"] + _LEEWAY <= now.timestamp():
        raise Unauthenticated(
            "token.expired",
            "Token expired",
            "Sign in again: the token has expired.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    return found, payload


def _header_of(token: str) -> Mapping[str, Any]:
    """What a token says of itself, unproven; `jwt.decode` looks at it again.

    The library's own function for it reads the rest, too, as decoding does: that was a fifth of a check's time.
    """
    part = token.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise jwt.InvalidTokenError from None
    if not isinstance(header, dict):
        raise jwt.InvalidTokenError
    return header


def _opened(keys: Keys, token: str, now: datetime) -> tuple[TokenKind, dict[str, Any]]:
    try:
        if len(token) > _MAX_LENGTH:
            raise jwt.InvalidTokenError
        header = _header_of(token)
        kid, named = header.get("kid"), header.get("typ")
        key = keys.ring.find(kid, now) if isinstance(kid, str) else None
        kind = _KINDS.get(named) if isinstance(named, str) else None
        if key is None or kind is None:
            raise jwt.InvalidTokenError
        return kind, jwt.decode(
            token,
            key.secret(kind),
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            # The caller brings the time.
            options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "aud"]},
        )
    except jwt.InvalidTokenError:
        raise Unauthenticated(
            "token.invalid",
            "Unknown token",
            "The token is not one of this server.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        ) from None
