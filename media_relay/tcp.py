"""Media over TCP on the number of the UDP port, for networks that let no UDP out: ICE-TCP, passive (RFC 6544).

A connection is one more address of a client: its packets are the datagrams of UDP, framed by RFC 4571, and everything
above is the same. Nothing here ever waits: sockets do not block, what a slow connection does not take is dropped by
:class:`~media_relay.core.framing.Outbox`, and strangers are few, short of time and of words.
"""

from __future__ import annotations

import errno
import ipaddress
import select
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from media_relay.core.framing import MAX_FRAME, FrameError, FrameReader, Outbox
from media_relay.counters import Counters
from media_relay.seams.datagrams import ConnectionAddress, ffi

MAX_CONNECTIONS: Final = 4_096
"""Of clients; more than two for each session that a node takes."""
MAX_STRANGERS: Final = 256
"""Connections that passed no connectivity check yet; one more, and the oldest has to go."""
MAX_STRANGERS_PER_NETWORK: Final = 64
"""A school behind one address that comes with the bell, two connections a session."""
STRANGERS_SECONDS: Final = 5.0
"""Time for the first check; browsers send it as soon as they are connected."""
STRANGERS_WORDS: Final = 16
"""Packets before the first check that passes."""

ACCEPTS: Final = 200
"""Connections taken between two looks, 200 ms: each costs 50 µs, and anybody can make them. The others wait with the
kernel, which in the end makes clients come again a second later."""

_ACCEPTS: Final = 32
"""Connections taken before others get their turn."""
_READ: Final = 32_768
_EVENTS: Final = 128
_BACKLOG: Final = 128
_TCP_NOTSENT_LOWAT: Final = 25
_OUT_OF_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_UNSENT: Final = 16_384
"""Bytes the kernel keeps beyond what is under way (tcp(7)): what waits, waits here, where it can still be dropped."""


