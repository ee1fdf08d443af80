"""A client that asks a web server at a steady rate and costs next to nothing itself."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

CONNECTIONS: Final = 40
_HEAD_ENDS: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


class _Connection(asyncio.Protocol):
    """Looks at an answer's status and length, and counts the rest."""

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool
        self._head = b""
        self._missing = 0
        self._moment = 0.0
        self._out: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can be asked."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._out = transport

    def ask(self, request: bytes, moment: float) -> None:
        """Send a request that was due at this moment."""
        self._moment = moment
        self._out.write(request)

    def data_received(self, data: bytes) -> None:
        """A part of an answer; the pool is told of its end."""
        if not self._missing:
            self._head += data
            end = self._head.find(_HEAD_ENDS)
            if end < 0:
                return
            head = self._head[:end].lower()
            assert head.startswith(b"http/1.1 200"), head
            at = head.index(_LENGTH) + len(_LENGTH)
            length = int(head[at:].split(b"\r\n", 1)[0])
            self._missing = length + end + len(_HEAD_ENDS)
            data, self._head = self._head, b""
        self._missing -= len(data)
        if not self._missing:
            self._pool.answered(self, time.perf_counter() - self._moment)

    def close(self) -> None:
        """No more requests."""
        self._out.close()


class _Pool:
    """Connections that are free, requests that wait for one, and how long each took."""

    def __init__(self, wanted: int) -> None:
        self.waits: list[float] = []
        self.done = asyncio.Event()
        self._wanted = wanted
        self._free: deque[_Connection] = deque()
        self._waiting: deque[tuple[bytes, float]] = deque()

    def add(self, connection: _Connection) -> None:
        self._free.append(connection)

    def ask(self, request: bytes, moment: float) -> None:
        if self._free:
            self._free.popleft().ask(request, moment)
        else:
            self._waiting.append((request, moment))

    def answered(self, connection: _Connection, seconds: float) -> None:
        self.waits.append(seconds)
        if self._waiting:
            connection.ask(*self._waiting.popleft())
        else:
            self._free.append(connection)
        if len(self.waits) == self._wanted:
            self.done.set()


@asynccontextmanager
async def _connected(port: int, connections: int, wanted: int) -> AsyncIterator[_Pool]:
    pool = _Pool(wanted)
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: _Connection(pool), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    for connection in made:
        pool.add(connection)
    try:
        yield pool
    finally:
        for connection in made:
            connection.close()


async def ask_in_turn(port: int, requests: Sequence[bytes]) -> None:
    """Send each request when the one before is answered, on one connection."""
    async with _connected(port, 1, len(requests)) as pool:
        for request in requests:
            pool.ask(request, time.perf_counter())
        await pool.done.wait()


async def ask_steadily(port: int, requests: Sequence[bytes], rate: float) -> Sequence[float]:
    """Send one request after the other, so many a second whether or not they are answered.

    Returns the seconds each took from when it was due, so that a server that falls behind is not flattered. Requests
    that are due while all connections wait for answers wait for one of them.
    """
    async with _connected(port, CONNECTIONS, len(requests)) as pool:
        began = time.perf_counter() + 0.1
        for number, request in enumerate(requests):
            moment = began + number / rate
            if (early := moment - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            pool.ask(request, moment)
        await pool.done.wait()
        return pool.waits
