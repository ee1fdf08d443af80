"""Signed tokens (JWT, HS256): made and read without a database."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import jwt

from app.errors import Unauthenticated
from app.keys import Keys

_ALGORITHM = "HS256"
_AUDIENCE = "tongtang"
_MAX_LENGTH = 4096


class TokenKind(StrEnum):
    """What a token stands for; one kind is never accepted in place of the other."""

    PERSON = "person"
    GRANT = "grant"


def sign(keys: Keys, kind: TokenKind, claims: Mapping[str, Any], *, now: datetime, until: datetime) -> str:
    """A token of this kind that is good until then."""
    payload = {**claims, "aud": _AUDIENCE, "typ": kind, "iat": now.timestamp(), "exp": until.timestamp()}
    return jwt.encode(payload, keys.signing, algorithm=_ALGORITHM)


def token_kind(keys: Keys, token: str) -> TokenKind:
    """What a token stands for; raises `Unauthenticated` when we did not sign it. It may have expired."""
    return TokenKind(_payload(keys, token)["typ"])


def read(keys: Keys, kind: TokenKind, token: str, *, now: datetime) -> Mapping[str, Any]:
    """The claims of a token of this kind; raises `Unauthenticated` unless it is ours and still good."""
    payload = _payload(keys, token)
    if payload["typ"] != kind:
        raise Unauthenticated("token.wrong_kind", "Wrong kind of token", f"A {kind} token is needed here.")
    if payload["exp"] <= now.timestamp():
        raise Unauthenticated(
            "token.expired",
            "Token expired",
            "Sign in again: the token has expired.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    return payload


def _payload(keys: Keys, token: str) -> dict[str, Any]:
    try:
        if len(token) > _MAX_LENGTH:
            raise jwt.InvalidTokenError
        return jwt.decode(
            token,
            keys.signing,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            # The caller brings the time.
            options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "aud", "typ"]},
        )
    except jwt.InvalidTokenError:
        raise Unauthenticated(
            "token.invalid",
            "Unknown token",
            "The token is not one of this server.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        ) from None
