"""The web process's end of the readers: who is free, who is asked, and what to do when one dies."""

import asyncio
import contextlib
from asyncio import Future
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.requests import HTTPConnection
from starlette.types import Scope, Send

from app.database import address_of
from app.guard.traffic import Limit, Traffic
from app.guard.watch import ASKER
from app.readers.frames import Answer, Frames, question
from app.readers.nursery import Nursery
from app.supervisor import keep_running


class Link(asyncio.Protocol):
    """One reader. It is asked one question at a time."""

    def __init__(self, readers: "Readers") -> None:
        self._readers = readers
        self._frames = Frames()
        self._asked: Future[Answer | None] | None = None
        self._out: asyncio.WriteTransport
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The reader can be asked."""
        self._out = cast(asyncio.WriteTransport, transport)  # uvloop's are not of this class
        self._readers.free(self)

    def data_received(self, data: bytes) -> None:
        """A part of its answer."""
        for head, body in self._frames.feed(data):
            self._settle(Answer.read(head, body))
            self._readers.free(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """It has died: whoever asked it is told nothing."""
        self.lost.set()
        self._readers.gone(self)
        self._settle(None)

    async def ask(self, frame: bytes) -> Answer | None:
        """What it says; None when it dies over it."""
        if self.lost.is_set():
            return None
        self._asked = asyncio.get_running_loop().create_future()
        self._out.write(frame)
        return await self._asked

    def close(self) -> None:
        """Let it go."""
        self._out.close()

    def _settle(self, answer: Answer | None) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():  # who asked may have been told to stop
            asked.set_result(answer)


class Readers:
    """The readers of this server, if it has any: they answer in the place of routes that fit."""

    def __init__(self, paths: Iterable[str], traffic: Traffic, registry: CollectorRegistry) -> None:
        self._paths = frozenset(paths)
        self._traffic = traffic
        self._nursery: Nursery | None = None
        self._wanted = 0
        self._living: set[Link] = set()
        self._idle: list[Link] = []
        """The last one that was busy first: what it used is still at hand."""
        self._waiting: deque[Future[Link | None]] = deque()
        """No longer than there are connections."""
        gauge = Gauge("tongtang_readers", "Processes that answer what is only read", registry=registry)
        gauge.set_function(lambda: len(self._living))
        words = "Reads that were handed to a reader, by what came of it"
        self._reads = Counter("tongtang_reads", words, ["outcome"], registry=registry)

    def from_nursery(self, nursery: Nursery, wanted: int) -> None:
        """Have so many of them once `at_work` is entered."""
        self._nursery, self._wanted = nursery, wanted

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Keep them running meanwhile; their processes are gone afterwards."""
        names = [f"reader {number}" for number in range(self._wanted)]
        tasks = [asyncio.create_task(keep_running(name, self._live), name=name) for name in names]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._nursery is not None:
                await asyncio.to_thread(self._nursery.close)

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Let a reader answer a request whose route is known; False when the web process has to.

        Raises `TooManyRequests` for who asks more often than they may.
        """
        if not self._living or scope["method"] != "GET" or scope["route"].path not in self._paths:
            return False
        found = await self._ask(question(scope))
        asker = None if found is None else found.asker
        if found is None or asker is None or asker.county_id is None:
            self._reads.labels("lost" if found is None else "referred").inc()
            return False
        self._reads.labels("answered").inc()
        scope[ASKER] = asker
        address = address_of(HTTPConnection(scope))
        self._traffic.require_of_account(Limit.ACCOUNT_READS, asker.id, asker.county_id, address)
        await send({"type": "http.response.start", "status": found.status, "headers": list(found.headers)})
        await send({"type": "http.response.body", "body": found.body})
        return True

    def free(self, link: Link) -> None:
        """A reader can be asked: whoever has waited longest asks it."""
        self._living.add(link)
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(link)
                return
        self._idle.append(link)

    def gone(self, link: Link) -> None:
        """A reader has died. When it was the last one, nobody waits for another."""
        self._living.discard(link)
        with contextlib.suppress(ValueError):
            self._idle.remove(link)
        while self._waiting and not self._living:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)

    async def _ask(self, frame: bytes) -> Answer | None:
        link = await self._next_free()
        return None if link is None else await link.ask(frame)

    async def _next_free(self) -> Link | None:
        if self._idle:
            return self._idle.pop()
        waiting: Future[Link | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and (link := waiting.result()) is not None:
                self.free(link)  # it was handed over in the moment in which nobody wanted it any more
            raise

    async def _live(self) -> None:
        """One life of a reader."""
        assert self._nursery is not None
        link = Link(self)
        await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=self._nursery.bear())
        try:
            await link.lost.wait()
        finally:
            link.close()
