"""The web process's end of the readers: who is free, who is asked, and what to do when one dies."""

import asyncio
import time
from asyncio import Future
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Final, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.requests import HTTPConnection
from starlette.types import Scope, Send

from app.database import address_of
from app.errors import TooManyRequests
from app.guard.traffic import Limit, Traffic
from app.guard.watch import ASKER
from app.readers.frames import NO_DATABASE, Answer, Frames, question
from app.readers.nursery import Nursery, NurseryGone
from app.readers.queues import Turns
from app.readers.reading import LONGEST_SECONDS
from app.supervisor import keep_running

WAIT_SECONDS: Final = 3.0
"""Whoever has waited so long for a reader is answered by the web process."""
REST_SECONDS: Final = 5.0
"""So long nobody is asked after a reader has found no database: each would wait for it in turn, and then once more."""
_GRACE_SECONDS: Final = 5.0
_MOST_OVER: Final = 1000

_log = structlog.stdlib.get_logger(__name__)


class Link(asyncio.Protocol):
    """One reader. It is asked one question at a time."""

    def __init__(self, readers: "Readers") -> None:
        self._readers = readers
        self._frames = Frames()
        self._asked: Future[Answer | None] | None = None
        self._out: asyncio.WriteTransport
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can be asked once it has said that it is there."""
        self._out = cast(asyncio.WriteTransport, transport)  # uvloop's are not of this class

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or of its first word."""
        for head, body in self._frames.feed(data):
            self._settle(Answer.read(head, body))
            self._readers.free(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """It has died: whoever asked it is told nothing."""
        self.lost.set()
        self._readers.gone(self)
        self._settle(None)

    async def ask(self, frame: bytes) -> Answer | None:
        """What it says; None when it dies over it, or takes longer than it may live."""
        if self.lost.is_set():
            return None
        asked: Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._asked = asked
        self._out.write(frame)
        try:
            async with asyncio.timeout(LONGEST_SECONDS + _GRACE_SECONDS):
                return await asked
        except TimeoutError:
            self._out.abort()
            return None

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
        self._turns: Turns[Link] = Turns()
        self._rest_until = 0.0
        self._over: OrderedDict[bytes, float] = OrderedDict()
        """Who was over their account's limit a moment ago: the web process finds that out with less work."""
        gauge = Gauge("tongtang_readers", "Processes that answer what is only read", registry=registry)
        gauge.set_function(lambda: len(self._living))
        words = "Reads that readers could answer, by what came of it"
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
                self._nursery.close()

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Let a reader answer a request whose route is known; False when the web process has to.

        Raises `TooManyRequests` for who asks more often than they may.
        """
        if not self._living or scope["method"] != "GET" or scope["route"].path not in self._paths:
            return False
        asking = _asking(scope)
        if time.monotonic() < max(self._rest_until, self._over.get(asking, 0.0)):
            return False
        found = await self._ask(asking, question(scope))
        asker = None if found is None else found.asker
        if found is None or asker is None or asker.county_id is None:
            return False
        self._reads.labels("answered").inc()
        scope[ASKER] = asker
        address = address_of(HTTPConnection(scope))
        try:
            self._traffic.require_of_account(Limit.ACCOUNT_READS, asker.id, asker.county_id, address)
        except TooManyRequests:
            self._remember_over(asking)
            raise
        await send({"type": "http.response.start", "status": found.status, "headers": list(found.headers)})
        await send({"type": "http.response.body", "body": found.body})
        return True

    def free(self, link: Link) -> None:
        """A reader can be asked: whoever's turn it is asks it."""
        if not link.lost.is_set():
            self._living.add(link)
            self._turns.give(link)

    def gone(self, link: Link) -> None:
        """A reader has died. When it was the last one, nobody waits for another."""
        self._living.discard(link)
        self._turns.withdraw(link)
        if not self._living:
            self._turns.send_away()

    async def _ask(self, asking: bytes, frame: bytes) -> Answer | None:
        """What a reader says; None when there is none in time, or it died."""
        link = await self._turns.take(asking, WAIT_SECONDS)
        if link is None:
            self._reads.labels("waited").inc()
            return None
        answer = await link.ask(frame)
        if answer is None or not answer.counts:
            self._reads.labels("lost" if answer is None else "referred").inc()
        if answer is not None and answer.status == NO_DATABASE.status:
            self._rest_until = time.monotonic() + REST_SECONDS
        return answer

    def _remember_over(self, asking: bytes) -> None:
        self._over[asking] = time.monotonic() + 1.0
        self._over.move_to_end(asking)
        if len(self._over) > _MOST_OVER:
            self._over.popitem(last=False)

    async def _live(self) -> None:
        """One life of a reader."""
        assert self._nursery is not None
        link = Link(self)
        try:
            ours = self._nursery.bear()
        except NurseryGone:
            _log.error("the nursery of readers has ended: restart the server to have readers again")
            await asyncio.Event().wait()
            raise
        await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=ours)
        try:
            await link.lost.wait()
        finally:
            link.close()


def _asking(scope: Scope) -> bytes:
    """Who asks, as far as that can be told before it is known."""
    named = (value for name, value in scope["headers"] if name in (b"authorization", b"cookie"))
    return blake2b(b"\n".join(named), digest_size=16).digest()
