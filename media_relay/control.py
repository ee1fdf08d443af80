"""The node's end of the control link: lines in, lines out. Nothing here ever waits."""

from __future__ import annotations

import socket
from typing import Final

from media_relay.messages import MAX_LINE

_MAX_UNSENT: Final = 8 << 20
"""Bytes that wait for a web process that does not read: lessons go on without it, and memory stays bounded."""
_READ: Final = 65_536


class Control:
    """A connected stream socket, seen as lines."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._came = bytearray()
        self._unsent = bytearray()
        self.over = False
        """Whether the link ended, broke, or brought a line too long for a message."""

    def fileno(self) -> int:
        """Readable when there is something to :meth:`read`, writable when :attr:`unsent` bytes can go on."""
        return self._sock.fileno()

    @property
    def unsent(self) -> int:
        """Bytes that wait."""
        return len(self._unsent)

    def read(self) -> list[bytes]:
        """The lines that are whole by now."""
        try:
            data = self._sock.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            data = b""
        if not data:
            self.over = True
            return []
        self._came += data
        if b"\n" not in data:
            lines = []
        else:
            *lines, self._came = self._came.split(b"\n")
        self.over = len(self._came) > MAX_LINE
        return [bytes(line) for line in lines]

    def write(self, line: bytes) -> bool:
        """Send a line now or as soon as that is possible; false when too much waits already."""
        if len(self._unsent) > _MAX_UNSENT:
            return False
        self._unsent += line
        self.flush()
        return True

    def flush(self) -> None:
        """Send what can be sent without waiting."""
        try:
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent[:_READ])]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._unsent.clear()  # reading tells that the link is over

    def close(self) -> None:
        """End the link."""
        self._sock.close()
