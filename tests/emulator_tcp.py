"""The half of :mod:`tests.emulator` that forwards TCP connections: late, slow and in order, but complete."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from tests.link import Conditions, Link, Stream

Address = tuple[str, int]


class _End(asyncio.Protocol):
    """One of the two connections: puts what it reads into its stream and stops reading while that is full."""

    def __init__(self, stream: Stream, moved: Callable[[], None]) -> None:
        self.stream = stream
        """What was read here, on its way to the other end."""
        self.transport: asyncio.Transport | None = None
        self.is_closed = False
        self.has_ended = False
        """Whether nothing more is to be read here."""
        self.was_told = False
        """Whether this end knows that nothing more comes from the other one."""
        self.is_held = False
        """Whether the one behind this end does not read."""
        self._moved = moved
        self._reads = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._moved()

    def data_received(self, data: bytes) -> None:
        self.stream.put(data, asyncio.get_running_loop().time())
        self._moved()

    def pause_writing(self) -> None:
        self.is_held = True

    def resume_writing(self) -> None:
        self.is_held = False
        self._moved()

    def eof_received(self) -> bool:
        self.has_ended = True
        self._moved()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = self.has_ended = True
        self._moved()

    def finish(self) -> None:
        """Pass on that the other end has no more to say; close when this one has not either."""
        if self.transport is None:
            return
        if not self.was_told:
            self.was_told = True
            with contextlib.suppress(OSError):  # the other side is gone already
                self.transport.write_eof()
        if self.has_ended:
            self.transport.close()

    def regulate(self) -> None:
        """Read as long as there is room under way."""
        if self.transport is None or self.is_closed or self._reads != self.stream.is_full:
            return
        self._reads = not self._reads
        if self._reads:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()


class Connection:
    """A client's connection, the emulator's own to the server, and a stream each way."""

    def __init__(self, up: Link, down: Link) -> None:
        self.client = _End(Stream(up), self._deliver)
        self.server = _End(Stream(down), self._deliver)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def links(self) -> tuple[Link, Link]:
        """Up and down."""
        return self.client.stream.link, self.server.stream.link

    async def reach(self, server: Address) -> None:
        """Connect to the server; a server that refuses closes the client's connection."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.server, *server)
        except OSError:
            self.close()

    def close(self) -> None:
        """Close both ends; what is under way is gone."""
        if self._timer is not None:
            self._timer.cancel()
        for end in (self.client, self.server):
            if end.transport is not None:
                end.transport.abort()

    def _deliver(self) -> None:
        now = asyncio.get_running_loop().time()
        wake_at = float("inf")
        for source, sink in ((self.client, self.server), (self.server, self.client)):
            if sink.transport is None or sink.is_held or sink.is_closed:
                source.regulate()
                continue
            if data := source.stream.take(now):
                sink.transport.write(data)
            source.regulate()
            wake_at = min(wake_at, source.stream.next_at)
            if source.has_ended and source.stream.next_at == float("inf"):
                sink.finish()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wake_at < float("inf"):
            self._timer = asyncio.get_running_loop().call_at(wake_at, self._deliver)


class StreamForwarder:
    """Accepts TCP connections on a port and forwards each over links of its own."""

    def __init__(self, server: Address, new_links: Callable[[], tuple[Link, Link]]) -> None:
        self._server = server
        self._new_links = new_links
        self._listener: asyncio.Server | None = None
        self._reaching: set[asyncio.Task[None]] = set()
        self.connections: list[Connection] = []
        """In the order in which they came."""

    async def open(self, port: int) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._accept, "127.0.0.1", port)

    async def close(self) -> None:
        """Stop listening and close every connection."""
        if self._listener is not None:
            self._listener.close()
        for task in self._reaching:
            task.cancel()
        for connection in self.connections:
            connection.close()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._reaching)
        if self._listener is not None:
            await self._listener.wait_closed()

    def change(self, up: Conditions, down: Conditions) -> None:
        """From now on, for every connection."""
        for connection in self.connections:
            for link, conditions in zip(connection.links, (up, down), strict=True):
                link.conditions = conditions

    def _accept(self) -> asyncio.Protocol:
        connection = Connection(*self._new_links())
        self.connections.append(connection)
        task = asyncio.ensure_future(connection.reach(self._server))
        self._reaching.add(task)
        task.add_done_callback(self._reaching.discard)
        return connection.client