def listen(port: int) -> socket.socket:
    """The listening socket, for IPv6 and IPv4 where the machine has both. Raises ``OSError``."""
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    listener = socket.create_server(("", port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    listener.setblocking(False)
    return listener


class Connection:
    """One client at the other end, or a stranger."""

    __slots__ = (
        "_clock",
        "_outbox",
        "_port",
        "_reader",
        "_video",
        "accepted_at",
        "address",
        "network",
        "sock",
        "words",
    )

    def __init__(
        self, port: TcpPort, sock: socket.socket, peer: tuple[str, int], clock: Callable[[], float]
    ) -> None:
        self.sock = sock
        self.address = ConnectionAddress(self, peer)
        self.network = _network(peer[0])
        self.accepted_at = clock()
        self.words = 0
        """Packets taken while it was a stranger."""
        self._port = port
        self._clock = clock
        self._reader = FrameReader()
        self._outbox = Outbox()
        self._video: frozenset[int] = frozenset()

    def admit(self, video: frozenset[int]) -> None:
        """It belongs to a client, which negotiated these payload types for pictures."""
        self._video = video

    def read(self) -> list[bytes]:
        """The packets that have come. Raises ``OSError`` and ``FrameError`` when that was the end."""
        try:
            data = self.sock.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return []
        if not data:
            raise ConnectionResetError
        return self._reader.feed(data)

    def write(self, data: memoryview, segment: int) -> None:
        """Queue the packets in ``data``, each but the last of ``segment`` bytes (0: there is one)."""
        if self.sock.fileno() < 0:
            return  # it has ended; the client may come again
        now = self._clock()
        step = segment or len(data)
        for start in range(0, len(data), step):
            packet = bytes(data[start : start + step])
            # RTCP lies in 64 to 95 by this mask, where RTP has no payload types (RFC 5761 section 4).
            picture = packet[0] & 0xC0 == 0x80 and packet[1] & 0x7F in self._video
            self._outbox.put(packet, now, picture=picture)

    def flush(self) -> None:
        """Send what can be sent now, and the rest when it can."""
        self._port.flush(self)

    def push(self) -> bool:
        """Send what the kernel takes; whether that is everything. Raises ``OSError`` when that was the end."""
        outbox = self._outbox
        while chunk := outbox.next(self._clock()):
            try:
                outbox.sent(self.sock.send(chunk))
            except (BlockingIOError, InterruptedError):
                return False
        return True

    def take_drops(self) -> int:
        """Packets that it was too slow for since the last call."""
        dropped, self._outbox.dropped = self._outbox.dropped, 0
        return dropped


class TcpPort:
    """All connections of a node. While :meth:`receive` is iterated over, a packet lies where UDP's receiver has it."""

    def __init__(
        self, listener: socket.socket | None, counters: Counters, clock: Callable[[], float]
    ) -> None:
        """Without a listener nobody ever comes."""
        self._listener = listener
        self._accepting = False
        self._accepts_left = 0
        self._counters = counters
        self._clock = clock
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._keys: dict[bytes, Connection] = {}
        self._strangers: dict[bytes, Connection] = {}
        self._strangers_from: Counter[str] = Counter()
        self._congested: set[Connection] = set()
        self._current: Connection | None = None
        self._lost: list[bytes] = []
        memory: Any = ffi.new("uint8_t[]", MAX_FRAME)
        self.slots = [memory]
        self.view = memoryview(ffi.buffer(memory)).cast("B")
        self.look_after()

    @property
    def listening(self) -> bool:
        """Whether anybody can come."""
        return self._listener is not None

    @property
    def strangers(self) -> int:
        """Connections that passed no check yet."""
        return len(self._strangers)

    def fileno(self) -> int:
        """Readable when there is something to :meth:`receive` or to send."""
        return self._epoll.fileno()

    def __len__(self) -> int:
        return len(self._connections)

    # --- in ---

    def receive(self) -> Iterator[int]:
        """Accept, read, and send on: yields the length of each packet while it lies in the slot."""
        for fd, event in self._epoll.poll(0, _EVENTS):
            connection = self._connections.get(fd)
            if connection is None:
                self._accept()
                continue
            if event & select.EPOLLOUT:
                self.flush(connection)
            if event & ~select.EPOLLOUT and connection.address.raw in self._keys:
                yield from self._read(connection)

    def name(self, index: int) -> bytes:
        """The key of the connection that brought the packet."""
        return self.address(index).raw

    def address(self, index: int) -> ConnectionAddress:
        """Where to answer the packet."""
        if self._current is None:
            raise RuntimeError("there is no packet")
        return self._current.address

    def arrival(self, index: int) -> None:
        """The kernel does not tell when a packet on a connection arrived."""

    def _read(self, connection: Connection) -> Iterator[int]:
        try:
            packets = connection.read()
        except OSError:
            self._lose(connection)
            return
        except FrameError:
            self._counters.drops["tcp_noise"] += 1
            self._lose(connection)
            return
        self._current = connection
        for packet in packets:
            key = connection.address.raw
            if key in self._strangers:
                connection.words += 1
                if (
                    packet[0] > 3 or connection.words > STRANGERS_WORDS
                ):  # not STUN (RFC 7983), or too much of it
                    self._refuse(connection, "tcp_noise")
            if key not in self._keys:
                return  # it was ended by what it sent
            self.view[: len(packet)] = packet
            yield len(packet)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS):
            if self._listener is None:
                return
            if self._accepts_left <= 0:
                self._rest()
                return
            try:
                sock, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._counters.drops["tcp_refused"] += 1
                if error.errno in _OUT_OF_DESCRIPTORS:
                    self._rest()
                    return
                continue
            self._accepts_left -= 1
            self._welcome(sock, peer[:2])

    def _rest(self) -> None:
        """Accept nobody until the next look: the listener stays readable for as long as somebody waits."""
        if self._listener is not None and self._accepting:
            self._epoll.unregister(self._listener)
            self._accepting = False

    def _welcome(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        connection = Connection(self, sock, peer, self._clock)
        if (
            len(self) >= MAX_CONNECTIONS
            or self._strangers_from[connection.network] >= MAX_STRANGERS_PER_NETWORK
        ):
            self._counters.drops["tcp_refused"] += 1
            sock.close()
            return
        if len(self._strangers) >= MAX_STRANGERS:
            self._refuse(next(iter(self._strangers.values())), "tcp_refused")
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT)
        key = connection.address.raw
        self._connections[sock.fileno()] = self._keys[key] = self._strangers[key] = connection
        self._strangers_from[connection.network] += 1
        self._epoll.register(sock, select.EPOLLIN)

    # --- out ---

    def flush(self, connection: Connection) -> None:
        """Send what a connection takes, and come back to it when it takes more."""
        if connection.address.raw not in self._keys:
            return
        try:
            everything = connection.push()
        except OSError:
            self._lose(connection)
            return
        self._counters.drops["tcp_full"] += connection.take_drops()
        if everything == (connection in self._congested):
            self._congested ^= {connection}
            self._epoll.modify(connection.sock, select.EPOLLIN | (0 if everything else select.EPOLLOUT))

    # --- ends ---

    def admit(self, key: bytes, video: frozenset[int]) -> None:
        """A connectivity check passed: the connection is a client's, with these payload types for pictures."""
        connection = self._keys.get(key)
        if connection is not None:
            self._known(connection)
            connection.admit(video)

    def close(self, key: bytes) -> None:
        """End a connection, if it is there, after what can be sent at once."""
        connection = self._keys.get(key)
        if connection is not None:
            self.flush(connection)
            self._remove(connection)

    def lost(self) -> list[bytes]:
        """The keys of the connections that ended by themselves since the last call."""
        lost, self._lost = self._lost, []
        return lost

    def look_after(self) -> None:
        """Every 200 ms: show strangers the door whose time is up, and accept again."""
        now = self._clock()
        self._accepts_left = ACCEPTS
        for connection in list(self._strangers.values()):
            if now - connection.accepted_at <= STRANGERS_SECONDS:
                break
            self._refuse(connection, "tcp_slow")
        if self._listener is not None and not self._accepting:
            self._accepting = True
            self._epoll.register(self._listener, select.EPOLLIN)

    def close_all(self) -> None:
        """End all connections, strangers' too."""
        for key in list(self._keys):
            self.close(key)

    def _known(self, connection: Connection) -> None:
        if self._strangers.pop(connection.address.raw, None) is not None:
            self._strangers_from[connection.network] -= 1
            if not self._strangers_from[connection.network]:
                del self._strangers_from[connection.network]

    def _refuse(self, connection: Connection, reason: str) -> None:
        self._counters.drops[reason] += 1
        self._remove(connection)

    def _lose(self, connection: Connection) -> None:
        self._lost.append(connection.address.raw)
        self._remove(connection)

    def _remove(self, connection: Connection) -> None:
        if self._keys.pop(connection.address.raw, None) is None:
            return
        self._known(connection)
        self._congested.discard(connection)
        del self._connections[connection.sock.fileno()]
        self._epoll.unregister(connection.sock)
        connection.sock.close()


def _network(host: str) -> str:
    """Whom a limit applies to: an IPv4 address, or the /64 that any machine has of IPv6."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
