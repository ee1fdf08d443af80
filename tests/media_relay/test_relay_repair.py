"""Retransmissions on an SSRC of their own (RFC 4588), from publishers and to subscribers."""

from collections.abc import Iterator

import pytest

from media_relay.core.reception import ReportBlock
from media_relay.core.replay import Replay
from media_relay.core.transport_feedback import TransportFeedback
from media_relay.relay import TICK
from media_relay.seams import rtcp
from tests.media_relay.clients import (
    DELTA,
    KEYFRAME,
    RTX,
    WITH_RTX,
    Bench,
    Client,
    Received,
    relay_bench,
    rtp,
)

BOTH_WAYS = True

TEACHER = 1_000
TEACHER_RTX = 2_000


@pytest.fixture
def bench() -> Iterator[Bench]:
    with relay_bench() as found:
        yield found


def join(bench: Bench, session: str, *, publishing: bool) -> Client:
    client = Client(session, publishing=publishing)
    bench.join(client, video=WITH_RTX)
    return client


def picture(number: int, text: bytes = b"", *, key: bool = False) -> bytes:
    return rtp(TEACHER, number, number * 3_000, (KEYFRAME if key else DELTA) + text)


def repeated(number: int, original: int, text: bytes) -> bytes:
    payload = original.to_bytes(2, "big") + DELTA + text
    return rtp(TEACHER_RTX, number, original * 3_000, payload, payload_type=RTX)


def ask(site: Client, *lost: Received) -> None:
    site.send_rtcp(rtcp.receiver_report(9, []) + rtcp.nack(9, lost[0].ssrc, [one.number for one in lost]))


def test_a_lost_picture_comes_again_as_a_retransmission(bench: Bench) -> None:
    teacher, site = join(bench, "teacher", publishing=True), join(bench, "site", publishing=False)
    for number in range(4):
        teacher.send_rtp(picture(number, b"text %d" % number, key=number == 0))
    bench.until(lambda: len(site.packets) == 4)
    ask(site, site.packets[1], site.packets[2])
    bench.until(lambda: len(site.packets) == 6)
    ask(site, site.packets[3])
    bench.until(lambda: len(site.packets) == 7)
    again = site.packets[4:]
    assert {one.payload_type for one in again} == {RTX}
    assert {one.ssrc for one in again}.isdisjoint(one.ssrc for one in site.packets[:4])
    assert [one.number - again[0].number for one in again] == [0, 1, 2]
    for one, original in zip(again, site.packets[1:4], strict=True):
        assert one.payload == original.number.to_bytes(2, "big") + original.payload
        assert one.timestamp == original.timestamp
    assert site.undecodable == 0


def test_where_repairs_get_lost_too_they_are_sent_twice(bench: Bench) -> None:
    teacher, site = join(bench, "teacher", publishing=True), join(bench, "site", publishing=False)
    for number in range(2):
        teacher.send_rtp(picture(number, b"text %d" % number, key=number == 0))
    bench.until(lambda: len(site.packets) == 2)
    lost = site.packets[1]
    five_percent = ReportBlock(lost.ssrc, 13, 5, 100, 0, 0, 0)
    site.send_rtcp(rtcp.receiver_report(9, [five_percent]) + rtcp.nack(9, lost.ssrc, [lost.number]))
    bench.until(lambda: len(site.packets) == 4)
    first, second = site.packets[2:]
    assert first.payload == second.payload == lost.number.to_bytes(2, "big") + lost.payload
    assert second.number == first.number + 1, "a packet of its own to whoever protects against replay"
    assert site.undecodable == 0


def told(site: Client, *came: Received) -> None:
    """Transport-wide feedback of the site, as if nothing else had come."""
    feedback = TransportFeedback()
    for one in came:
        assert one.transport is not None
        feedback.receive(one.transport, 0.001 * one.transport)
    fci = feedback.build()
    assert fci is not None
    site.send_rtcp(rtcp.transport_feedback(9, came[0].ssrc, fci))


def test_what_feedback_missed_comes_again_unasked(bench: Bench) -> None:
    teacher, site = join(bench, "teacher", publishing=True), join(bench, "site", publishing=False)
    for number in range(6):
        teacher.send_rtp(picture(number, b"text %d" % number, key=number == 0))
    bench.until(lambda: len(site.packets) == 6)
    first, lost, second, asked, third, _ = site.packets
    ask(site, asked)  # this request arrives, the other one does not
    bench.until(lambda: len(site.packets) == 7)
    told(site, first, second, third)
    bench.tick()
    bench.until(lambda: len(site.packets) == 8)
    assert site.packets[7].payload == lost.number.to_bytes(2, "big") + lost.payload
    told(site, first, second, third)  # speaks of nothing new
    bench.tick(3)
    assert len(site.packets) == 8
    assert site.undecodable == 0


