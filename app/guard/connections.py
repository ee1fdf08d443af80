"""One connection of the web server: how many there are, and how long each may take.

uvicorn's h11 protocol bounds the head's size and closes idle connections between requests. It waits without end for
the first request, for the rest of a head or of a body, and for a client that takes nothing of its answer, and it
accepts as many connections as come. That is owned here.
"""

import asyncio
import logging
from collections import Counter
from functools import partial
from typing import Any, Final

import h11
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client import Counter as Figure
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.errors import problem
from app.guard import addresses
from app.guard.options import GuardOptions

BODY_BYTES_PER_SECOND: Final = 8192
MOST_HEAD_BYTES: Final = 32 * 1024
"""Of what arrives piece by piece; `app.guard.front` has a closer look at the whole."""

_CLOSING: Final = {
    "Connection": "close",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

# What clients do wrong is counted, not logged line by line: strangers could fill the log.
_log = logging.getLogger("app.guard.connections")
_log.setLevel(logging.ERROR)


class Connections:
    """How many connections there are, in all and from each address."""

    def __init__(self, options: GuardOptions, registry: CollectorRegistry) -> None:
        self.options = options
        self._by_network: Counter[str] = Counter()
        self._all = 0
        gauge = Gauge("tongtang_connections", "Open connections of the web server", registry=registry)
        gauge.set_function(lambda: self._all)
        words = "Connections that were not accepted or were cut off, by what was wrong"
        self._cut = Figure("tongtang_connections_cut", words, ["reason"], registry=registry)

    def enter(self, peer: str) -> bool:
        """Count a connection; False when it is one too many. One that entered has to leave."""
        network = addresses.network_of(peer)
        if self._all >= self.options.connections:
            self.cut("all")
            return False
        if not self._is_proxy(peer) and self._by_network[network] >= self.options.connections_per_address:
            self.cut("address")
            return False
        self._all += 1
        self._by_network[network] += 1
        return True

    def leave(self, peer: str) -> None:
        """A connection that entered is gone."""
        network = addresses.network_of(peer)
        self._all -= 1
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]

    def cut(self, reason: str) -> None:
        """Count a connection that was cut off."""
        self._cut.labels(reason).inc()

    def _is_proxy(self, peer: str) -> bool:
        address = addresses.address(peer)
        return address is not None and any(address in network for network in self.options.trusted_proxies)


class GuardedSocket(WebSocketsSansIOProtocol):
    """A WebSocket that gives its place back."""

    def __init__(self, *given: Any, connections: Connections, peer: str, **named: Any) -> None:
        super().__init__(*given, **named)
        self._connections = connections
        self._peer = peer

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._connections.leave(self._peer)
        super().connection_lost(exc)


class GuardedHttp(H11Protocol):
    """HTTP/1.1 with deadlines for what the client has to do."""

    def __init__(self, *given: Any, connections: Connections, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = _log
        self._connections = connections
        self._options = connections.options
        self._peer: str | None = None
        """Where from, once it has entered and as long as it has not left."""
        self._waiting_for = ""
        self._deadline = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._write_watch: asyncio.TimerHandle | None = None

    # --- what asyncio calls ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; it has so long for its first request."""
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        if not self._connections.enter(peer):
            transport.abort()
            return
        self._peer = peer
        # uvicorn calls it as it would the class.
        self.ws_protocol_class = partial(GuardedSocket, connections=self._connections, peer=peer)  # type: ignore[assignment]
        self._expect("head", self._options.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._forget_watches()
        if self._peer is not None:
            self._connections.leave(self._peer)
            self._peer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something arrived."""
        super().data_received(data)
        self._follow(len(data))

    def pause_writing(self) -> None:
        """The client takes less than it is given."""
        super().pause_writing()
        if self._write_watch is None:
            self._write_watch = self.loop.call_later(self._options.write_seconds, self._takes_nothing)

    def resume_writing(self) -> None:
        """The client took what it was given."""
        super().resume_writing()
        if self._write_watch is not None:
            self._write_watch.cancel()
            self._write_watch = None

    # --- what uvicorn calls ---

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on the connection is the WebSocket's, and so is its place."""
        self._forget_watches()
        self._peer = None
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """An answer was given; a part of the next request may be there already."""
        super().on_response_complete()
        self._follow(0)

    def send_400_response(self, msg: str) -> None:
        """What arrived is no HTTP, or its head is too large."""
        if len(self.conn.trailing_data[0]) > MOST_HEAD_BYTES:
            self._connections.cut("head_too_large")
            detail = f"The head of a request has up to {MOST_HEAD_BYTES} bytes."
            self._end(431, "request.head_too_large", "Header fields too large", detail)
        else:
            self._connections.cut("malformed")
            self._end(400, "request.malformed", "Bad request", "This is not HTTP/1.1.")

    # --- deadlines ---

    def _follow(self, received: int) -> None:
        """Whatever the client has to do next, it has so long for it."""
        if self._peer is None or self.transport.is_closing():
            self._expect("", 0)
        elif self.conn.their_state is h11.SEND_BODY:
            if self._waiting_for != "body":
                self._expect("body", self._options.body_seconds)
            self._deadline += received / BODY_BYTES_PER_SECOND
        elif self.conn.their_state is not h11.IDLE:
            self._expect("", 0)
        elif self.conn.trailing_data[0] and self._waiting_for != "head":
            self._expect("head", self._options.head_seconds)
        elif self.timeout_keep_alive_task is not None:
            self._expect("", 0)  # between requests uvicorn watches

    def _expect(self, what: str, seconds: float) -> None:
        self._waiting_for = what
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if what:
            self._deadline = self.loop.time() + seconds
            self._watch = self.loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._watch = None
        if self.flow.read_paused:  # it is we who are slow
            self._deadline = self.loop.time() + self._options.body_seconds
        if self.loop.time() < self._deadline:
            self._watch = self.loop.call_at(self._deadline, self._look)
            return
        self._connections.cut(f"slow_{self._waiting_for}")
        if self._waiting_for == "head" and not self.conn.trailing_data[0]:
            self.transport.close()  # it said nothing, so it is told nothing
        else:
            detail = f"The {self._waiting_for} of the request did not arrive in time."
            self._end(408, "request.too_slow", "Request too slow", detail)

    def _takes_nothing(self) -> None:
        self._write_watch = None
        self._connections.cut("slow_reader")
        self.transport.abort()

    def _forget_watches(self) -> None:
        self._expect("", 0)
        if self._write_watch is not None:
            self._write_watch.cancel()
            self._write_watch = None

    def _end(self, status: int, code: str, title: str, detail: str) -> None:
        """Answer, unless an answer was begun, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = problem(status, code, title, detail, _CLOSING)
            head = h11.Response(status_code=status, headers=answer.raw_headers, reason=title.encode())
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:
            self.cycle.disconnected = True  # the application may say what it wants
            self.cycle.message_event.set()
        self._forget_watches()
        self.transport.close()
