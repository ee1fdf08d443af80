"""Cookies of signed-in pages, and what keeps other sites' pages from using them.

Each sign-in has a name and a cookie of that name; the cookie is HttpOnly and holds the secret. The page keeps the
name and sends it as `X-Sign-In` with each request. So two tabs of one browser can be two people (the demo's links
are opened in any order), and no other site can act for the person: it does not know the name, a form or a link sends
no such header, and a script of another origin may not. Unsafe requests and WebSockets need an `Origin` of ours besides.
"""

import re
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.errors import Forbidden
from app.settings import Settings

HEADER: Final = "x-sign-in"
_NAME: Final = re.compile(r"[0-9a-f]{12}")
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_PLAIN: Final = "tongtang-"
_SECURE: Final = "__Host-tongtang-"
"""Browsers take a cookie of this name only with Secure, Path=/ and no Domain (RFC 6265bis §4.1.3.2)."""


def secret_of(connection: HTTPConnection, name: str | None) -> str | None:
    """The secret of the sign-in a page names; None when it names none, or the browser has no such cookie.

    Raises `Forbidden` for a request that changes something and does not come from one of our own pages.
    """
    if not name or not _NAME.fullmatch(name):
        return None
    secret = connection.cookies.get(_prefix(connection) + name)
    if secret is not None and connection.scope.get("method", "WEBSOCKET") not in _SAFE:
        require_own_origin(connection)
    return secret


def secrets_of(connection: HTTPConnection) -> dict[str, str]:
    """All sign-ins the browser has cookies of, by name."""
    prefix = _prefix(connection)
    return {
        name.removeprefix(prefix): secret
        for name, secret in connection.cookies.items()
        if name.startswith(prefix) and _NAME.fullmatch(name.removeprefix(prefix))
    }


def hand_out(connection: HTTPConnection, response: Response, name: str, secret: str) -> None:
    """Give the browser the cookie of a sign-in; it forgets it when it is closed, at the latest."""
    secure = _is_secure(connection)
    response.set_cookie(_prefix(connection) + name, secret, httponly=True, secure=secure, samesite="lax")


def take_back(connection: HTTPConnection, response: Response, name: str) -> None:
    """Let the browser forget the cookie of a sign-in."""
    secure = _is_secure(connection)
    response.delete_cookie(_prefix(connection) + name, httponly=True, secure=secure, samesite="lax")


def hand_out_brief(
    connection: HTTPConnection, response: Response, name: str, value: str, life: timedelta
) -> None:
    """Give the browser a cookie of ours that is no sign-in, for the minutes of one."""
    response.set_cookie(
        _prefix(connection) + name,
        value,
        max_age=int(life.total_seconds()),
        httponly=True,
        secure=_is_secure(connection),
        samesite="lax",  # it is sent when the identity provider leads back here
    )


def brief(connection: HTTPConnection, name: str) -> str:
    """What such a cookie holds; "" when the browser has none."""
    return connection.cookies.get(_prefix(connection) + name, "")


def require_own_origin(connection: HTTPConnection) -> None:
    """Raise `Forbidden` unless the request comes from a page of this server."""
    origin = connection.headers.get("origin")
    host = urlsplit(origin).netloc if origin else None
    ours = (connection.headers.get("host"), urlsplit(_settings(connection).public_url).netloc)
    if not host or host not in ours:
        raise Forbidden(
            "session.other_origin", "Another site", "Cookies count only for this server's own pages."
        )


def _prefix(connection: HTTPConnection) -> str:
    return _SECURE if _is_secure(connection) else _PLAIN


def _is_secure(connection: HTTPConnection) -> bool:
    return _settings(connection).public_url.startswith("https://")


def _settings(connection: HTTPConnection) -> Settings:
    settings: Settings = connection.app.state.settings
    return settings
