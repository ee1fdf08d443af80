"""uvicorn as this product runs it: guarded connections, TLS, and signals left to `app.run`."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from fastapi import FastAPI

from app.guard.connections import MOST_HEAD_BYTES, Connections, GuardedHttp
from app.guard.tls import Certificate
from app.settings import Settings

FILES_BESIDE: Final = 1000
"""Open files beside the connections: database, logs, relay nodes, pipes."""


class WebServer(uvicorn.Server):
    """Uvicorn that leaves signals to us and says when it has started."""

    def __init__(self, api: FastAPI) -> None:
        settings: Settings = api.state.settings
        self.certificate = (
            Certificate(settings.tls_certificate, settings.tls_key)
            if settings.tls_certificate is not None and settings.tls_key is not None
            else None
        )
        certificate = self.certificate
        super().__init__(
            uvicorn.Config(
                api,
                http=GuardedHttp,
                h11_max_incomplete_event_size=MOST_HEAD_BYTES,
                log_config=None,  # ours is set up already
                log_level="warning",  # `RequestLog` and our own lines say what matters
                access_log=False,
                server_header=False,
                proxy_headers=False,  # `app.guard.front` knows whom to believe
                ws_max_size=64 * 1024,
                timeout_keep_alive=settings.idle_seconds,  # type: ignore[arg-type]  # call_later takes fractions
                timeout_graceful_shutdown=1,
                ssl_context_factory=(lambda _config, _default: certificate.context) if certificate else None,
            )
        )
        self.up = asyncio.Event()
        self._connections = Connections(settings, api.state.metrics.registry)
        self._settings = settings
        self._following: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on the sockets; uvicorn would leave a client a minute for its TLS handshake."""
        allow_files(self._settings.connections + FILES_BESIDE)
        await super().startup([])
        loop = asyncio.get_running_loop()
        for listener in sockets or []:
            self.servers.append(
                await loop.create_server(
                    self._connect,
                    sock=listener,
                    backlog=self.config.backlog,
                    ssl=self.config.ssl,
                    ssl_handshake_timeout=self._settings.head_seconds if self.config.ssl else None,
                )
            )
        if self.certificate is not None:
            self._following = asyncio.create_task(self.certificate.follow(), name="certificate")
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End everything that `startup` began."""
        if self._following is not None:
            self._following.cancel()
        await super().shutdown(sockets)

    def _connect(self) -> asyncio.Protocol:
        return GuardedHttp(
            connections=self._connections,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are `app.run`'s."""
        yield


def allow_files(wanted: int) -> None:
    """Let this process have so many files open, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
