"""When a player could show a picture again, or its first: a keyframe whose packets have all come."""

from __future__ import annotations

from typing import Final

from media_relay.core.keyframes import starts_keyframe
from media_relay.core.packet import HEADER, HEADER_SIZE, MARKER, Codec

_EXTENDED: Final = 0x10


class FirstFrame:
    """Follows one subscriber's video packets, by extended number, until its first keyframe is whole."""

    __slots__ = ("_first", "came", "last")

    def __init__(self) -> None:
        self.came: dict[int, int | None] = {}
        """The packets that came, each with the timestamp of the frame that it ends, if it ends one."""
        self._first: int | None = None
        self.last = -1
        """The number of the keyframe's last packet, once it is whole."""

    def receive(self, number: int, packet: memoryview) -> bool:
        """Take a plain VP8 packet; true once the keyframe is whole."""
        self.came[number] = HEADER.unpack_from(packet)[3] if packet[1] & MARKER else None
        if self._first is None and starts_keyframe(Codec.VP8, packet, payload_at(packet), len(packet)):
            self._first = number
        if self._first is None:
            return False
        number = self._first
        while number in self.came:
            if self.came[number] is not None:
                self.last = number
                return True
            number += 1
        return False


def payload_at(packet: memoryview) -> int:
    """Where the payload of a received packet begins; the packets of a subscriber carry no CSRCs."""
    if not packet[0] & _EXTENDED:
        return HEADER_SIZE
    return HEADER_SIZE + 4 + 4 * int.from_bytes(packet[HEADER_SIZE + 2 : HEADER_SIZE + 4], "big")
