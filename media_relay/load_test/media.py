"""Frames as a browser would send them at 720p30, without a codec: right sizes and headers, arbitrary content.

Every packet ends in a stamp with the time it was sent, so that a receiver that knows the keys can read the latency.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from media_relay.core import red
from media_relay.core.packet import HEADER, MARKER
from media_relay.load_test.description import (
    AUDIO_LEVEL,
    EXTENSIONS,
    MID,
    MIDS,
    OPUS,
    RED,
    STREAM_ID,
    STREAM_ID_NUMBER,
    TRANSPORT_SEQUENCE,
    VP8,
)

AUDIO_PERIOD: Final = 0.020
_AUDIO_TICKS: Final = 960
_AUDIO_BYTES: Final = 120
_AUDIO_LEVEL: Final = 0x80 | 30
_MAX_PAYLOAD: Final = 1_150
_KEYFRAME_FACTOR: Final = 6
"""How much larger a keyframe is than the mean frame of a lesson."""
_SPREAD: Final = 0.25
_DESCRIPTOR: Final = struct.Struct("!BBH")
_KEYFRAME_HEADER: Final = b"\x10\x02\x00\x9d\x01\x2a\x00\x05\xd0\x02"
_DELTA_HEADER: Final = b"\x11\x02\x00"
_EXTENSION_HEADER: Final = struct.Struct("!HH")

STAMP: Final = struct.Struct("!7sBQ")
_STAMP_MARK: Final = b"\xd2TTload"
_NO_LAYER: Final = 0xFF
_SHARES: Final = (0.075, 0.25, 1.0)
"""Bitrates of three layers beside the largest one's, as on the teacher's page."""
_IDS: Final = {uri: number for number, uri in EXTENSIONS.items()}


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """What to send."""

    video_bitrate: int = 2_500_000
    frames_per_second: int = 30
    keyframe_seconds: float = 4.0
    even_split: bool = True
    """Packets of a frame differ by one byte at most, as libwebrtc's; otherwise all are full but the last."""
    seed: int = 1
    layers: int = 1
    """Encodings of the picture: one, or three (simulcast) of which the largest has the bitrate given."""
    redundant: bool = False
    """Whether each packet of sound repeats the one before it, where the server takes that (RFC 2198)."""

    def encodings(self) -> list[MediaPlan]:
        """What each encoding is, the smallest first."""
        if self.layers == 1:
            return [self]
        return [replace(self, video_bitrate=int(self.video_bitrate * share)) for share in _SHARES]


def read_stamp(packet: memoryview) -> tuple[int, int | None] | None:
    """When a plain RTP packet was sent, Unix time in nanoseconds, and the encoding of the picture that it is part of.

    The second is ``None`` for sound; all is ``None`` when the sender is not ours.
    """
    if len(packet) < STAMP.size:
        return None
    mark, layer, sent_at = STAMP.unpack_from(packet, len(packet) - STAMP.size)
    if mark != _STAMP_MARK:
        return None
    return sent_at, None if layer == _NO_LAYER else layer


