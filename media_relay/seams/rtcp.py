"""RTCP, its reports read and written by ``aiortc.rtp`` (RFC 3550, RFC 4585, RFC 5104).

``aiortc.rtp`` is a module of its own but no part of aiortc's documented API, so it is kept behind this seam. Compounds
are taken apart here, because what one datagram may cost must be bounded: aiortc reads every transport-layer feedback
message as a NACK and writes out all the 6,000 numbers that fit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    pack_remb_fci,
    pack_rtcp_packet,
    unpack_remb_fci,
)

from media_relay.core.reception import ReportBlock

__all__ = [
    "MAX_NACKED",
    "RTPFB",
    "TRANSPORT_CC",
    "AnyRtcpPacket",
    "RtcpByePacket",
    "RtcpError",
    "RtcpPsfbPacket",
    "RtcpReceiverInfo",
    "RtcpRrPacket",
    "RtcpRtpfbPacket",
    "RtcpSrPacket",
    "asks_keyframe",
    "bye",
    "keyframe_request",
    "nack",
    "nacked",
    "parse",
    "receiver_report",
    "remb",
    "remb_bitrate",
    "sender_report",
    "transport_feedback",
]

RTPFB: Final = 205
"""Packet type of transport-layer feedback."""
TRANSPORT_CC: Final = 15
"""Format of transport-wide congestion control feedback."""
_CNAME: Final = 1


_HEADER: Final = struct.Struct("!BBH")
_SOURCES: Final = struct.Struct("!LL")
_PAIR: Final = struct.Struct("!HH")
_PADDED: Final = 0x20
_MAX_PACKETS: Final = 64
"""Most packets of one compound: browsers send up to five."""
MAX_NACKED: Final = 256
"""Most numbers taken from one NACK: as much as a link of 10 Mbit/s loses in a quarter of a second."""


class RtcpError(ValueError):
    """A compound packet that is not well-formed."""


class RtcpRtpfbPacket(NamedTuple):
    """Transport-layer feedback (RFC 4585 section 6.2): a NACK, or something else by ``fmt``."""

    fmt: int
    ssrc: int
    media_ssrc: int
    fci: bytes


AnyRtcpPacket = (
    RtcpByePacket | RtcpPsfbPacket | RtcpRrPacket | RtcpRtpfbPacket | RtcpSdesPacket | RtcpSrPacket
)


def parse(data: bytes) -> list[AnyRtcpPacket]:
    """The packets of a compound; types that the relay does not know are left out. Raises :class:`RtcpError`."""
    packets: list[AnyRtcpPacket] = []
    position, end = 0, len(data)
    try:
        while position < end:
            first, kind, words = _HEADER.unpack_from(data, position)
            start, position = position + 4, position + 4 + 4 * words
            if first >> 6 != 2 or position > end:
                raise RtcpError("a packet is of another version, or longer than its compound")
            if len(packets) == _MAX_PACKETS:
                raise RtcpError("too many packets in one compound")
            body = data[start:position]
            if first & _PADDED:
                if not body or not 0 < body[-1] <= len(body):
                    raise RtcpError("padding is longer than its packet")
                body = body[: -body[-1]]
            reader = _READERS.get(kind)
            if reader is not None:
                packets.append(reader(body, first & 0x1F))
    # aiortc documents ValueError only, but reads some fields past a truncated end.
    except (ValueError, IndexError, struct.error) as error:
        raise RtcpError(str(error)) from error
    return packets


def _feedback(body: bytes, fmt: int) -> RtcpRtpfbPacket:
    ssrc, media_ssrc = _SOURCES.unpack_from(body)
    return RtcpRtpfbPacket(fmt, ssrc, media_ssrc, body[8:])


_READERS: Final[dict[int, Callable[[bytes, int], AnyRtcpPacket]]] = {
    200: RtcpSrPacket.parse,
    201: RtcpRrPacket.parse,
    202: RtcpSdesPacket.parse,
    203: RtcpByePacket.parse,
    RTPFB: _feedback,
    206: RtcpPsfbPacket.parse,
}


def asks_keyframe(packet: RtcpPsfbPacket) -> bool:
    """Whether a payload-specific feedback message is a PLI or a FIR."""
    return packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR)


def nacked(packet: RtcpRtpfbPacket) -> list[int]:
    """The first 256 16-bit sequence numbers a NACK asks for; none when it is some other feedback."""
    numbers: list[int] = []
    if packet.fmt != RTCP_RTPFB_NACK:
        return numbers
    for position in range(0, len(packet.fci) - 3, 4):
        first, mask = _PAIR.unpack_from(packet.fci, position)
        numbers.append(first)
        if mask:
            numbers += [first + bit & 0xFFFF for bit in range(1, 17) if mask >> bit - 1 & 1]
        if len(numbers) >= MAX_NACKED:
            return numbers[:MAX_NACKED]
    return numbers


def remb_bitrate(packet: RtcpPsfbPacket) -> int | None:
    """Bits a second of a REMB message, or ``None`` when it is none."""
    if packet.fmt != RTCP_PSFB_APP:
        return None
    try:
        bitrate: int = unpack_remb_fci(packet.fci)[0]
    except (ValueError, IndexError, struct.error):
        return None
    return bitrate


def receiver_report(ssrc: int, blocks: Sequence[ReportBlock]) -> bytes:
    """A receiver report with at most 31 blocks."""
    reports = [
        RtcpReceiverInfo(
            ssrc=b.ssrc,
            fraction_lost=b.fraction_lost,
            packets_lost=b.packets_lost,
            highest_sequence=b.highest_sequence,
            jitter=b.jitter,
            lsr=b.last_sr,
            dlsr=b.delay_since_last_sr,
        )
        for b in blocks[:31]
    ]
    return bytes(RtcpRrPacket(ssrc=ssrc, reports=reports))


def sender_report(ssrc: int, ntp: int, timestamp: int, packets: int, octets: int, cname: str) -> bytes:
    """A sender report with the SDES CNAME that binds audio to video (RFC 3550 section 6.5.1)."""
    info = RtcpSenderInfo(ntp, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    source = RtcpSourceInfo(ssrc=ssrc, items=[(_CNAME, cname.encode())])
    return bytes(RtcpSrPacket(ssrc=ssrc, sender_info=info)) + bytes(RtcpSdesPacket(chunks=[source]))


def nack(ssrc: int, media_ssrc: int, numbers: Sequence[int]) -> bytes:
    """A generic NACK (RFC 4585 section 6.2.1) for 16-bit numbers in the order of sending, which may wrap."""
    entries: list[list[int]] = []
    for number in numbers:
        distance = (number - entries[-1][0]) & 0xFFFF if entries else 0
        if 1 <= distance <= 16:
            entries[-1][1] |= 1 << distance - 1
        else:
            entries.append([number, 0])
    fci = b"".join(struct.pack("!HH", first, mask) for first, mask in entries)
    packed: bytes = pack_rtcp_packet(RTPFB, RTCP_RTPFB_NACK, struct.pack("!LL", ssrc, media_ssrc) + fci)
    return packed


def keyframe_request(ssrc: int, media_ssrc: int) -> bytes:
    """A picture loss indication."""
    return bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=ssrc, media_ssrc=media_ssrc))


def remb(ssrc: int, bitrate: int, media_ssrcs: Sequence[int]) -> bytes:
    """A receiver estimated maximum bitrate message."""
    fci = pack_remb_fci(bitrate, list(media_ssrcs))
    return bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=ssrc, media_ssrc=0, fci=fci))


def transport_feedback(ssrc: int, media_ssrc: int, fci: bytes) -> bytes:
    """Transport-wide congestion control feedback."""
    packed: bytes = pack_rtcp_packet(RTPFB, TRANSPORT_CC, struct.pack("!LL", ssrc, media_ssrc) + fci)
    return packed


def bye(ssrc: int) -> bytes:
    """A BYE for one source."""
    return bytes(RtcpByePacket(sources=[ssrc]))