def test_what_a_publisher_repeats_fills_the_gap(bench: Bench) -> None:
    teacher, site = join(bench, "teacher", publishing=True), join(bench, "site", publishing=False)
    for number in (1, 2, 4):
        teacher.send_rtp(picture(number, b"text %d" % number, key=number == 1))
    bench.until(lambda: len(site.packets) == 3)

    def asked() -> list[int]:
        bench.live(TICK)
        return [n for r in teacher.reports if isinstance(r, rtcp.RtcpRtpfbPacket) for n in rtcp.nacked(r)]

    bench.until(lambda: asked() == [3])
    teacher.send_rtp(repeated(1, 3, b"text 3"))
    bench.until(lambda: len(site.packets) == 4)
    first, filled = site.packets[0], site.packets[3]
    assert filled.payload == DELTA + b"text 3"
    assert (filled.number - first.number, filled.timestamp - first.timestamp) == (2, 6_000)
    assert filled.payload_type == first.payload_type and filled.ssrc == first.ssrc

    teacher.send_rtp(repeated(2, 3, b"again"))
    bench.pump()
    assert len(site.packets) == 4, "what is there already is not forwarded twice"


@pytest.mark.parametrize("payload", [b"", b"\x00"])
def test_probing_on_the_retransmission_stream_reaches_nobody(bench: Bench, payload: bytes) -> None:
    teacher, site = join(bench, "teacher", publishing=True), join(bench, "site", publishing=False)
    teacher.send_rtp(picture(1, key=True))
    bench.until(lambda: len(site.packets) == 1)
    before = bench.relay.drops().get("left_out", 0)
    teacher.send_rtp(rtp(TEACHER_RTX, 1, 0, payload, payload_type=RTX))
    bench.until(lambda: bench.relay.drops().get("left_out", 0) == before + 1)
    assert len(site.packets) == 1


def test_retransmissions_before_any_picture_are_left_out(bench: Bench) -> None:
    teacher, site = join(bench, "teacher", publishing=True), join(bench, "site", publishing=False)
    teacher.send_rtp(repeated(1, 3, b"of what?"))
    bench.until(lambda: bench.relay.drops().get("left_out", 0) == 1)
    teacher.send_rtp(picture(4, key=True))
    bench.until(lambda: len(site.packets) == 1)


def test_made_up_retransmission_streams_take_no_memory(bench: Bench) -> None:
    teacher = join(bench, "teacher", publishing=True)
    for i in range(100):
        teacher.send_rtp(rtp(5_000 + i, 1, 0, b"\x00\x01x", payload_type=RTX))
        bench.pump()
    publisher = bench.relay._streams["lesson", "main"].publisher
    assert publisher is not None
    assert len(publisher._repair_ssrcs) == 12


def test_without_the_offer_a_packet_is_repeated_as_it_was(bench: Bench) -> None:
    teacher, site = join(bench, "teacher", publishing=True), bench.subscriber()
    teacher.send_rtp(picture(1, key=True))
    bench.until(lambda: len(site.packets) == 1)
    ask(site, site.packets[0])
    bench.until(lambda: bench.relay.counters.packets_retransmitted == 1)
    bench.pump()
    assert site.undecodable == 1, "the client's replay protection knows it"


def test_what_could_not_be_repaired_is_told(bench: Bench) -> None:
    teacher = join(bench, "teacher", publishing=True)
    join(bench, "site", publishing=False)
    teacher.send_rtp(picture(1, key=True))
    teacher.send_rtp(picture(3))

    def given_up() -> int:
        bench.live(TICK)
        return bench.relay.drops().get("not_repaired", 0)

    bench.until(lambda: given_up() == 1)


def test_what_a_keyframe_has_made_useless_is_not_sent_again(bench: Bench) -> None:
    teacher, site = join(bench, "teacher", publishing=True), join(bench, "site", publishing=False)
    for number in range(6):
        teacher.send_rtp(picture(number, key=number in (0, 4)))
        bench.pump()
    bench.until(lambda: len(site.packets) == 6)
    ask(site, site.packets[2])
    bench.until(lambda: len(site.packets) == 7)  # a jitter buffer may still have a use for it
    bench.live(0.3)
    ask(site, site.packets[1], site.packets[2], site.packets[3])
    ask(site, site.packets[4], site.packets[5])
    bench.until(lambda: len(site.packets) == 9)
    bench.pump()
    assert [int.from_bytes(p.payload[:2], "big") for p in site.packets[6:]] == [
        site.packets[n].number for n in (2, 4, 5)
    ]
    assert bench.relay.drops()["nack_stale"] == 3


def test_sound_is_never_stale(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    teacher.send_rtp(rtp(7, 1, 960, b"sound", payload_type=111))
    for number in range(2):
        teacher.send_rtp(picture(number, key=True))
    bench.until(lambda: len(site.packets) == 3)
    bench.live(0.5)
    ask(site, next(p for p in site.packets if p.payload_type == 111))
    bench.until(lambda: bench.relay.counters.packets_retransmitted == 1)


def test_one_who_has_not_been_sent_the_keyframe_needs_what_is_before_it(bench: Bench) -> None:
    """It catches up with the stream while a newer keyframe is already there."""
    teacher, site = join(bench, "teacher", publishing=True), join(bench, "site", publishing=False)
    for number in range(6):
        teacher.send_rtp(picture(number, key=number in (0, 4)))
        bench.pump()
    bench.until(lambda: len(site.packets) == 6)
    stream = bench.relay._streams["lesson", "main"]
    subscription = stream.subscribers["site"].subscriptions["video"]
    track = subscription.path.rendition.track
    assert track.keyframe_sequence is not None
    keyframe = track.keyframe_sequence
    lost = track.history.find(keyframe - 2)
    later = bench.clock() + 1.0
    assert subscription.is_stale(subscription.path, lost, later)
    subscription.replay = Replay(keyframe - 3)
    assert not subscription.is_stale(subscription.path, lost, later)
