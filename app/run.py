"""``python -m app run``: the server with its relay nodes, and in demo mode its synthetic teacher."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import uvloop
from fastapi import FastAPI
from sqlalchemy import make_url

from app import migrate
from app.errors import StartupError
from app.keys import make_data_dir
from app.logs import configure_logging
from app.main import create_app
from app.readers.fitting import application
from app.readers.nursery import Nursery
from app.readers.reading import work
from app.settings import Settings
from app.web_server import WebServer

if TYPE_CHECKING:
    from app.demo_mode import DemoMode

_log = structlog.stdlib.get_logger(__name__)

RELAY_PATIENCE: Final = 60.0
"""Seconds the first relay node may take to come up before the start counts as failed: long, for small machines that
start a dozen services at once. One that cannot come up says why at once, and is tried again meanwhile."""
GARBAGE: Final = (10_000, 20, 20)
"""How much has to be made before what is no longer used is looked for. A page of lessons makes some thousands of
values that all go by themselves; by Python's own numbers (700, 10, 10) they are looked through several times."""


def serve(settings: Settings) -> int:
    """Run until told to stop; returns the exit code. Raises `StartupError` with one line to act on."""
    if settings.demo and "log_level" not in settings.model_fields_set:
        # What a newcomer needs are the links, and they should not scroll away.
        settings = settings.model_copy(update={"log_level": "warning"})
    configure_logging(settings.log_level, settings.log_format)
    check_data_folder(settings.data_dir)
    check_media_ports(settings.media_port, settings.relay_nodes)
    for what in in_the_clear(settings):
        _log.warning("passes in the clear", what=what)
    with listen(settings.http_host, settings.http_port) as listener:
        api = create_app(settings)
        migrate.upgrade(settings.database_url)
        gc.set_threshold(*GARBAGE)
        if settings.readers:
            reading = partial(work, application(settings, api.routes))
            api.state.readers.from_nursery(Nursery(reading, [listener]), settings.readers)
        demo = _prepare_demo(api) if settings.demo else None
        gc.freeze()  # neither is it looked through while lessons run
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(api, listener, demo))
    return 0


def _prepare_demo(api: FastAPI) -> DemoMode:
    from app.demo_mode import DemoMode  # a school's server has no use for it

    return DemoMode.prepare(api)


# --- what can be wrong before anything runs ---


def in_the_clear(settings: Settings) -> Iterator[str]:
    """What others on the network can read or change, and which setting mends it."""
    if not settings.public_url.startswith("https:") and not _is_here(settings.http_host):
        yield (
            f"browsers are answered over http on {settings.http_host}, so passwords can be read, and no camera runs: "
            "set TONGTANG_TLS_CERTIFICATE, or put a proxy with TLS before it and set TONGTANG_PUBLIC_URL"
        )
    database = make_url(settings.database_url)
    if database.get_backend_name() == "postgresql" and not _is_here(database.host or ""):
        if database.query.get("sslmode") not in ("verify-ca", "verify-full"):
            yield (
                f"the database at {database.host} is not asked for its certificate: "
                "add ?sslmode=verify-full to TONGTANG_DATABASE_URL"
            )


def _is_here(host: str) -> bool:
    """Whether an address stays within this machine: loopback, or a folder of UNIX sockets."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost") or host.startswith("/")


def check_data_folder(folder: Path) -> None:
    """Whether files can be made in the data folder."""
    try:
        make_data_dir(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise StartupError(
            f"the data folder {folder} cannot be written ({error.strerror}): "
            "change its owner, or name another one in TONGTANG_DATA_DIR"
        ) from None


def check_media_ports(first: int, count: int) -> None:
    """Whether the relay nodes will get their ports; they bind them themselves, a moment later."""
    for port in range(first, first + count):
        for name, kind in (("UDP", socket.SOCK_DGRAM), ("TCP", socket.SOCK_STREAM)):
            try:
                with socket.socket(socket.AF_INET, kind) as probe:
                    # What connections of a node that has just ended leave behind is in nobody's way.
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind is socket.SOCK_STREAM)
                    probe.bind(("0.0.0.0", port))
            except (OSError, OverflowError) as error:
                raise StartupError(
                    f"{name} port {port} for media cannot be used ({_reason(error)}): "
                    "end the other program, or name another port in TONGTANG_MEDIA_PORT"
                ) from None


def listen(host: str, port: int) -> socket.socket:
    """The web server's socket."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise StartupError(
            f"TCP port {port} on {host} cannot be used ({_reason(error)}): "
            "end the other program, or name another port in TONGTANG_HTTP_PORT"
        ) from None
    # Its connections inherit it. asyncio sets it only on sockets that name their protocol, which those of Python's
    # `socket` module do not; without it the body of an answer waits 40 ms for the client to acknowledge the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _reason(error: Exception) -> str:
    # create_server adds the address in brackets to the reason, which we name ourselves.
    reason = getattr(error, "strerror", None) or str(error)
    return reason.partition(" (")[0]


# --- running ---


async def _serve(api: FastAPI, listener: socket.socket, demo: DemoMode | None) -> None:
    server = WebServer(api)
    serving = asyncio.create_task(server.serve([listener]), name="web server")
    beside = asyncio.create_task(_beside(server, api, demo), name="after the start")

    def stop(number: signal.Signals) -> None:
        beside.cancel()
        server.handle_exit(number, None)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    if server.certificate is not None:
        loop.add_signal_handler(signal.SIGHUP, server.certificate.reload)
    await asyncio.wait({serving, beside}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    beside.cancel()
    await serving
    with contextlib.suppress(asyncio.CancelledError):
        await beside


async def _beside(server: WebServer, api: FastAPI, demo: DemoMode | None) -> None:
    """Once everything is up: say where to click, and keep the synthetic teacher teaching."""
    await server.up.wait()
    # The teacher's process comes up while the relay node does; it tries until it is let in.
    forever = asyncio.create_task(demo.teach() if demo is not None else _forever())
    try:
        await _announce(api, demo)
        await forever
    finally:
        forever.cancel()
        await asyncio.gather(forever, return_exceptions=True)


async def _forever() -> None:
    await asyncio.Event().wait()


async def _announce(api: FastAPI, demo: DemoMode | None) -> None:
    try:
        await api.state.coordinator.wait_ready(RELAY_PATIENCE)
    except TimeoutError:
        raise StartupError(
            f"no relay node came up within {RELAY_PATIENCE:.0f} s: its own message above says why"
        ) from None
    settings: Settings = api.state.settings
    lines = demo.links() if demo is not None else [f"Tongtang is up: {settings.public_url}"]
    sys.stdout.write("\n".join([*lines, "Ctrl-C ends it.", ""]))
    sys.stdout.flush()
