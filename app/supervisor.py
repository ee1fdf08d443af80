"""Keep a child process running: start it, start it again when it ends, end it cleanly."""

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Backoff:
    """How long to wait before a child that ended is started again; time is an argument.

    The first death is answered at once, because a class is waiting. A child that keeps dying young would
    take a whole core with starting, so the pause doubles until one has lived for `healthy_after` seconds.
    """

    first: float = 0.25
    longest: float = 5.0
    healthy_after: float = 10.0
    _pause: float = 0.0

    def after_death(self, lived: float) -> float:
        """Seconds to wait after a child that lived for `lived` seconds."""
        if lived >= self.healthy_after:
            self._pause = 0.0
        pause = self._pause
        self._pause = min(self.longest, max(self.first, 2 * self._pause))
        return pause


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
