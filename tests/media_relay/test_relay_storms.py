"""Clients that ask for too much: what one does costs the node and the others a bounded amount."""

from __future__ import annotations

import struct
import time

from aiortc.rtp import pack_rtcp_packet

from media_relay.seams import rtcp
from media_relay.seams.datagrams import SLOT
from tests.media_relay.clients import DELTA, KEYFRAME, Bench, Client, rtp
from tests.patience import patient

VIDEO = 0x11111111
_LARGEST = 1_400
"""Bytes of RTCP in one datagram."""


def pictures(bench: Bench, teacher: Client, first: int, count: int) -> None:
    """A keyframe and what follows it."""
    for number in range(first, first + count):
        payload = (KEYFRAME if number == first else DELTA) + bytes(200)
        teacher.send_rtp(rtp(VIDEO, number, number * 3_000, payload))
        if number % 50 == 0:
            bench.pump()
    bench.pump()


def nack_of_everything(ssrc: int, newest: int) -> bytes:
    """As many numbers as fit into a datagram, most of them from the past."""
    entries = b"".join(
        struct.pack("!HH", (newest - 17 * i) & 0xFFFF, 0xFFFF) for i in range(1, _LARGEST // 4)
    )
    return bytes(pack_rtcp_packet(205, 1, struct.pack("!LL", 9, ssrc) + entries))


def test_a_storm_of_nacks_brings_a_bounded_flood_back(bench: Bench) -> None:
    teacher, greedy, other = bench.publisher(), bench.subscriber("greedy"), bench.subscriber("other")
    pictures(bench, teacher, 1, 500)
    newest = greedy.packets[-1]
    storm = nack_of_everything(newest.ssrc, newest.number)
    assert len(storm) < SLOT
    before, received = bench.relay.counters.packets_retransmitted, len(other.packets)
    began = time.thread_time()
    for _ in range(20):  # a fifth of a second of a megabyte a second
        for _ in range(10):
            greedy.send_rtcp(storm)
        bench.live(0.020)
    spent = time.thread_time() - began
    again = bench.relay.counters.packets_retransmitted - before
    assert 0 < again <= 128 + 500 * 0.6, "what is asked for at once, and then 500 a second"
    assert bench.relay.drops()["rtcp"] > 100, "above 64 kB a second nobody is listened to"
    assert spent < patient(2.0)
    pictures(bench, teacher, 501, 1)
    bench.until(lambda: len(other.packets) == received + 1)
    assert other.undecodable == 0


def test_a_storm_of_keyframe_requests_asks_the_teacher_twice_a_second(bench: Bench) -> None:
    teacher = bench.publisher()
    sites = [bench.subscriber(f"site{i}") for i in range(5)]
    pictures(bench, teacher, 1, 2)
    bench.live(1.0)
    ssrc = sites[0].packets[0].ssrc
    request = rtcp.receiver_report(9, []) + rtcp.keyframe_request(9, ssrc) * 20
    before = bench.relay.counters.keyframe_requests
    for _ in range(100):
        for site in sites:
            site.send_rtcp(request)
        bench.live(0.020)
    assert 1 <= bench.relay.counters.keyframe_requests - before <= 5, "in two seconds"


def test_a_site_that_needs_keyframes_all_the_time_costs_the_others_few(bench: Bench) -> None:
    """Its link loses most of each, so it asks for the next; the teacher's browser answers every request."""
    teacher, troubled, other = bench.publisher(), bench.subscriber("troubled"), bench.subscriber("other")
    pictures(bench, teacher, 1, 2)
    bench.live(1.0)
    request = rtcp.receiver_report(9, []) + rtcp.keyframe_request(9, other.packets[0].ssrc)

    def live_asking(site: Client, seconds: int, number: int) -> int:
        """Returns how many keyframes were asked of the teacher."""
        asked = bench.relay.counters.keyframe_requests
        for beat in range(2 * seconds):
            site.send_rtcp(request)
            before = bench.relay.counters.keyframe_requests
            bench.live(0.5)
            keyframe = bench.relay.counters.keyframe_requests > before
            teacher.send_rtp(
                rtp(VIDEO, number + beat, (number + beat) * 3_000, KEYFRAME if keyframe else DELTA)
            )
            bench.pump()
        return bench.relay.counters.keyframe_requests - asked

    assert 10 <= live_asking(troubled, 60, 3) <= 14, "every five seconds, sixty without patience"
    assert live_asking(other, 1, 123) == 1, "who was well until now need not wait"
    assert other.undecodable == 0


def test_reports_that_lie_do_no_harm(bench: Bench) -> None:
    """Lost packets below zero, a delay of hours, a report about nobody, REMB of more than there is."""
    teacher, site = bench.publisher(), bench.subscriber()
    pictures(bench, teacher, 1, 5)
    ssrc = site.packets[0].ssrc
    block = struct.pack("!LBBHLLLL", ssrc, 255, 0xFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    strangers = struct.pack("!LBBHLLLL", 77, 0, 0x80, 0, 0, 0, 0, 0)
    site.send_rtcp(pack_rtcp_packet(201, 2, struct.pack("!L", 9) + block + strangers))
    site.send_rtcp(
        pack_rtcp_packet(
            206, 15, struct.pack("!LL", 9, 0) + b"REMB\x01\xff\xff\xff" + struct.pack("!L", ssrc)
        )
    )
    site.send_rtcp(pack_rtcp_packet(206, 15, struct.pack("!LL", 9, 0) + b"REMB\xff\x00\x00\x00"))
    sender = struct.pack("!LQLLL", VIDEO, (1 << 64) - 1, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    teacher.send_rtcp(pack_rtcp_packet(200, 0, sender))
    bench.live(12.0)
    assert bench.relay.drops().get("fault", 0) == 0
    pictures(bench, teacher, 6, 3)
    bench.until(lambda: len(site.packets) == 8)
    assert site.undecodable == 0
