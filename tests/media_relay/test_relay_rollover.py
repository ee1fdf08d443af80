"""Sequence numbers and SRTP's rollover counters of subscribers that come and go around the wrap."""

from __future__ import annotations

import pytest

from media_relay.seams import rtcp
from tests.media_relay.clients import DELTA, KEYFRAME, WITH_RTX, Bench, Client, rtp


class Camera:
    """A teacher's pictures on a track that is about to wrap."""

    def __init__(self, bench: Bench, next_number: int) -> None:
        self.bench = bench
        self.teacher = bench.publisher()
        bench.relay._streams["lesson", "main"].layers["video"].full._last_sequence = next_number - 1
        self.number = 100

    def send(self, payload: bytes = DELTA, count: int = 1) -> None:
        for _ in range(count):
            self.teacher.send_rtp(rtp(5, self.number, self.number, payload))
            self.number += 1
            if self.number % 50 == 0:
                self.bench.pump()  # before a client's socket is full
        self.bench.pump()


def numbers(site: Client) -> list[int]:
    return [p.number for p in site.packets]


def test_everybody_decodes_across_the_wrap(bench: Bench) -> None:
    camera = Camera(bench, 65_530)
    before = bench.subscriber("before")
    camera.send(KEYFRAME)
    camera.send(count=3)
    just_before = bench.subscriber("just before")
    camera.send(KEYFRAME)
    camera.send(count=3)
    after = bench.subscriber("after")
    camera.send(KEYFRAME)
    camera.send(count=300)
    bench.until(lambda: len(before.packets) == 309)
    wrapped = [n & 0xFFFF for n in range(65_530, 65_530 + 309)]
    assert numbers(before) == wrapped
    assert numbers(just_before) == wrapped, "with the pictures since the keyframe"
    assert numbers(after) == wrapped[8:]
    assert all(site.undecodable == 0 for site in bench.clients)


def test_a_nack_across_the_wrap_is_answered_to_those_who_were_there(bench: Bench) -> None:
    camera = Camera(bench, 65_534)
    before = bench.subscriber("before")
    camera.send(KEYFRAME)
    camera.send(count=3)
    after = bench.subscriber("after")
    camera.send(KEYFRAME)
    bench.until(lambda: len(after.packets) == 1)
    ssrc = after.packets[0].ssrc
    for site, expected in ((before, 2), (after, 0)):
        sent = bench.relay.counters.packets_retransmitted
        site.send_rtcp(rtcp.receiver_report(9, []) + rtcp.nack(9, ssrc, [65_534, 65_535]))
        bench.pump()
        assert bench.relay.counters.packets_retransmitted - sent == expected
    camera.send(count=5)
    assert numbers(after) == [2, 3, 4, 5, 6, 7]
    assert after.undecodable == 0


def test_a_packet_late_across_the_wrap_confuses_nobody(bench: Bench) -> None:
    camera = Camera(bench, 65_534)
    before = bench.join(Client("before"), video=WITH_RTX)
    camera.send(KEYFRAME)  # 65534
    camera.number += 1  # 65535 is late
    camera.send(count=2)  # 0, 1
    after = bench.subscriber("after")
    camera.send(KEYFRAME)  # 2
    camera.teacher.send_rtp(rtp(5, 101, 101, DELTA + b"late"))
    bench.pump()
    camera.send(count=3)
    assert numbers(after) == [2, 3, 4, 5]
    before.send_rtcp(rtcp.receiver_report(9, []) + rtcp.nack(9, after.packets[0].ssrc, [65_535]))
    bench.until(lambda: len(before.packets) == 8)
    assert numbers(before)[:7] == [65_534, 0, 1, 2, 3, 4, 5]
    assert before.packets[7].payload == b"\xff\xff" + DELTA + b"late", "as a retransmission (RFC 4588)"
    assert before.undecodable == after.undecodable == 0


@pytest.mark.parametrize("pause", [10, 30_000, 40_000])
def test_a_pause_of_any_length_ends_with_the_next_number(bench: Bench, pause: int) -> None:
    """Else SRTP's rollover counter would be in doubt after half of the numbers."""
    teacher = Client("teacher", publishing=True, kinds=("video",))
    bench.join(teacher, video=("VP8/90000", "H264/90000"))
    site = bench.subscriber()
    teacher.send_rtp(rtp(5, 1, 1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    # A camera that the site cannot decode, for a long time.
    teacher.send_rtp(rtp(6, 1, 1, b"\x65" + bytes(20), payload_type=97))
    bench.pump()
    bench.relay._streams["lesson", "main"].layers["video"].full._last_sequence += pause
    teacher.send_rtp(rtp(7, 1, 1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 2)
    assert numbers(site)[1] == (numbers(site)[0] + 1) & 0xFFFF
    assert site.undecodable == 0
