"""A second socket on a UDP port, to which the kernel sorts what can wait: transport-wide feedback (Linux only).

Every subscriber sends it ten to twenty times a second, and each message by itself would wake the node up for the sake
of forty bytes. The tick reads them all together. It is told by its first two bytes, which SRTCP leaves in the clear;
browsers send it in packets of its own (RFC 5506), and what comes inside a compound takes the ordinary way.

Sources: socket(7), ``SO_REUSEPORT`` and ``SO_ATTACH_REUSEPORT_CBPF``; RFC 4585 section 6.1.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Final

from media_relay.seams.datagrams import ffi
from media_relay.seams.rtcp import RTPFB, TRANSPORT_CC

_SO_ATTACH_REUSEPORT_CBPF: Final = 51
_FIRST: Final = 0
_SECOND: Final = 1
"""The sockets in the order in which they came to share the port."""
_LOAD, _AND, _JUMP_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
"""Classic BPF: load a byte, mask it, compare it, end."""
_PROGRAM: Final = (
    (_LOAD, 0, 0, 1),
    (_JUMP_EQUAL, 0, 3, RTPFB),
    (_LOAD, 0, 0, 0),
    (_AND, 0, 0, 0xDF),  # with padding or without
    (_JUMP_EQUAL, 1, 0, 0x80 | TRANSPORT_CC),
    (_RETURN, 0, 0, _FIRST),
    (_RETURN, 0, 0, _SECOND),
)
_BUFFER: Final = 1 << 20
_INSTRUCTION: Final = struct.Struct("HBBI")


def feedback_socket(sock: socket.socket) -> socket.socket | None:
    """Another socket on the port of ``sock``, for transport-wide feedback; ``None`` where the kernel does not do that.

    The port must be taken already: nobody else can come to share it by accident then, since ``sock`` had it alone.
    """
    code = b"".join(_INSTRUCTION.pack(*each) for each in _PROGRAM)
    memory: Any = ffi.new("uint8_t[]", code)
    program = struct.pack("HP", len(_PROGRAM), int(ffi.cast("uintptr_t", memory)))
    second = socket.socket(sock.family, socket.SOCK_DGRAM)
    try:
        if sock.family == socket.AF_INET6:
            second.setsockopt(
                socket.IPPROTO_IPV6,
                socket.IPV6_V6ONLY,
                sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY),
            )
        for each in (sock, second):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        second.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        second.bind(sock.getsockname()[:2])
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, program)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
        second.close()
        return None
    second.setblocking(False)
    return second
