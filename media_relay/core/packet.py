"""The RTP header (RFC 3550 section 5.1) and its extensions (RFC 8285), read and written in place.

Inside the relay a packet has one *canonical* form: no CSRCs, no padding, payload types and extension ids of our own,
and an extension block that begins with room for the transport-wide sequence number, which each subscriber counts for
itself. What a publisher or a subscriber negotiated is translated from and to it at the edge, so that one stored packet
serves everybody.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Final

HEADER: Final = struct.Struct("!BBHII")
"""First byte (version, padding, extension, CSRC count), marker and payload type, sequence, timestamp, SSRC."""
HEADER_SIZE: Final = HEADER.size
MARKER: Final = 0x80

NO_LEVEL: Final = -1
"""In place of the level byte of a packet that carries none (RFC 6464)."""

_EXTENSION_HEADER: Final = struct.Struct("!HH")
TRANSPORT_NUMBER: Final = HEADER_SIZE + 4 + 2
"""Where in a canonical packet the transport-wide number lies. Its element is the first: a byte of padding and one of id
and length in the one-byte form, id and length in the two-byte form."""
TRANSPORT_ELEMENT: Final = TRANSPORT_NUMBER - 1
"""The byte of its id and length in the one-byte form."""
_TRANSPORT_SIZE: Final = 4
_ONE_BYTE: Final = 0xBEDE
_TWO_BYTE: Final = 0x1000


class Codec(IntEnum):
    """The codecs forwarded; the value is the canonical payload type."""

    OPUS = 111
    RED = 63
    """Opus that repeats its last packet (RFC 2198)."""
    VP8 = 96
    VP9 = 98
    H264 = 102
    AV1 = 45

    @property
    def is_video(self) -> bool:
        """Whether the codec has keyframes to wait for."""
        return self not in (Codec.OPUS, Codec.RED)

    @property
    def words(self) -> str:
        """Its usual name."""
        return "H.264" if self is Codec.H264 else self.name

    @property
    def clock_rate(self) -> int:
        """RTP timestamp units a second."""
        return 90_000 if self.is_video else 48_000


class Extension(IntEnum):
    """Header extensions: above zero those carried to subscribers (canonical ids), below zero those of one hop."""

    AUDIO_LEVEL = 1
    VIDEO_ORIENTATION = 2
    ABS_CAPTURE_TIME = 3
    PLAYOUT_DELAY = 4
    VIDEO_CONTENT_TYPE = 5
    DEPENDENCY_DESCRIPTOR = 6
    """Of AV1; longer than sixteen bytes on keyframes with layers."""
    MID = -1
    TRANSPORT_SEQUENCE = -2
    STREAM_ID = -3
    """Names the layer of a simulcast that a packet is of (RID, RFC 8852)."""
    REPAIRED_STREAM_ID = -4
    """The same on retransmissions."""


_AUDIO_LEVEL: Final = int(Extension.AUDIO_LEVEL)
_DEPENDENCY: Final = int(Extension.DEPENDENCY_DESCRIPTOR)

EXTENSION_URIS: Final[Mapping[str, Extension]] = {
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level": Extension.AUDIO_LEVEL,
    "urn:3gpp:video-orientation": Extension.VIDEO_ORIENTATION,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time": Extension.ABS_CAPTURE_TIME,
    "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay": Extension.PLAYOUT_DELAY,
    "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type": Extension.VIDEO_CONTENT_TYPE,
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension": (
        Extension.DEPENDENCY_DESCRIPTOR
    ),
    "urn:ietf:params:rtp-hdrext:sdes:mid": Extension.MID,
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01": Extension.TRANSPORT_SEQUENCE,
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id": Extension.STREAM_ID,
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id": Extension.REPAIRED_STREAM_ID,
}

ExtensionTable = tuple[int, ...]
"""Sixteen entries: for each one-byte extension id the translated id, 0 for "drop"."""


def extension_table(ids: Mapping[int, int]) -> ExtensionTable:
    """A table from an {id: translated id} mapping; ids above 14 have no one-byte form and are left out."""
    return tuple(ids.get(number, 0) if 0 < number < 15 else 0 for number in range(16))


class PacketError(ValueError):
    """A packet that is not well-formed RTP."""


class Extensions:
    """What :func:`read_extensions` found; one instance is reused for all packets of a publisher."""

    __slots__ = ("audio_level", "carried", "dependency", "mid", "stream_id", "transport_sequence")

    def __init__(self) -> None:
        self.audio_level = NO_LEVEL
        """The byte of voice mark and loudness (RFC 6464), also carried on."""
        self.carried = b""
        """Elements to carry on, in one-byte form with canonical ids, unpadded."""
        self.dependency = b""
        """AV1's dependency descriptor, which is carried on too."""
        self.mid = b""
        self.stream_id = b""
        """The RID of the packet's layer, or of the one that it repairs."""
        self.transport_sequence = -1

    def clear(self) -> None:
        """For a packet without an extension block."""
        self.audio_level = NO_LEVEL
        self.carried = b""
        self.dependency = b""
        self.mid = b""
        self.stream_id = b""
        self.transport_sequence = -1


def payload_start(view: memoryview, start: int, end: int) -> int:
    """Where the extension block of the packet ``view[start:end]`` begins, or its payload if it has none.

    Raises :class:`PacketError` for a packet too short for its own CSRC list.
    """
    position = start + HEADER_SIZE + 4 * (view[start] & 0x0F)
    if position > end:
        raise PacketError("RTP packet is shorter than its CSRC list")
    return position


