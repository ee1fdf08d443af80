"""What every request passes first: who really calls, under which name, and how large its head is."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, HeadTooLarge, Invalid, Misdirected, UrlTooLong
from app.guard import addresses
from app.guard.options import GuardOptions
from app.guard.refusals import refuse

MOST_HEADER_BYTES: Final = 16 * 1024
MOST_HEADERS: Final = 100
MOST_URL_BYTES: Final = 4 * 1024


class TrustedProxies:
    """ASGI middleware: the client and the scheme of a request are those that trusted proxies tell."""

    def __init__(self, app: ASGIApp, options: GuardOptions) -> None:
        self._app = app
        self._trusted = options.trusted_proxies
        self._standard = options.proxy_header == "forwarded"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and self._trusted:
            peer = addresses.address(scope["client"][0]) if scope.get("client") else None
            if peer is not None:
                scope = self._as_told(scope, peer)
        await self._app(scope, receive, send)

    def _as_told(self, scope: Scope, peer: addresses.Address) -> Scope:
        headers = Headers(scope=scope)

        def joined(name: str) -> str:
            return ",".join(headers.getlist(name))  # several fields of a name are one list (RFC 9110 §5.3)

        if self._standard:
            hops = addresses.forwarded(joined("forwarded"))
        else:
            hops = addresses.x_forwarded(joined("x-forwarded-for"), joined("x-forwarded-proto"))
        found = addresses.caller(peer, hops, self._trusted)
        told: Scope = {**scope, "client": (str(found.address), scope["client"][1])}
        if found.scheme is not None:
            secure = found.scheme == "https"
            told["scheme"] = {"http": "https" if secure else "http", "websocket": "wss" if secure else "ws"}[
                scope["type"]
            ]
        return told


class KnownHosts:
    """ASGI middleware: answers under this server's names only, so that no page of another name can use it.

    A name that an attacker owns may be pointed at this server's address at any moment (DNS rebinding). Addresses, and
    names without a dot, which belong to nobody outside, cannot be used that way; health checks and proxies use them.
    """

    def __init__(self, app: ASGIApp, public_url: str, options: GuardOptions) -> None:
        self._app = app
        names = {urlsplit(public_url).hostname or "", *options.allowed_hosts}
        self._names = frozenset(name for name in names if not name.startswith("*."))
        self._endings = tuple(name[1:] for name in names if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            given = Headers(scope=scope).getlist("host")
            if len(given) != 1 or not self._is_ours(given[0]):
                detail = (
                    "This server has no such name. Its operator names it in TONGTANG_PUBLIC_URL or "
                    "TONGTANG_ALLOWED_HOSTS."
                )
                await refuse(Misdirected("host.unknown", "Unknown host", detail), scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if name in self._names or name.endswith(self._endings):
            return True
        if "." not in name and ":" not in name:
            return name != ""
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class HeadBound:
    """ASGI middleware: addresses and header fields have bounds. h11 bounds only what arrives piece by piece."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            fault = _fault_of(scope)
            if fault is not None:
                await refuse(fault, scope, receive, send)
                return
        await self._app(scope, receive, send)


def _fault_of(scope: Scope) -> AppError | None:
    close = {"Connection": "close"}
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_URL_BYTES:
        detail = f"An address has up to {MOST_URL_BYTES} bytes."
        return UrlTooLong("request.url_too_long", UrlTooLong.summary, detail, headers=close)
    if b"%00" in scope["query_string"]:
        # PostgreSQL stores no NUL, and refuses to look for one. In a path there are only ids and secrets.
        return Invalid("request.invalid", Invalid.summary, "No query has a NUL (`%00`) in it.")
    size = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if size > MOST_HEADER_BYTES or len(scope["headers"]) > MOST_HEADERS:
        detail = f"A request has up to {MOST_HEADERS} header fields of {MOST_HEADER_BYTES} bytes together."
        return HeadTooLarge("request.head_too_large", HeadTooLarge.summary, detail, headers=close)
    return None


class SafeHeaders:
    """ASGI middleware: what every answer tells a browser to leave alone; a page says more by itself."""

    _EVERYWHERE: Final = {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), display-capture=(), geolocation=()",
    }

    def __init__(self, app: ASGIApp, options: GuardOptions) -> None:
        self._app = app
        self._hsts = f"max-age={options.hsts_seconds}" if options.hsts_seconds else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in self._EVERYWHERE.items():
                    headers.setdefault(name, value)
                # What has a tag may be kept, and asked for again, by the one browser it was sent to.
                headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "no-store")
                if self._hsts and scope["scheme"] in ("https", "wss"):  # RFC 6797 §7.2: never without TLS
                    headers["Strict-Transport-Security"] = self._hsts
            await send(message)

        await self._app(scope, receive, send_with_headers)
