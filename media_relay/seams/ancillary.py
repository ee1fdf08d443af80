"""What the kernel tells beside a datagram: when it arrived, and at which of our addresses.

The arrival time is the kernel's, so that publishers' bandwidth estimates do not suffer when this process is late. The
address matters on a machine with several: an answer to a connectivity check must leave from where the check arrived
(RFC 8445 section 7.3), and the kernel would choose by its routes. Sources: cmsg(3), ip(7), ipv6(7), socket(7).
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Final

CONTROL: Final = 128
"""Bytes of control data per received datagram: a time stamp takes 32, a packet info 40."""

_HEADER: Final = struct.Struct("@Qii")
_TIME: Final = struct.Struct("@Qiiqq")
_SO_TIMESTAMPNS: Final = 35
_IP_PKTINFO: Final = 8
_IPV6_RECVPKTINFO: Final = 49
_IPV6_PKTINFO: Final = 50
_TIME_KIND: Final = int.from_bytes(struct.pack("@ii", socket.SOL_SOCKET, _SO_TIMESTAMPNS), sys.byteorder)
_MAPPED: Final = b"\0" * 10 + b"\xff\xff"


def ask_for(sock: socket.socket) -> None:
    """Let the kernel add both to every datagram of a UDP socket."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def arrival(words: memoryview, start: int) -> float | None:
    """Seconds since the epoch at which the datagram arrived, from control data seen as 64-bit words.

    The kernel puts the time stamp first.
    """
    if words[start] != _TIME.size or words[start + 1] != _TIME_KIND:
        return None
    stamp: float = words[start + 2] + words[start + 3] * 1e-9
    return stamp


def own_address(control: memoryview, start: int, length: int) -> bytes | None:
    """Our address that the datagram was sent to, packed: 4 bytes of IPv4 or 16 of IPv6."""
    position, end = start, start + length
    while position + _HEADER.size <= end:
        size, level, kind = _HEADER.unpack_from(control, position)
        data = position + _HEADER.size
        if size < _HEADER.size:
            return None
        if (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO):
            packed = bytes(control[data : data + 16])
            return packed[12:] if packed[:12] == _MAPPED else packed
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
            return bytes(control[data + 8 : data + 12])
        position += (size + 7) & ~7
    return None


def send_from(address: bytes) -> bytes:
    """The control message that makes a datagram leave from one of our addresses, padded."""
    if len(address) == 4:
        data = struct.pack("@i4s4s", 0, address, b"")
        header = _HEADER.pack(_HEADER.size + len(data), socket.IPPROTO_IP, _IP_PKTINFO)
    else:
        data = address + struct.pack("@i", 0)
        header = _HEADER.pack(_HEADER.size + len(data), socket.IPPROTO_IPV6, _IPV6_PKTINFO)
    return (header + data).ljust((_HEADER.size + len(data) + 7) & ~7, b"\0")


def usual_source(host: str) -> bytes | None:
    """Our packed address that the kernel would send to ``host`` from, or ``None`` when there is no way."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))  # sends nothing: UDP
            return socket.inet_pton(family, probe.getsockname()[0])
        except OSError:
            return None
