"""The application behind real sockets, in a thread of the test's process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop
from fastapi import FastAPI

from app.main import create_app
from app.run import listen
from app.settings import Settings
from app.web_server import WebServer
from tests.patience import PATIENCE


@dataclass(frozen=True)
class Served:
    """A running server."""

    app: FastAPI
    server: WebServer
    port: int


@contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    """Serve on a free port of loopback, relay node and all, until the block is left."""
    app = create_app(settings)
    with listen("127.0.0.1", 0) as listener:
        server = WebServer(app)
        up = threading.Event()

        async def serve() -> None:
            serving = asyncio.create_task(server.serve([listener]))
            waiting = asyncio.create_task(server.up.wait())
            await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
            up.set()
            await serving

        def run() -> None:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve())

        thread = threading.Thread(target=run, name="web server")
        thread.start()
        try:
            assert up.wait(PATIENCE)
            yield Served(app, server, listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
