"""Datagrams of many sockets through one set of buffers, each with the kernel's time of its arrival.

The kernel's stamp (``SO_TIMESTAMPNS``, socket(7)) keeps the load generator's own scheduling out of the latencies, so
that it may read in large, lazy batches and leave the processor to what is measured.
"""

from __future__ import annotations

import socket
import time
from typing import Any, Final

from media_relay.seams.datagrams import SLOT, ffi

BATCH: Final = 128
"""Most datagrams of one call."""

_libc: Final[Any] = ffi.dlopen(None)
_CONTROL: Final = 64
_CONTROL_HEADER: Final = 16
_SO_TIMESTAMPNS: Final = 35
_RECEIVE_BUFFER: Final = 1 << 20
_MESSAGE: Final = ffi.sizeof("mmsghdr_t")
_LENGTH: Final = ffi.offsetof("mmsghdr_t", "msg_len") // 4
_STAMP: Final = _CONTROL_HEADER // 8
"""Where in a control buffer, in words, the stamp lies: struct timespec behind the header."""
_NANOSECONDS: Final = 1_000_000_000


class Arrivals:
    """Receives up to :data:`BATCH` datagrams a call; they stay valid until the next one."""

    def __init__(self) -> None:
        self._memory = ffi.new("uint8_t[]", BATCH * SLOT)
        self.view = memoryview(ffi.buffer(self._memory)).cast("B")
        """All slots; slot ``i`` starts at ``i * SLOT``."""
        self.slots: list[Any] = [self._memory + i * SLOT for i in range(BATCH)]
        """Pointers to the slots, for calls into C."""
        self._vectors = ffi.new("iovec_t[]", BATCH)
        self._control = ffi.new("uint8_t[]", BATCH * _CONTROL)
        self._times = memoryview(ffi.buffer(self._control)).cast("B").cast("q")
        self._messages = ffi.new("mmsghdr_t[]", BATCH)
        self._epoch = 0
        """The Unix time of the monotonic clock's zero, in nanoseconds."""
        for i in range(BATCH):
            header = self._messages[i].msg_hdr
            self._vectors[i].iov_base = self.slots[i]
            self._vectors[i].iov_len = SLOT
            header.msg_iov = ffi.addressof(self._vectors, i)
            header.msg_iovlen = 1
            header.msg_control = self._control + i * _CONTROL
            header.msg_controllen = _CONTROL
        # The headers as plain memory, and as they must be before each call: a slice costs less than many fields.
        self._headers = memoryview(ffi.buffer(self._messages)).cast("B")
        self._fields = self._headers.cast("I")
        self._pristine = bytes(self._headers)

    def receive(self, sock: socket.socket) -> list[int]:
        """The lengths of the datagrams now in the slots. Never blocks; ICMP errors are ignored."""
        count = _libc.recvmmsg(sock.fileno(), self._messages, BATCH, socket.MSG_DONTWAIT, ffi.NULL)
        self._epoch = time.time_ns() - time.monotonic_ns()
        if count <= 0:
            return []
        lengths = self._fields[_LENGTH : count * _MESSAGE // 4 : _MESSAGE // 4].tolist()
        used = count * _MESSAGE
        self._headers[:used] = self._pristine[:used]
        return lengths

    def arrived_at(self, index: int) -> int:
        """When the kernel took datagram ``index``, Unix time in nanoseconds."""
        at = index * (_CONTROL // 8) + _STAMP
        return self._times[at] * _NANOSECONDS + self._times[at + 1]

    def heard_at(self, index: int) -> float:
        """When the kernel took datagram ``index``, monotonic seconds."""
        return (self.arrived_at(index) - self._epoch) / _NANOSECONDS


def open_socket(host: str) -> socket.socket:
    """A UDP socket for the family of ``host`` whose datagrams are stamped."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return sock
