"""The provider says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0). Pure rules."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.accounts.browsers import LONGEST_SID
from app.oidc.rules import LONGEST_SUBJECT

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LONGEST_TOKEN: Final = 16_384
LONGEST_JTI: Final = 255
OLDEST: Final = timedelta(minutes=10)
"""A token that was made before then is refused, whatever it says itself: used ones are remembered for longer."""
LEEWAY: Final = timedelta(minutes=1)
_TYPES: Final = frozenset({"jwt", "logout+jwt", "application/logout+jwt"})
"""§2.4: providers that set none, or that of all tokens, are common."""


@dataclass(frozen=True, slots=True)
class Logout:
    """Whose sign-ins are over: those of a session at the provider, or of a person there, or of both."""

    jti: str
    subject: str | None
    sid: str | None


class NotALogout(Exception):
    """The token does not say so; `why` in a word."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def logout_of(
    claims: Mapping[str, Any], header: Mapping[str, Any], *, issuer: str, client_id: str, now: datetime
) -> Logout:
    """What a logout token says whose signature is good (§2.6); raises `NotALogout`."""
    kind = header.get("typ")
    if kind is not None and not (isinstance(kind, str) and kind.lower() in _TYPES):
        raise NotALogout("type")
    if claims.get("iss") != issuer:
        raise NotALogout("issuer")
    audience = claims.get("aud")
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        raise NotALogout("audience")
    _require_fresh(claims, now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise NotALogout("events")
    if "nonce" in claims:  # so that no ID token passes for one
        raise NotALogout("nonce")
    jti = _word(claims, "jti", LONGEST_JTI)
    subject, sid = _word(claims, "sub", LONGEST_SUBJECT), _word(claims, "sid", LONGEST_SID)
    if jti is None or (subject is None and sid is None):
        raise NotALogout("subject" if jti else "jti")
    return Logout(jti, subject, sid)


def _require_fresh(claims: Mapping[str, Any], now: datetime) -> None:
    made, until = (_time(claims.get(name)) for name in ("iat", "exp"))
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    if until <= at - leeway or made > at + leeway or made < at - OLDEST.total_seconds():
        raise NotALogout("expired")


def _time(value: Any) -> float:
    """In seconds since 1970."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise NotALogout("expired")
    return value


def _word(claims: Mapping[str, Any], name: str, longest: int) -> str | None:
    """A claim that is a word; None when it is left out. Raises `NotALogout` for anything else."""
    value = claims.get(name)
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= longest):
        raise NotALogout(name)
    return value
