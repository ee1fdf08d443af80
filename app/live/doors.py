"""What every answer of the media doors carries: CORS for other origins, and which methods there are.

Media clients authenticate by bearer token and never by cookie, so any origin may call (RFC 9725 §4.1 requires
OPTIONS for that). A middleware, so that refusals carry the headers too: a browser hides an answer without
them.
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.live.signalling import SDP, SDP_FRAGMENT

_PREFIXES: Final = frozenset({"whip", "whep"})
_ENDPOINT_METHODS: Final = "OPTIONS, POST"
_SESSION_METHODS: Final = "DELETE, OPTIONS, PATCH"
_EXPOSED: Final = "Accept-Patch, Accept-Post, ETag, Link, Location, Retry-After, WWW-Authenticate"


class MediaDoors:
    """ASGI middleware for the paths below /whip and /whep."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods = _methods_at(scope["path"]) if scope["type"] == "http" else None
        if methods is None:
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Access-Control-Allow-Origin"] = "*"
                headers["Access-Control-Expose-Headers"] = _EXPOSED
                if message["status"] == 405:
                    headers["Allow"] = methods
            await send(message)

        if scope["method"] == "OPTIONS":
            await _describe(methods)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)


def _methods_at(path: str) -> str | None:
    """The methods of an endpoint (/whip/lesson/stream) or of a session below it."""
    match path.split("/"):
        case ["", prefix, _, _] if prefix in _PREFIXES:
            return _ENDPOINT_METHODS
        case ["", prefix, _, _, _] if prefix in _PREFIXES:
            return _SESSION_METHODS
    return None


def _describe(methods: str) -> Response:
    """The answer to OPTIONS: a preflight, or a client that asks what is accepted (W3C LDP §7.1)."""
    accepts = {"Accept-Post": SDP} if methods == _ENDPOINT_METHODS else {"Accept-Patch": SDP_FRAGMENT}
    return Response(
        headers={
            **accepts,
            "Allow": methods,
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match, If-None-Match",
            "Access-Control-Max-Age": "86400",
        }
    )
