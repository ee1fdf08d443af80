"""Publishers that change their mind mid-lesson, collide, jump, or send far too much."""

from __future__ import annotations

import time

import pytest

from media_relay.messages import SessionClosed
from tests.media_relay.clients import DELTA, KEYFRAME, OPUS, Bench, Client, rtp
from tests.patience import patient

VIDEO = 0x11111111
H264_KEYFRAME = b"\x65" + bytes(20)


def show(bench: Bench, teacher: Client, sites: list[Client], packet: bytes) -> None:
    """Send one packet and wait until every site has it, whole and decodable."""
    before = [len(site.packets) for site in sites]
    teacher.send_rtp(packet)
    bench.until(lambda: all(len(s.packets) > n for s, n in zip(sites, before, strict=True)))
    for site in sites:
        assert site.packets[-1].payload == packet[12:]
        assert site.undecodable == 0
    assert bench.relay.drops().get("fault", 0) == 0


def continuous(site: Client) -> bool:
    """Whether a site saw one source with numbers that follow each other and times that do not go back."""
    pictures = [p for p in site.packets if p.payload_type != OPUS]
    follow = all((b.number - a.number) & 0xFFFF == 1 for a, b in zip(pictures, pictures[1:], strict=False))
    later = all(
        (b.timestamp - a.timestamp) & 0xFFFFFFFF < 1 << 31
        for a, b in zip(pictures, pictures[1:], strict=False)
    )
    return follow and later and len({p.ssrc for p in pictures}) == 1


def test_another_source_another_clock_another_size(bench: Bench) -> None:
    """Thirty changes of device, as of a teacher who plugs cameras in and out all morning."""
    teacher, site = bench.publisher(), bench.subscriber()
    for change in range(30):
        ssrc, clock = 1_000 + change, (change * 0x3FFFFFFF) & 0xFFFFFFFF
        show(bench, teacher, [site], rtp(ssrc, 40_000 * change, clock, KEYFRAME + b"new size" * change))
        show(bench, teacher, [site], rtp(ssrc, 40_000 * change + 1, clock + 3_000, DELTA))
        bench.live(3.0)
    assert len(site.packets) == 60 and continuous(site)


def test_a_clock_that_jumps_within_a_source_does_no_harm(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    show(bench, teacher, [site], rtp(VIDEO, 1, 1, KEYFRAME))
    for number, timestamp in enumerate((0x7FFFFFFF, 5, 0xFFFFFFFF, 0x80000000, 0), start=2):
        show(bench, teacher, [site], rtp(VIDEO, number, timestamp, DELTA))
        bench.live(1.0)


def test_another_codec_mid_lesson_reaches_those_who_take_it(bench: Bench) -> None:
    teacher = Client("teacher", publishing=True, kinds=("video",))
    both, one = Client("both"), Client("one")
    bench.join(teacher, video=("VP8/90000", "H264/90000"))
    bench.join(both, video=("VP8/90000", "H264/90000"))
    bench.join(one)
    show(bench, teacher, [both, one], rtp(VIDEO, 1, 1, KEYFRAME))
    show(bench, teacher, [both], rtp(VIDEO, 2, 3_000, H264_KEYFRAME, payload_type=97))
    bench.live(1.0)
    show(bench, teacher, [both], rtp(VIDEO, 3, 6_000, KEYFRAME))
    assert [p.payload for p in one.packets] == [KEYFRAME], "nothing that it cannot decode"
    assert SessionClosed("one", "no_common_codec") in bench.events, "it is told, and may play anew"
    assert all(client.undecodable == 0 for client in bench.clients)


def test_two_publishers_with_one_source_number_are_two(bench: Bench) -> None:
    teacher, camera = bench.publisher("teacher"), Client("camera", publishing=True)
    bench.join(camera, stream="site-S1")
    first, second = bench.subscriber("first"), bench.join(Client("second"), stream="site-S1")
    show(bench, teacher, [first], rtp(VIDEO, 1, 1, KEYFRAME + b"teacher"))
    show(bench, camera, [second], rtp(VIDEO, 1, 1, KEYFRAME + b"camera"))
    show(bench, teacher, [first], rtp(VIDEO, 2, 2, DELTA + b"teacher"))
    assert (len(first.packets), len(second.packets)) == (2, 1)


@pytest.mark.parametrize("ours", ["reports", "media", "repairs"])
def test_a_publisher_with_a_source_number_of_ours_is_no_trouble(bench: Bench, ours: str) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    layers = bench.relay._streams["lesson", "main"].layers["video"]
    ssrc = {"reports": 1, "media": layers.ssrc, "repairs": layers.repair_ssrc}[ours]
    show(bench, teacher, [site], rtp(ssrc, 1, 1, KEYFRAME))
    for number in (2, 4, 5):
        show(bench, teacher, [site], rtp(ssrc, number, number * 3_000, DELTA))
    bench.live(2.0)
    assert teacher.undecodable == site.undecodable == 0
    assert teacher.reports, "it is told what arrived, and asked for what did not"


def test_absurd_jumps_of_numbers_are_followed_in_bounded_time(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    show(bench, teacher, [site], rtp(VIDEO, 1, 1, KEYFRAME))
    number, began = 1, time.thread_time()
    for step in range(300):
        number += 32_767
        teacher.send_rtp(rtp(VIDEO, number, 3_000 + step * 3_000, KEYFRAME if step % 5 == 0 else DELTA))
        bench.live(0.020)
    newcomer = bench.subscriber("newcomer")
    for step in range(300, 400):
        number += 32_767
        teacher.send_rtp(rtp(VIDEO, number, 3_000 + step * 3_000, KEYFRAME if step % 5 == 0 else DELTA))
        bench.live(0.020)
    spent = time.thread_time() - began
    assert spent < patient(4.0)
    assert bench.relay.counters.keyframe_requests > 5
    assert len(site.packets) >= 75, "the keyframes: what lies between them and a jump cannot be decoded"
    assert len(newcomer.packets) >= 18 and continuous(site) and continuous(newcomer)
    assert site.undecodable == newcomer.undecodable == 0
    assert bench.relay.drops().get("fault", 0) == 0
    show(bench, teacher, [site, newcomer], rtp(VIDEO, number + 1, 401 * 3_000, KEYFRAME))


def test_a_publisher_that_sends_far_too_much_costs_a_bounded_amount(bench: Bench) -> None:
    """Authentic packets without end: above 5,000 a second they go no further."""
    teacher, site = bench.publisher(), bench.subscriber()
    show(bench, teacher, [site], rtp(VIDEO, 1, 1, KEYFRAME))
    packet = teacher.outbound.protect
    sent = 1
    for _ in range(60):
        for _ in range(150):
            sent += 1
            teacher.send(packet(rtp(VIDEO, sent, sent, DELTA)))
        bench.live(0.020)
    assert len(site.packets) <= 2_000 + 100 * 61
    assert bench.relay.drops()["publisher_flood"] >= 900
    bench.live(1.0)
    show(bench, teacher, [site], rtp(VIDEO, sent + 1, sent + 1, KEYFRAME))