def payload_of(view: memoryview, start: int) -> int:
    """Where the payload of the canonical packet at ``start`` begins."""
    return start + HEADER_SIZE + block_size(view, start)


def read_extensions(view: memoryview, start: int, end: int, table: ExtensionTable, found: Extensions) -> int:
    """Read the extension block at ``start``; returns where the payload begins. Raises :class:`PacketError`."""
    if start + 4 > end:
        raise PacketError("RTP header extension is truncated")
    profile: int
    words: int
    profile, words = _EXTENSION_HEADER.unpack_from(view, start)
    position = start + 4
    stop = position + 4 * words
    if stop > end:
        raise PacketError("RTP header extension is longer than its packet")
    found.clear()
    one_byte = profile == _ONE_BYTE
    if not one_byte and profile & 0xFFF0 != _TWO_BYTE:
        return stop
    while position < stop:
        first = view[position]
        position += 1
        if first == 0:
            continue
        if one_byte:
            number, size = first >> 4, (first & 0x0F) + 1
            if number == 15:
                break
        else:
            if position == stop:
                break
            number, size = first, view[position]
            position += 1
        if position + size > stop:
            raise PacketError("RTP header extension element is truncated")
        target = table[number] if number < 16 else 0
        if target > 0:
            if target == _DEPENDENCY:
                found.dependency = bytes(view[position : position + size])
            elif 0 < size <= 16:
                found.carried += bytes((target << 4 | size - 1,)) + view[position : position + size]
                if target == _AUDIO_LEVEL:
                    found.audio_level = view[position]
        elif target == Extension.TRANSPORT_SEQUENCE and size == 2:
            found.transport_sequence = view[position] << 8 | view[position + 1]
        elif target == Extension.MID:
            found.mid = bytes(view[position : position + size])
        elif target == Extension.STREAM_ID or target == Extension.REPAIRED_STREAM_ID:
            found.stream_id = bytes(view[position : position + size])
        position += size
    return stop


@lru_cache(maxsize=256)
def canonical_block(carried: bytes) -> bytes:
    """A canonical packet's extension block: four bytes for the transport-wide number, then one-byte elements."""
    return _block(_ONE_BYTE, carried)


def dependency_block(carried: bytes, dependency: bytes) -> bytes:
    """The block of a packet with a dependency descriptor: in the two-byte form if that is too long for the other."""
    size = len(dependency)
    if size <= 16:
        return _block(_ONE_BYTE, carried + bytes((_DEPENDENCY << 4 | size - 1,)) + dependency)
    elements, position = b"", 0
    while position < len(carried):
        first = carried[position]
        after = position + (first & 0x0F) + 2
        elements += bytes((first >> 4, (first & 0x0F) + 1)) + carried[position + 1 : after]
        position = after
    return _block(_TWO_BYTE, elements + bytes((_DEPENDENCY, size)) + dependency)


def _block(profile: int, elements: bytes) -> bytes:
    words = (_TRANSPORT_SIZE + len(elements) + 3) // 4
    return _EXTENSION_HEADER.pack(profile, words) + (bytes(_TRANSPORT_SIZE) + elements).ljust(
        4 * words, b"\0"
    )


def block_size(view: memoryview, start: int) -> int:
    """Bytes of a canonical packet's extension block, its header included."""
    return 4 + 4 * (view[start + HEADER_SIZE + 2] << 8 | view[start + HEADER_SIZE + 3])


def translate_extensions(view: memoryview, start: int, table: ExtensionTable, transport: int) -> None:
    """Rewrite the ids of a canonical packet's extension block in place; what ``table`` lacks becomes padding.

    ``transport`` is the id of the transport-wide number, 0 where it was not negotiated.
    """
    position = start + HEADER_SIZE + 4
    stop = start + HEADER_SIZE + block_size(view, start)
    if view[start + HEADER_SIZE] != _ONE_BYTE >> 8:
        _translate_two_byte(view, position, stop, table, transport)
        return
    if transport:
        view[start + TRANSPORT_ELEMENT] = transport << 4 | 1
    position += _TRANSPORT_SIZE
    while position < stop:
        first = view[position]
        if first == 0:
            position += 1
            continue
        size = (first & 0x0F) + 1
        target = table[first >> 4]
        if target:
            view[position] = target << 4 | size - 1
        else:
            view[position : position + size + 1] = bytes(size + 1)
        position += size + 1


def _translate_two_byte(
    view: memoryview, position: int, stop: int, table: ExtensionTable, transport: int
) -> None:
    if transport:
        view[position] = transport
        view[position + 1] = 2
    position += _TRANSPORT_SIZE
    while position < stop:
        number = view[position]
        if number == 0:
            position += 1
            continue
        size = view[position + 1]
        target = table[number]
        if target:
            view[position] = target
        else:
            view[position : position + size + 2] = bytes(size + 2)
        position += size + 2


def find_element(view: memoryview, start: int, number: int) -> tuple[int, int]:
    """Where the element with this id begins and ends in the block of a canonical or rendered packet; (0, 0): nowhere.

    Both forms are read; the packet is one of ours and well-formed.
    """
    position = start + HEADER_SIZE + 4
    stop = start + HEADER_SIZE + block_size(view, start)
    one_byte = view[start + HEADER_SIZE] == _ONE_BYTE >> 8
    while position < stop:
        first = view[position]
        position += 1
        if first == 0:
            continue
        if one_byte:
            found, size = first >> 4, (first & 0x0F) + 1
        else:
            found, size = first, view[position]
            position += 1
        if found == number:
            return position, position + size
        position += size
    return 0, 0
