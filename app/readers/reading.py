"""A reader: a process that answers one question after the other until the web process is gone."""

import asyncio
import signal
import socket
from asyncio import IncompleteReadError, StreamReader
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio.to_thread
import uvloop
from starlette.types import ASGIApp, Message, Scope

from app.errors import DATABASE_TROUBLE
from app.guard.watch import ASKER
from app.readers.frames import LENGTHS, NO_DATABASE, REFERRED, Answer, Headers, scope_of

LONGEST_SECONDS: Final = 60
"""A question that takes longer ends the reader, and the web process has another one made."""
_MOST_BYTES: Final = 16 << 20


def work(app: ASGIApp, link: socket.socket) -> None:
    """Answer what is asked over the link until its other end is closed. This is all that the process does."""
    anyio.to_thread.run_sync = here  # type: ignore[assignment]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(answer_all(app, link))


async def here(function: Callable[..., Any], *given: Any, **_options: Any) -> Any:
    """What `anyio.to_thread.run_sync` does for FastAPI, without a thread: nothing else waits for this one.

    Two changes of thread, each with a sleeping one to wake, took as long as a short answer itself.
    """
    return function(*given)


async def answer_all(app: ASGIApp, link: socket.socket) -> None:
    """`work` on the loop that runs."""
    reader, writer = await asyncio.open_unix_connection(sock=link)
    writer.write(REFERRED.frame())  # here it is
    while (head := await _next(reader)) is not None:
        signal.alarm(LONGEST_SECONDS)
        answer = await answer_of(app, scope_of(head))
        writer.write(answer.frame())
        await writer.drain()
        signal.alarm(0)
    writer.close()


async def _next(reader: StreamReader) -> bytes | None:
    """The head of the next question; None when there will be none."""
    try:
        head, _ = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
        return await reader.readexactly(head)
    except (IncompleteReadError, ConnectionError):
        return None


@dataclass(slots=True)
class _Said:
    """What the application says, put together."""

    status: int = 0
    headers: Headers = ()
    body: bytearray = field(default_factory=bytearray)

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message.get("headers", ())
        elif len(self.body) <= _MOST_BYTES:
            self.body += message.get("body", b"")


async def answer_of(app: ASGIApp, scope: Scope) -> Answer:
    """What the application says if it goes well."""
    said = _Said()
    try:
        await app(scope, _nothing_more, said.take)
    except DATABASE_TROUBLE:
        return NO_DATABASE
    except Exception:  # the web process meets it, too, and tells of it
        return REFERRED
    answer = Answer(said.status, said.headers, bytes(said.body), scope.get(ASKER))
    return answer if answer.counts and len(said.body) <= _MOST_BYTES else REFERRED


async def _nothing_more() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
