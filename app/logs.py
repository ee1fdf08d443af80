"""Structured logs: one event a line, for people (console) or machines (json).

Records of the standard library (uvicorn, SQLAlchemy, aiortc) take the same way. What must not be logged is
kept out at the source; `_redact` is the second line of defence.
"""

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.tracebacks import ExceptionDictTransformer

_SECRET_KEYS = frozenset({"password", "token", "authorization", "secret", "grant", "access_token", "sdp"})
_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Observe = Callable[[str, str, int, float], None]
"""Takes method, route, status and seconds of a request."""


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in _SECRET_KEYS & event.keys():
        event[key] = "…"
    return event


def configure_logging(level: str, format: str) -> None:
    """Set up logging of this process; may be called again."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(format)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # Its lines hold whole addresses, and those of media sessions are secrets; `RequestLog` takes its place.
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("aioice", "aiortc", "httpx", "httpcore", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _renderers(format: str) -> list[structlog.typing.Processor]:
    if format == "json":
        return [
            # Without the values of variables, which the default shows: one may be a password.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    plain = structlog.dev.plain_traceback  # the default shows values of variables where `rich` is installed
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


class RequestLog:
    """ASGI middleware: one line and one `observe` a request, by the route's template, never the address.

    The addresses of media sessions are secrets, and others carry ids of people.
    """

    def __init__(self, app: ASGIApp, observe: Observe) -> None:
        self._app = app
        self._observe = observe
        self._log = structlog.stdlib.get_logger("app.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            # Whoever is over a limit is counted in the figures; a line each would let strangers fill the log.
            quiet = route in _QUIET_PATHS or status == 429
            level = logging.DEBUG if quiet else logging.INFO
            seconds = time.perf_counter() - started
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self._observe(method, route, status, seconds)
            self._log.log(
                level, "request", method=method, route=route, status=status, ms=round(seconds * 1000, 1)
            )
