"""Health and figures: is the process up, is it ready for lessons, how is it doing."""

import ipaddress
import threading
import time
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from pydantic import Field
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app import __version__, migrate, serving
from app.errors import Forbidden, responses
from app.schemas import Output, example

router = APIRouter(tags=["health"])

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the output and help nobody

FRESH_SECONDS: Final = 1.0

_log = structlog.stdlib.get_logger(__name__)


class Metrics:
    """The figures of one application. Domains add their own to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests = Counter(
            "tongtang_http_requests",
            "HTTP requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "tongtang_http_request_seconds",
            "Time to answer an HTTP request",
            ["route"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self.registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is a template, so the number of series stays bounded."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self) -> bytes:
        """All figures in the text format of Prometheus."""
        return generate_latest(self.registry)


class DatabaseChecks:
    """Whether the database is well, asked of it once a second at most: anybody may ask here, as often as they like."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asking = threading.Lock()
        self._found: dict[str, bool] = {}
        self._stale_at = 0.0

    def look(self, now: float) -> dict[str, bool]:
        """What was found a second ago at most, or, while somebody is still asking, before; `now` is in seconds."""
        if not self._found or now >= self._stale_at:
            if self._asking.acquire(blocking=not self._found):
                try:
                    self._found = self._ask()
                    self._stale_at = now + FRESH_SECONDS
                finally:
                    self._asking.release()
        return dict(self._found)

    def _ask(self) -> dict[str, bool]:
        try:
            return {
                "database": True,
                "migrations": migrate.is_up_to_date(self._engine),
                "clock": serving.clocks_agree(self._engine),
            }
        except SQLAlchemyError as error:
            _log.warning("database not reachable", error=type(error).__name__)
            return {"database": False, "migrations": False, "clock": False}


class Health(Output):
    """The process answers."""

    status: str
    version: str

    model_config = example({"status": "up", "version": __version__})


class Readiness(Output):
    """What lessons depend on, and whether it is there."""

    ready: bool
    checks: dict[str, bool] = Field(description="database, migrations, clock, relay")

    model_config = example(
        {"ready": True, "checks": {"database": True, "migrations": True, "clock": True, "relay": True}}
    )


@router.get("/healthz", summary="Is the process up")
async def healthz() -> Health:
    """Answers as long as the process does; looks at nothing else."""
    return Health(status="up", version=__version__)


@router.get("/readyz", summary="Is everything ready for lessons", responses={503: {"model": Readiness}})
def readyz(request: Request, response: Response) -> Readiness:
    """200 when the database is there, migrated and of our time, and a relay node is up; else 503 and what is not."""
    state = request.app.state
    checks = state.database_checks.look(time.monotonic())
    checks["relay"] = state.coordinator is not None and state.coordinator.ready
    ready = all(checks.values())
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, checks=checks)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **responses(Forbidden)},
)
def metrics(request: Request) -> Response:
    """Answers callers on this machine and in private networks only."""
    if not _is_near(request.client.host if request.client else ""):
        raise Forbidden(
            "metrics.not_local", "Not from here", "Figures are for callers on the private network."
        )
    content: bytes = request.app.state.metrics.render()
    return Response(content, media_type=CONTENT_TYPE_LATEST)


def _is_near(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:  # a UNIX socket has no address
        return address == ""