def split(size: int, limit: int, *, even: bool) -> list[int]:
    """Payload sizes of a frame of ``size`` bytes, each at most ``limit``.

    Evenly is how libwebrtc's ``RtpPacketizer::SplitAboutEqually`` does it: the packets that are larger by one byte
    come last.
    """
    count = -(-size // limit)
    if not even:
        return [limit] * (count - 1) + [size - limit * (count - 1)]
    small, larger = divmod(size, count)
    return [small] * (count - larger) + [small + 1] * larger


class Packetizer:
    """Writes the RTP packets of one source: header, accepted extensions, payload, stamp.

    ``layer`` tells the encodings of one picture apart, 0 being the only or the smallest one.
    """

    def __init__(
        self,
        kind: str,
        ssrc: int,
        extensions: frozenset[str],
        transport_numbers: Iterator[int],
        layer: int = 0,
        rid: str = "",
        *,
        redundant: bool = False,
    ) -> None:
        self._redundant = redundant
        self._former = b""
        self.ssrc = ssrc
        self.sequence = random.Random(ssrc).randrange(1 << 14)
        """Number of the next packet."""
        self.packets = 0
        self.octets = 0
        self._payload_type = OPUS if kind == "audio" else VP8
        self._layer = _NO_LAYER if kind == "audio" else layer
        self._transport_numbers = transport_numbers if TRANSPORT_SEQUENCE in extensions else None
        fixed = b""
        if MID in extensions:
            mid = MIDS[kind].encode()
            fixed += bytes((_IDS[MID] << 4 | len(mid) - 1,)) + mid
        if rid and STREAM_ID in extensions:
            fixed += bytes((STREAM_ID_NUMBER << 4 | len(rid) - 1,)) + rid.encode()
        if kind == "audio" and AUDIO_LEVEL in extensions:
            fixed += bytes((_IDS[AUDIO_LEVEL] << 4, _AUDIO_LEVEL))
        self._fixed = fixed

    def packet(self, timestamp: int, payload: bytes, *, marker: bool, sent_at: int) -> bytes:
        """The next packet; the last bytes of ``payload`` give way to the stamp."""
        block = self._extension_block()
        payload = payload[: -STAMP.size] + STAMP.pack(_STAMP_MARK, self._layer, sent_at)
        payload_type = self._payload_type
        if self._redundant:
            former, self._former = self._former, payload
            packed = red.pack(OPUS, _AUDIO_TICKS, memoryview(former), memoryview(payload))
            if packed is not None:
                payload_type, payload = RED, packed
        header = HEADER.pack(
            0x90 if block else 0x80,
            payload_type | (MARKER if marker else 0),
            self.sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            self.ssrc,
        )
        self.sequence += 1
        self.packets += 1
        self.octets += len(payload)
        return header + block + payload

    def _extension_block(self) -> bytes:
        """One-byte header extensions (RFC 8285 section 4.2)."""
        elements = self._fixed
        if self._transport_numbers is not None:
            number = next(self._transport_numbers) & 0xFFFF
            elements += bytes((_IDS[TRANSPORT_SEQUENCE] << 4 | 1, number >> 8, number & 0xFF))
        if not elements:
            return b""
        elements += bytes(-len(elements) % 4)
        return _EXTENSION_HEADER.pack(0xBEDE, len(elements) // 4) + elements


class Frames:
    """Seeded payloads of audio and video frames."""

    def __init__(self, plan: MediaPlan) -> None:
        self._even = plan.even_split
        self._random = random.Random(plan.seed)
        self._filler = self._random.randbytes(1 << 17)
        self._mean = plan.video_bitrate / 8 / plan.frames_per_second
        # What keyframes take above the mean is saved on the other frames, as a rate controller does.
        frames = plan.frames_per_second * plan.keyframe_seconds
        self._usual = max(self._mean / 10, self._mean * (frames - _KEYFRAME_FACTOR) / max(1.0, frames - 1))
        self._picture = self._random.randrange(1 << 15)

    def audio(self) -> bytes:
        """The payload of 20 ms of sound."""
        return self._fill(_AUDIO_BYTES)

    def video(self, *, keyframe: bool) -> list[bytes]:
        """The payloads of one frame of about the right size."""
        mean = self._mean * _KEYFRAME_FACTOR if keyframe else self._usual
        return self._payloads(max(64, int(self._random.gauss(mean, mean * _SPREAD))), keyframe=keyframe)

    def usual_video(self) -> list[bytes]:
        """The payloads of a frame of exactly the mean size."""
        return self._payloads(int(self._mean), keyframe=False)

    def _payloads(self, size: int, *, keyframe: bool) -> list[bytes]:
        """A frame behind VP8 payload descriptors with a picture id (RFC 7741 section 4.2)."""
        self._picture = (self._picture + 1) & 0x7FFF
        payloads = []
        head = _KEYFRAME_HEADER if keyframe else _DELTA_HEADER
        for index, part in enumerate(split(size, _MAX_PAYLOAD - _DESCRIPTOR.size, even=self._even)):
            start = index == 0
            body = head + self._fill(part - len(head)) if start else self._fill(part)
            payloads.append(_DESCRIPTOR.pack(0x90 if start else 0x80, 0x80, 0x8000 | self._picture) + body)
        return payloads

    def _fill(self, size: int) -> bytes:
        # Never shorter than a stamp, which overwrites its end.
        size = max(size, STAMP.size)
        at = self._random.randrange(len(self._filler) - size)
        return self._filler[at : at + size]
