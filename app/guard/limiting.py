"""Limits by address, and by token at the media doors, before anything else is done for a request."""

import hashlib
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import TooManyRequests
from app.guard.refusals import refuse
from app.guard.traffic import Limit, Traffic

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FREE: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_MEDIA: Final = ("/whip/", "/whep/")


class AddressLimits:
    """ASGI middleware: answers 429 with Retry-After to an address, or a media token, that asks too often."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"] not in _FREE:
            try:
                self._require(scope)
            except TooManyRequests as error:
                await refuse(error, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _require(self, scope: Scope) -> None:
        address = scope["client"][0] if scope.get("client") else ""
        if scope["type"] == "websocket":
            self._traffic.require_of_address(Limit.ADDRESS_SOCKETS, address)
        elif scope["path"].startswith(_MEDIA):
            self._traffic.require_of_address(Limit.ADDRESS_MEDIA, address)
            token = Headers(scope=scope).get("authorization")
            if token and scope["method"] == "POST":
                key = hashlib.blake2b(token.encode(), digest_size=16).digest()
                self._traffic.require(Limit.TOKEN_MEDIA, key, address=address)
        else:
            reads = scope["method"] in READS
            limit = Limit.ADDRESS_READS if reads else Limit.ADDRESS_WRITES
            self._traffic.require_of_address(limit, address)
