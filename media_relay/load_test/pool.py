"""Clients of one process on one event loop and one thread: connected, played, read and kept alive together."""

from __future__ import annotations

import asyncio
import gc
import heapq
import select
import time
from collections import deque
from typing import Final

from media_relay.load_test.arrivals import Arrivals
from media_relay.load_test.client import Client
from media_relay.load_test.description import AnswerError
from media_relay.load_test.doors import LoadTestError
from media_relay.load_test.publisher import PublishingClient
from media_relay.seams.dtls import DtlsIdentity

_PLAY: Final = 0.001
"""Seconds between two looks for frames that are due: many publishers must not send in step."""
_READ: Final = 0.010
"""Seconds between two looks at the sockets. Latencies do not depend on it: the kernel stamps arrivals."""
_TICK: Final = 0.020
"""Seconds between two ticks of a client. Clients take turns, so that no frame has to wait for the ticks of all."""
_CONNECT_TIMEOUT: Final = 10.0


class Pool:
    """Use as an asynchronous context manager: leaving it ends all sessions."""

    def __init__(self) -> None:
        self.identity = DtlsIdentity()
        """The certificate of all clients."""
        self.longest_pause = 0.0
        """The longest time between two looks for due frames, since whoever watches it set it to zero."""
        self._arrivals = Arrivals()
        self._epoll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._turns: deque[Client] = deque()
        self._due: list[tuple[float, int, PublishingClient]] = []
        self._pump_task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Pool:
        self._pump_task = asyncio.create_task(self._pump(), name="load-test pump")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pump_task is not None:
            self._pump_task.cancel()
        for client in self._clients.values():
            client.close()
        self._epoll.close()
        gc.unfreeze()

    def settle(self) -> None:
        """Those who are here stay: the collector of garbage need not look at them any more.

        With thousands of tracks it takes a fifth of a second at a time, in which nothing is sent that is due; what is
        then sent all at once was a load that no class puts on a server.
        """
        gc.freeze()

    async def connect(self, client: Client, answer: str) -> None:
        """Take a client in and wait until it is connected. Raises :class:`LoadTestError`."""
        try:
            sock = client.connect(answer)
        except AnswerError as error:
            raise LoadTestError(str(error)) from error
        self._clients[sock.fileno()] = client
        self._turns.append(client)
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await client.connected.wait()
        except TimeoutError:
            raise LoadTestError(
                "no answer on the media port: is its UDP port open, is its address right?"
            ) from None
        if client.failure:
            raise LoadTestError(client.failure)
        if isinstance(client, PublishingClient):
            heapq.heappush(self._due, (time.monotonic(), sock.fileno(), client))

    def retire(self, publisher: PublishingClient) -> None:
        """Let a publisher send nothing any more; its session goes on until the server ends it."""
        self._due = [entry for entry in self._due if entry[2] is not publisher]
        heapq.heapify(self._due)

    async def _pump(self) -> None:
        clients, arrivals, epoll = self._clients, self._arrivals, self._epoll
        read_at = turns = 0.0
        before = time.monotonic()
        while True:
            now = time.monotonic()
            self.longest_pause = max(self.longest_pause, now - before)
            turns += (now - before) / _TICK * len(self._turns)
            before = now
            self._play(now)
            if now >= read_at:
                read_at = now + _READ
                for descriptor, _ in epoll.poll(0):
                    clients[descriptor].drain(arrivals, now)
            turns -= self._tick(int(turns), now)
            await asyncio.sleep(_PLAY if self._due else _READ)

    def _tick(self, turns: int, now: float) -> int:
        """Let so many clients have their turn, each once at most; returns ``turns``."""
        for _ in range(min(turns, len(self._turns))):
            self._turns[0].tick(now)
            self._turns.rotate(-1)
        return turns

    def _play(self, now: float) -> None:
        due = self._due
        while due and due[0][0] <= now:
            _, number, publisher = due[0]
            heapq.heapreplace(due, (publisher.play(now), number, publisher))
