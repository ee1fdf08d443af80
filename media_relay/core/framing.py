"""Packets on a stream of bytes (RFC 4571): each behind its length, in 16 bits.

What goes out waits in an :class:`Outbox` while the connection does not take it. TCP never loses anything but time, and
a packet that waited is worth less by the moment: what is too much or too old is dropped there, whole packets only,
pictures before sound. The receiver sees losses, as on UDP, and asks again for what it still wants.
"""

from __future__ import annotations

from collections import deque
from typing import Final

MAX_FRAME: Final = 2_048
"""Longest packet taken, bytes, as on UDP."""

PICTURES_BYTES: Final = 192 * 1024
"""Most bytes of pictures that wait: a keyframe of 720p and what follows it in half a second."""
PICTURES_AGE: Final = 1.0
"""Seconds pictures wait at most: what is later than sound by more spoils both."""
OTHER_BYTES: Final = 64 * 1024
OTHER_AGE: Final = 2.0
"""Seconds sound, reports, checks and handshakes wait at most."""
CHUNK: Final = 16_384
"""Bytes given to the connection at once; what it does not take stays in front of everything."""


class FrameError(ValueError):
    """The other end does not speak RFC 4571, or wants packets longer than we take."""


class FrameReader:
    """Cuts what a connection brings into packets; keeps less than one packet in between."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are complete now; empty ones are left out. Raises :class:`FrameError`.

        The length is checked as soon as it is there: nothing is kept for a packet that will not be taken.
        """
        data = self._rest + data
        packets = []
        position, end = 0, len(data)
        while position + 2 <= end:
            size = data[position] << 8 | data[position + 1]
            if size > MAX_FRAME:
                raise FrameError(f"a packet of {size} bytes is announced")
            after = position + 2 + size
            if after > end:
                break
            if size:
                packets.append(data[position + 2 : after])
            position = after
        self._rest = data[position:]
        return packets


class _Queue:
    """Packets of one kind, oldest first, each with the time it came."""

    __slots__ = ("age", "frames", "limit", "size")

    def __init__(self, limit: int, age: float) -> None:
        self.frames: deque[tuple[float, bytes]] = deque()
        self.size = 0
        self.limit = limit
        self.age = age


class Outbox:
    """What waits to be sent on one connection. Times are seconds of any monotonic clock."""

    __slots__ = ("_other", "_pictures", "_started", "dropped")

    def __init__(self) -> None:
        self._pictures = _Queue(PICTURES_BYTES, PICTURES_AGE)
        self._other = _Queue(OTHER_BYTES, OTHER_AGE)
        self._started = b""
        self.dropped = 0
        """Packets that were dropped."""

    def put(self, packet: bytes, now: float, *, picture: bool) -> None:
        """Add one packet behind those of its kind, or drop it when too much waits."""
        queue = self._pictures if picture else self._other
        frame = len(packet).to_bytes(2, "big") + packet
        if queue.size + len(frame) > queue.limit:
            self.dropped += 1
            return
        queue.size += len(frame)
        queue.frames.append((now, frame))

    def next(self, now: float) -> bytes:
        """Some bytes to send; empty when nothing waits. To be followed by :meth:`sent`."""
        if not self._started:
            chosen: list[bytes] = []
            room = self._take(self._other, now, CHUNK, chosen)
            self._take(self._pictures, now, room, chosen)
            self._started = b"".join(chosen)
        return self._started

    def sent(self, count: int) -> None:
        """The connection took the first ``count`` of these bytes."""
        self._started = self._started[count:]

    @property
    def waiting(self) -> int:
        """Bytes that wait."""
        return len(self._started) + self._pictures.size + self._other.size

    def _take(self, queue: _Queue, now: float, room: int, chosen: list[bytes]) -> int:
        """Move what is young enough and fits, and drop what is too old; returns the room that is left."""
        while queue.frames and room > 0:
            put_at, frame = queue.frames.popleft()
            queue.size -= len(frame)
            if now - put_at > queue.age:
                self.dropped += 1
            else:
                chosen.append(frame)
                room -= len(frame)
        return room
