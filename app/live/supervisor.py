"""Keep a child process running: start it, start it again when it ends, end it cleanly."""

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable

import structlog

from app.live.rules import Backoff

_log = structlog.stdlib.get_logger(__name__)


async def keep_running(name: str, live: Callable[[], Awaitable[None]]) -> None:
    """Run `live`, one life of a child, again and again until cancelled.

    `live` starts the child and returns when it has ended; when cancelled, it ends the child itself.
    """
    backoff = Backoff()
    clock = asyncio.get_running_loop().time
    while True:
        born = clock()
        try:
            await live()
        except OSError as error:
            _log.error("child process could not be started", child=name, error=str(error))
        lived = clock() - born
        pause = backoff.after_death(lived)
        _log.warning("child process ended, starting it again", child=name, lived=round(lived, 1), pause=pause)
        await asyncio.sleep(pause)


async def end(process: Process, grace: float) -> None:
    """Wait `grace` seconds for the process to end by itself, then make it."""
    for push in (None, process.terminate, process.kill):
        if push is not None:
            with contextlib.suppress(ProcessLookupError):
                push()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if push == process.kill else grace):
                await process.wait()
                return
