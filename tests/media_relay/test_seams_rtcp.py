"""RTCP through aiortc: what is built reads back, what is malformed is one documented error."""

import struct

import pytest
from aiortc.rtp import RtcpPacket
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.reception import ReportBlock
from media_relay.seams import rtcp

WORD = st.integers(0, 0xFFFFFFFF)


@given(st.binary(max_size=200))
def test_any_bytes_are_packets_or_the_documented_error(data: bytes) -> None:
    try:
        rtcp.parse(data)
    except rtcp.RtcpError:
        pass


@given(
    st.integers(0, 31),
    st.sampled_from([200, 201, 202, 203, 204, 205, 206, 207]),
    st.binary(max_size=120),
    st.booleans(),
)
def test_any_body_under_a_right_header_is_packets_or_the_documented_error(
    count: int, kind: int, body: bytes, padded: bool
) -> None:
    body = body[: len(body) // 4 * 4]
    data = struct.pack("!BBH", 0x80 | (0x20 if padded else 0) | count, kind, len(body) // 4) + body
    try:
        packets = rtcp.parse(data)
    except rtcp.RtcpError:
        return
    for packet in packets:
        if isinstance(packet, rtcp.RtcpPsfbPacket):
            rtcp.asks_keyframe(packet)
            rtcp.remb_bitrate(packet)
        elif isinstance(packet, rtcp.RtcpRtpfbPacket):
            rtcp.nacked(packet)


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=60, unique=True), st.integers(0, 65_535))
def test_a_nack_names_exactly_the_numbers_also_across_the_wrap(offsets: list[int], base: int) -> None:
    numbers = [(base + n) & 0xFFFF for n in sorted(offsets)]
    (packet,) = rtcp.parse(rtcp.nack(1, 2, numbers))
    assert isinstance(packet, rtcp.RtcpRtpfbPacket)
    assert [n & 0xFFFF for n in rtcp.nacked(packet)] == numbers
    assert packet.media_ssrc == 2


def test_transport_feedback_is_not_taken_for_a_nack() -> None:
    (packet,) = rtcp.parse(rtcp.transport_feedback(1, 2, bytes(12)))
    assert isinstance(packet, rtcp.RtcpRtpfbPacket)
    assert rtcp.nacked(packet) == []


@given(st.integers(0, (1 << 64) - 1), WORD, st.integers(0, 1 << 40), st.integers(0, 1 << 50))
def test_a_sender_report_carries_time_counts_and_name(
    ntp: int, timestamp: int, packets: int, octets: int
) -> None:
    report, source = RtcpPacket.parse(rtcp.sender_report(9, ntp, timestamp, packets, octets, "classroom"))
    assert isinstance(report, rtcp.RtcpSrPacket)
    info = report.sender_info
    assert (report.ssrc, info.ntp_timestamp, info.rtp_timestamp) == (9, ntp, timestamp)
    assert (info.packet_count, info.octet_count) == (packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    assert source.chunks[0].items == [(1, b"classroom")]  # type: ignore[union-attr]


def test_a_receiver_report_reads_back() -> None:
    block = ReportBlock(5, 12, -3, 70_000, 44, 0x12345678, 65_536)
    (packet,) = rtcp.parse(rtcp.receiver_report(1, [block]))
    assert isinstance(packet, rtcp.RtcpRrPacket)
    (read,) = packet.reports
    assert (read.ssrc, read.fraction_lost, read.packets_lost) == (5, 12, -3)
    assert (read.highest_sequence, read.jitter, read.lsr, read.dlsr) == (70_000, 44, 0x12345678, 65_536)


def test_keyframe_requests_and_remb_are_told_apart() -> None:
    pli, remb = rtcp.parse(rtcp.keyframe_request(1, 2) + rtcp.remb(1, 2_500_000, [2]))
    assert isinstance(pli, rtcp.RtcpPsfbPacket) and isinstance(remb, rtcp.RtcpPsfbPacket)
    assert rtcp.asks_keyframe(pli) and rtcp.remb_bitrate(pli) is None
    assert not rtcp.asks_keyframe(remb)
    assert rtcp.remb_bitrate(remb) == pytest.approx(2_500_000, rel=0.01)


def test_a_goodbye_reads_back() -> None:
    (packet,) = rtcp.parse(rtcp.bye(7))
    assert isinstance(packet, rtcp.RtcpByePacket) and packet.sources == [7]
