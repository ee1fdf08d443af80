"""Ports for servers that tests start as processes, so that tests which run side by side do not take each other's.

They lie below those that the kernel hands out by itself (ip_local_port_range, from 32768 on), every test process begins
at another one, and none is given twice in a row. So nobody takes a port between this answer and the server's start.
"""

import os
import socket
from typing import Final

_FIRST: Final = 10_240
_STOP: Final = 32_000
_STRIDE: Final = 1_009
"""Between the first ports of processes with consecutive numbers."""

_next = _FIRST + os.getpid() * _STRIDE % (_STOP - _FIRST)


def free_port() -> int:
    """A port that nobody has, neither for UDP nor for TCP."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of ``count`` consecutive ports that nobody has, neither for UDP nor for TCP."""
    global _next
    while True:
        first = _next if _next + count <= _STOP else _FIRST
        _next = first + count
        if all(_is_free(port) for port in range(first, first + count)):
            return first


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True
