"""Many datagrams a system call: ``recvmmsg``, ``sendmmsg`` and UDP generic segmentation offload, by cffi.

Linux only. Buffers are allocated once; a received batch stays valid until the next :meth:`Receiver.receive`, queued
messages until the next :meth:`Sender.flush`. Sources: recvmmsg(2), sendmmsg(2), udp(7) (``UDP_SEGMENT``).
"""

from __future__ import annotations

import errno
import itertools
import select
import socket
import struct
from typing import Any, Final, Protocol

from cffi import FFI

from media_relay.native import DECLARATIONS
from media_relay.seams import ancillary

ffi: Final = FFI()
ffi.cdef(
    """
    typedef struct { void *iov_base; size_t iov_len; } iovec_t;
    typedef struct {
        void *msg_name; uint32_t msg_namelen;
        iovec_t *msg_iov; size_t msg_iovlen;
        void *msg_control; size_t msg_controllen;
        int msg_flags;
    } msghdr_t;
    typedef struct { msghdr_t msg_hdr; unsigned int msg_len; } mmsghdr_t;
    typedef struct { size_t cmsg_len; int cmsg_level; int cmsg_type; uint16_t segment; uint8_t pad[6]; } segment_t;
    int recvmmsg(int fd, mmsghdr_t *msgvec, unsigned int vlen, int flags, void *timeout);
    int sendmmsg(int fd, mmsghdr_t *msgvec, unsigned int vlen, int flags);
    """
)
ffi.cdef(DECLARATIONS)
_libc: Final[Any] = ffi.dlopen(None)

SLOT: Final = 2048
"""Bytes of one receive slot; a longer datagram is truncated by the kernel and then dropped by us."""
NAME: Final = 32
"""Bytes of one address slot; a ``sockaddr_in6`` takes 28."""
MAX_SEGMENTS: Final = 64
"""Most segments of one GSO message the kernel takes (``UDP_MAX_SEGMENTS`` of every kernel since 4.18)."""
MAX_GSO_BYTES: Final = 65_000

_MESSAGE: Final = ffi.sizeof("mmsghdr_t")
_FIELDS: Final = _MESSAGE // 4
_LENGTH_FIELD: Final = ffi.offsetof("mmsghdr_t", "msg_len") // 4
_SIZE: Final = ffi.sizeof("size_t")
_SIZES: Final = _MESSAGE // _SIZE
_CONTROL_SIZE: Final = ffi.offsetof("mmsghdr_t", "msg_hdr", "msg_controllen") // _SIZE

_SOL_UDP: Final = 17
_UDP_SEGMENT: Final = 103
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("9I")
"""``SK_MEMINFO_VARS`` numbers of sock_diag(7), of which the last is ``SK_MEMINFO_DROPS``."""
_MSG_DONTWAIT: Final = socket.MSG_DONTWAIT
_MSG_TRUNC: Final = int(socket.MSG_TRUNC)
# cmsg_len counts the header and the two bytes of the segment size, not the padding (CMSG_LEN).
_SEGMENT_CMSG_LEN: Final = 16 + 2
_SEGMENT_CMSG_SPACE: Final = 24
_CONTROL_SPACE: Final = _SEGMENT_CMSG_SPACE + 40
_WRITABLE_WAIT_MS: Final = 5


