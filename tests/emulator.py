"""A bad network between real sockets: a forwarder in user space, seeded, for kernels without netem.

Clients send to the emulator's port as if it were the server's. Each client address gets a socket of its own towards the
server, so that the server sees distinct clients, and a :class:`~tests.link.Link` of its own in each direction, so that
nobody's loss depends on how much others send. TCP connections to the same number are forwarded as well. Clients that
need links of other kinds at the same time go through another emulator of the same server.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from functools import partial
from typing import Final

from tests.emulator_tcp import Address, StreamForwarder
from tests.link import Conditions, Link, Wire
from tests.ports import free_port

_LARGEST: Final = 65_536
_BUFFER: Final = 4 << 20
_READS: Final = 64
"""Datagrams taken from one socket before others get their turn."""


class _Path:
    """Both directions between one client and the server."""

    def __init__(self, server: Address, up: Link, down: Link) -> None:
        self.up = Wire(up)
        self.down = Wire(down)
        self.socket = _socket()
        self.socket.connect(server)


class Emulator:
    """Forwards between clients and one server on loopback. Use as an asynchronous context manager."""

    def __init__(self, server: Address, *, up: Conditions, down: Conditions, seed: int = 1) -> None:
        """``up`` is from the clients to the server, ``down`` the other way."""
        self._server = server
        self._conditions = up, down
        self._random = random.Random(seed)
        self._streams = StreamForwarder(server, self._new_links)
        self._paths: dict[Address, _Path] = {}
        self._socket = _socket()
        self._timer: asyncio.TimerHandle | None = None
        self._blocks_udp = False
        self.port = free_port()
        """For UDP and for TCP."""
        self._socket.bind(("127.0.0.1", self.port))

    async def __aenter__(self) -> Emulator:
        asyncio.get_running_loop().add_reader(self._socket, self._from_clients)
        await self._streams.open(self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
        for sock in (self._socket, *(path.socket for path in self._paths.values())):
            loop.remove_reader(sock)
            sock.close()
        await self._streams.close()

    @property
    def links(self) -> list[tuple[Link, Link]]:
        """Up and down of each UDP client, in the order in which they appeared."""
        return [(path.up.link, path.down.link) for path in self._paths.values()]

    @property
    def connections(self) -> list[tuple[Link, Link]]:
        """Up and down of each TCP connection, in the order in which they were made."""
        return [connection.links for connection in self._streams.connections]

    def change(self, *, up: Conditions, down: Conditions) -> None:
        """From now on, for everybody, in the middle of whatever goes on. One link alone: set its ``conditions``."""
        self._conditions = up, down
        self._streams.change(up, down)
        for path in self._paths.values():
            path.up.link.conditions, path.down.link.conditions = up, down

    def block_udp(self) -> None:
        """From now on, as behind a firewall that has changed its mind, connections alone get through."""
        self._blocks_udp = True

    def _from_clients(self) -> None:
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(BlockingIOError):
            for _ in range(_READS):
                datagram, client = self._socket.recvfrom(_LARGEST)
                if self._blocks_udp:
                    continue
                path = self._paths.get(client) or self._new_path(client)
                path.up.put(datagram, now)
        self._deliver()

    def _from_server(self, path: _Path) -> None:
        now = asyncio.get_running_loop().time()
        # A server that is gone is a network that swallows.
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            for _ in range(_READS):
                datagram = path.socket.recv(_LARGEST)
                if not self._blocks_udp:
                    path.down.put(datagram, now)
        self._deliver()

    def _send_to(self, client: Address, datagram: bytes) -> int:
        return self._socket.sendto(datagram, client)

    def _new_path(self, client: Address) -> _Path:
        path = _Path(self._server, *self._new_links())
        self._paths[client] = path
        asyncio.get_running_loop().add_reader(path.socket, self._from_server, path)
        return path

    def _new_links(self) -> tuple[Link, Link]:
        up, down = self._conditions
        return Link(up, self._random.getrandbits(32)), Link(down, self._random.getrandbits(32))

    def _deliver(self) -> None:
        """Hand over what has arrived and come back when the next datagram does."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        next_at = float("inf")
        for client, path in self._paths.items():
            for datagram in path.up.take(now):
                _hand_over(path.socket.send, datagram)
            for datagram in path.down.take(now):
                _hand_over(partial(self._send_to, client), datagram)
            next_at = min(next_at, path.up.next_at, path.down.next_at)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if next_at < float("inf"):
            self._timer = loop.call_at(next_at, self._deliver)


def _hand_over(send: Callable[[bytes], int], datagram: bytes) -> None:
    # A closed port or a full buffer at the end of the path loses the datagram, as on any network.
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        send(datagram)


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return sock
