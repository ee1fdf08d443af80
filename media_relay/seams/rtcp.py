"""RTCP read and written by ``aiortc.rtp`` (RFC 3550, RFC 4585, RFC 5104).

``aiortc.rtp`` is a module of its own but no part of aiortc's documented API, so it is kept behind this seam. It parses
every transport-layer feedback message as a NACK; only format 1 is one.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
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
    "AnyRtcpPacket",
    "RtcpByePacket",
    "RtcpError",
    "RtcpPsfbPacket",
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

_RTPFB: Final = 205
_TRANSPORT_CC: Final = 15
_CNAME: Final = 1


class RtcpError(ValueError):
    """A compound packet that is not well-formed."""


def parse(data: bytes) -> list[AnyRtcpPacket]:
    """The packets of a compound; types that the relay does not know are left out. Raises :class:`RtcpError`."""
    try:
        packets: list[AnyRtcpPacket] = RtcpPacket.parse(data)
    # aiortc documents ValueError only, but reads some fields past a truncated end.
    except (ValueError, IndexError, struct.error) as error:
        raise RtcpError(str(error)) from error
    return packets


def asks_keyframe(packet: RtcpPsfbPacket) -> bool:
    """Whether a payload-specific feedback message is a PLI or a FIR."""
    return packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR)


def nacked(packet: RtcpRtpfbPacket) -> list[int]:
    """The 16-bit sequence numbers a NACK asks for; none when it is some other feedback."""
    return packet.lost if packet.fmt == RTCP_RTPFB_NACK else []


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
    packed: bytes = pack_rtcp_packet(_RTPFB, RTCP_RTPFB_NACK, struct.pack("!LL", ssrc, media_ssrc) + fci)
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
    packed: bytes = pack_rtcp_packet(_RTPFB, _TRANSPORT_CC, struct.pack("!LL", ssrc, media_ssrc) + fci)
    return packed


def bye(ssrc: int) -> bytes:
    """A BYE for one source."""
    return bytes(RtcpByePacket(sources=[ssrc]))