class Receiver:
    """Receives up to ``batch`` datagrams a call into one buffer of ``batch`` slots of :data:`SLOT` bytes."""

    def __init__(self, sock: socket.socket, batch: int = 128) -> None:
        self._socket = sock
        self._fd = sock.fileno()
        self._batch = batch
        self.memory: Any = ffi.new("uint8_t[]", batch * SLOT)
        self.view = memoryview(ffi.buffer(self.memory)).cast("B")
        """All slots; slot ``i`` starts at ``i * SLOT``."""
        self.slots: list[Any] = [self.memory + i * SLOT for i in range(batch)]
        """Pointers to the slots, for calls into C."""
        self._names = ffi.new("uint8_t[]", batch * NAME)
        self.names: Any = ffi.buffer(self._names)
        self._control = ffi.new("uint8_t[]", batch * ancillary.CONTROL)
        self._control_view = memoryview(ffi.buffer(self._control)).cast("B")
        self._control_words = self._control_view.cast("q")
        self._vectors = ffi.new("iovec_t[]", batch)
        self._messages = ffi.new("mmsghdr_t[]", batch)
        for i in range(batch):
            self._vectors[i].iov_base = self.slots[i]
            self._vectors[i].iov_len = SLOT
            header = self._messages[i].msg_hdr
            header.msg_name = self._names + i * NAME
            header.msg_namelen = NAME
            header.msg_iov = ffi.addressof(self._vectors, i)
            header.msg_iovlen = 1
            header.msg_control = self._control + i * ancillary.CONTROL
            header.msg_controllen = ancillary.CONTROL
        # The headers as plain memory, and as they must be before each call: a slice costs less than many fields.
        self._headers = memoryview(ffi.buffer(self._messages)).cast("B")
        self._fields = self._headers.cast("I")
        self._sizes = self._headers.cast("P")  # as wide as size_t
        self._pristine = bytes(self._headers)
        self._count = 0
        self.native: Any = ffi.new(
            "tt_inbox *", (self.memory, self._names, self._control, self._messages, batch)
        )
        """The same for the native kernel."""
        ancillary.ask_for(sock)
        self.truncated = 0

    def receive(self) -> list[int]:
        """The lengths of the datagrams now in the slots; a truncated one counts as empty. Never blocks.

        An ICMP error that the kernel reports here belongs to some earlier datagram and is ignored.
        """
        used = self._count * _MESSAGE
        self._headers[:used] = self._pristine[:used]
        count = _libc.recvmmsg(self._fd, self._messages, self._batch, _MSG_DONTWAIT, ffi.NULL)
        if count <= 0:
            self._count = 0
            return []
        self._count = count
        lengths = self._fields[_LENGTH_FIELD : count * _FIELDS : _FIELDS].tolist()
        if SLOT in lengths:  # only such a one can be truncated
            for index, length in enumerate(lengths):
                if length == SLOT and self._messages[index].msg_hdr.msg_flags & _MSG_TRUNC:
                    self.truncated += 1
                    lengths[index] = 0
        return lengths

    @property
    def overflowed(self) -> int:
        """Datagrams so far that the kernel dropped because this process had not read those before them."""
        try:
            found = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        except OSError:  # a kernel before 4.12
            return 0
        dropped: int = _MEMINFO.unpack(found)[-1]
        return dropped

    @property
    def batch(self) -> int:
        """Most datagrams of one call: after fewer there was no more."""
        return self._batch

    def arrival(self, index: int) -> float | None:
        """Seconds since the epoch at which datagram ``index`` reached the kernel, where it says so."""
        if not self._control_length(index):
            return None
        return ancillary.arrival(self._control_words, index * (ancillary.CONTROL // 8))

    def _control_length(self, index: int) -> int:
        length: int = self._sizes[index * _SIZES + _CONTROL_SIZE]
        return length

    def address(self, index: int) -> Address:
        """Where to answer datagram ``index``: its source, from our address that it was sent to."""
        raw = self.name(index)
        start = index * ancillary.CONTROL
        ours = ancillary.own_address(self._control_view, start, self._control_length(index))
        plain = Address(raw)
        if ours is None or ours == ancillary.usual_source(plain.host_port[0]):
            return plain
        return Address(raw, ancillary.send_from(ours))

    def name(self, index: int) -> bytes:
        """The raw socket address that datagram ``index`` came from: a key, and what :class:`Address` is made of."""
        start = index * NAME
        raw: bytes = self.names[start : start + 28]
        return raw


class Address:
    """A destination as the kernel wants it, kept alive for as long as messages may point to it.

    ``source`` is the control message that names our address to send from, where the kernel would choose another.
    """

    __slots__ = ("length", "pointer", "raw", "source")

    def __init__(self, raw: bytes, source: bytes = b"") -> None:
        self.raw = raw
        self.source = source
        family = int.from_bytes(raw[:2], "little" if _LITTLE else "big")
        self.length = 16 if family == socket.AF_INET else 28
        self.pointer: Any = ffi.new("tt_address *", (raw.ljust(28, b"\0"), self.length, len(source), source))

    def __str__(self) -> str:
        host, port = self.host_port
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def host_port(self) -> tuple[str, int]:
        """Host and port; an IPv4-mapped IPv6 address is given as IPv4."""
        port = int.from_bytes(self.raw[2:4], "big")
        if self.length == 16:
            return socket.inet_ntop(socket.AF_INET, self.raw[4:8]), port
        packed = self.raw[8:24]
        if packed[:12] == b"\0" * 10 + b"\xff\xff":
            return socket.inet_ntop(socket.AF_INET, packed[12:]), port
        return socket.inet_ntop(socket.AF_INET6, packed), port


class Connection(Protocol):
    """Takes datagrams for a client that came over TCP."""

    def write(self, data: memoryview, segment: int) -> None:
        """Queue the datagrams in ``data``, each but the last of ``segment`` bytes (0: there is one)."""

    def flush(self) -> None:
        """Send what can be sent without waiting."""


class ConnectionAddress(Address):
    """A destination at the other end of a connection; ``raw`` stands for it among those of datagrams."""

    __slots__ = ("_host_port", "connection")
    _numbers = itertools.count()

    def __init__(self, connection: Connection, host_port: tuple[str, int]) -> None:
        # Not 28 bytes, so no socket address; what is sent takes the way of those with a source, off the hot path.
        self.raw = b"connection %d" % next(self._numbers)
        self.source = self.raw
        self.length = 0
        self.pointer = ffi.NULL
        self.connection = connection
        self._host_port = host_port

    @property
    def host_port(self) -> tuple[str, int]:
        """Host and port at the other end; an IPv4-mapped IPv6 address is given as IPv4."""
        return self._host_port[0].removeprefix("::ffff:"), self._host_port[1]


_LITTLE: Final = int.from_bytes(ffi.buffer(ffi.new("uint16_t *", 1)), "little") == 1


class Sender:
    """A bounded queue of outgoing datagrams over one arena, sent by ``sendmmsg`` with GSO.

    The caller writes packets into :attr:`memory` from :attr:`used` on and queues them with :meth:`queue`; when
    :meth:`room` says no it flushes first.
    """

    def __init__(self, sock: socket.socket, arena: int = 1 << 21, messages: int = 1024) -> None:
        self._sock = sock
        self._fd = sock.fileno()
        self.size = arena
        self.memory: Any = ffi.new("uint8_t[]", arena)
        self.view = memoryview(ffi.buffer(self.memory)).cast("B")
        self.used = 0
        self._capacity = messages
        self._count = 0
        self._vectors = ffi.new("iovec_t[]", messages)
        # For each message room for a segment size and for an address to send from, in this order.
        self._controls = ffi.new("uint8_t[]", messages * _CONTROL_SPACE)
        self._names = ffi.new("uint8_t[]", messages * NAME)
        self._messages = ffi.new("mmsghdr_t[]", messages)
        self._headers: list[Any] = []
        self._vector: list[Any] = []
        self._segment: list[Any] = []
        self._destinations: list[Address | None] = [None] * messages
        for i in range(messages):
            header = self._messages[i].msg_hdr
            header.msg_iov = ffi.addressof(self._vectors, i)
            header.msg_iovlen = 1
            segment: Any = ffi.cast("segment_t *", self._controls + i * _CONTROL_SPACE)
            segment.cmsg_len = _SEGMENT_CMSG_LEN
            segment.cmsg_level = _SOL_UDP
            segment.cmsg_type = _UDP_SEGMENT
            self._headers.append(header)
            self._vector.append(ffi.addressof(self._vectors, i))
            self._segment.append(segment)
        self._written: set[Connection] = set()
        self._queue: Any = ffi.new(
            "tt_queue *",
            (self.memory, arena, 0, self._messages, self._vectors, self._controls, self._names, messages, 0),
        )
        self.gso = _gso_works(sock)
        self.max_segments = MAX_SEGMENTS if self.gso else 1
        self.dropped = 0
        """Messages the kernel would not take in time."""
        self.rejected = 0
        """Messages the kernel refused, for instance for want of a route."""

    def room(self, size: int, messages: int) -> bool:
        """Whether ``size`` bytes in ``messages`` messages fit before the next flush."""
        return self.used + size <= self.size and self._count + messages <= self._capacity

    def queue(self, address: Address, start: int, size: int, segment: int) -> None:
        """Queue ``memory[start : start + size]``; ``segment`` is the size of each datagram but the last, or 0."""
        if address.source and isinstance(address, ConnectionAddress):
            # It takes no message, so there is room for it in a queue that is full.
            address.connection.write(self.view[start : start + size], segment)
            self._written.add(address.connection)
            return
        index = self._count
        vector = self._vector[index]
        vector.iov_base = self.memory + start
        vector.iov_len = size
        header = self._headers[index]
        # The kernel reads the address at the flush, when the session it belongs to may be gone already.
        self._destinations[index] = address
        header.msg_name = address.pointer
        header.msg_namelen = address.length
        if segment:
            control = self._segment[index]
            control.segment = segment
            header.msg_control = control
            header.msg_controllen = _SEGMENT_CMSG_SPACE
        else:
            header.msg_control = ffi.NULL
            header.msg_controllen = 0
        if address.source:
            self._add_source(index, address.source, bool(segment))
        self._count = index + 1

    def lend(self) -> Any:
        """The queue as the native kernel sees it; to be followed by :meth:`take_back`."""
        queue = self._queue
        queue.used, queue.count = self.used, self._count
        return queue

    def take_back(self) -> None:
        """Go on with what the native kernel has added."""
        queue = self._queue
        self.used, self._count = queue.used, queue.count

    def _add_source(self, index: int, source: bytes, segmented: bool) -> None:
        header = self._headers[index]
        after = self._controls + (index * _CONTROL_SPACE + _SEGMENT_CMSG_SPACE)
        ffi.memmove(after, source, len(source))
        if segmented:
            header.msg_controllen = _SEGMENT_CMSG_SPACE + len(source)
        else:
            header.msg_control = after
            header.msg_controllen = len(source)

    def send(self, address: Address, data: bytes) -> None:
        """Queue one datagram of its own, flushing first when it does not fit."""
        size = len(data)
        if not self.room(size, 1):
            self.flush()
        start = self.used
        self.view[start : start + size] = data
        self.used = start + size
        self.queue(address, start, size, 0)

    def flush(self) -> None:
        """Send what is queued. A full socket is waited for 5 ms at most; then the rest is dropped and counted."""
        done, count = 0, self._count
        while done < count:
            sent = _libc.sendmmsg(self._fd, self._messages + done, count - done, _MSG_DONTWAIT)
            if sent > 0:
                done += sent
            elif ffi.errno == errno.EINTR:
                continue
            elif ffi.errno in (errno.EAGAIN, errno.ENOBUFS):
                if not self._wait_writable():
                    self.dropped += count - done
                    break
            else:
                # The error belongs to the first message alone: leave it out and go on with the others.
                self.rejected += 1
                done += 1
        self._count = 0
        self.used = 0
        if self._written:
            for connection in self._written:
                connection.flush()
            self._written.clear()

    def _wait_writable(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(_WRITABLE_WAIT_MS))


def _gso_works(sock: socket.socket) -> bool:
    try:
        sock.setsockopt(_SOL_UDP, _UDP_SEGMENT, 0)
    except OSError:
        return False
    return True
