"""How a node's sessions are doing, as the node tells it every few seconds."""

import pytest

from media_relay import sampling
from media_relay.core.reception import ReportBlock
from media_relay.messages import SAMPLES_AT_ONCE, Sample, Samples
from media_relay.relay import TICK
from media_relay.seams import rtcp
from tests.media_relay.clients import DELTA, KEYFRAME, OPUS, Bench, Client, rtp
from tests.media_relay.tcp_client import TcpClient

SOUND, PICTURE = 1_000, 2_000
LOOK = 10
"""Ticks from one look at the sessions to the next."""


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "FIRST", 0.0)
    monkeypatch.setattr(sampling, "EVERY", 0.0)


def samples(bench: Bench) -> dict[str, Sample]:
    """The sessions' samples since they were last looked for, by session."""
    bench.events.clear()
    bench.live(LOOK * TICK)
    return {s.session: s for event in bench.events if isinstance(event, Samples) for s in event.samples}


def teach(bench: Bench, teacher: Client, first: int, count: int, *, lost: tuple[int, ...] = ()) -> None:
    for number in range(first, first + count):
        if number not in lost:
            payload = (KEYFRAME if number == 0 else DELTA) + bytes(498)
            teacher.send_rtp(rtp(PICTURE, number, number * 3_000, payload))
            teacher.send_rtp(rtp(SOUND, number, number * 960, bytes(100), payload_type=OPUS))
    bench.pump()


def report(site: Client, ssrc: int, *, lost: int, highest: int, jitter: int = 0) -> None:
    block = ReportBlock(ssrc, 0, lost, highest, jitter, 0, 0)
    site.send_rtcp(rtcp.receiver_report(9, [block]))


def test_loss_jitter_and_bytes_are_told_of_both_ends(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    teach(bench, teacher, 0, 50)
    ssrcs = {packet.payload_type: packet.ssrc for packet in site.packets}
    report(site, ssrcs[OPUS], lost=0, highest=100)
    bench.pump()
    samples(bench)
    teach(bench, teacher, 50, 100, lost=(60, 61, 62, 63))
    report(site, ssrcs[OPUS], lost=10, highest=300, jitter=480)
    bench.pump()
    told = samples(bench)
    assert told["teacher"].publishes and not told["site"].publishes
    assert told["teacher"].loss == pytest.approx(0.04, abs=0.001)
    assert told["site"].loss == pytest.approx(0.05)
    assert told["site"].jitter_ms == 10.0
    assert told["site"].bitrate > 0, "all that the teacher sent"
    assert told["site"].bitrate == pytest.approx(told["teacher"].bitrate, rel=0.05)
    assert (told["teacher"].stream, told["teacher"].lesson, told["teacher"].layers) == ("main", "lesson", 1)
    assert told["site"].viewer == "site", "alone on its link"


def test_a_player_that_cannot_go_on_froze(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    samples(bench)
    ask = rtcp.receiver_report(9, []) + rtcp.keyframe_request(9, 1)
    site.send_rtcp(ask)
    bench.pump()
    teach(bench, teacher, 0, 10)
    assert samples(bench)["site"].freezes == 0
    site.send_rtcp(ask)
    bench.pump()
    assert samples(bench)["site"].freezes == 1
    assert samples(bench)["site"].freezes == 0, "each is told once"


def test_what_is_sent_again_is_told(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    teach(bench, teacher, 0, 10)
    samples(bench)
    lost = [packet for packet in site.packets if packet.payload_type != OPUS][3:6]
    site.send_rtcp(
        rtcp.receiver_report(9, []) + rtcp.nack(9, lost[0].ssrc, [packet.number for packet in lost])
    )
    bench.pump()
    assert samples(bench)["site"].repaired == 3


def test_who_comes_over_tcp_is_told_apart(bench: Bench) -> None:
    bench.subscriber("near")
    bench.join(TcpClient("far"))
    samples(bench)
    assert {session: sample.tcp for session, sample in samples(bench).items()} == {"near": False, "far": True}


def test_nothing_is_told_of_who_has_not_connected_or_has_left(bench: Bench) -> None:
    bench.offer(Client("waits"))
    bench.subscriber("stays")
    bench.subscriber("leaves")
    samples(bench)
    assert samples(bench).keys() == {"stays", "leaves"}
    bench.relay.close("leaves")
    assert samples(bench).keys() == {"stays"}


def test_a_crowd_is_told_of_in_several_events(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SAMPLES_AT_ONCE > 3
    monkeypatch.setattr(sampling, "SAMPLES_AT_ONCE", 3)
    for number in range(7):
        bench.subscriber(f"site-{number}")
    bench.live(LOOK * TICK)
    assert len(samples(bench)) == 7
    sizes = [len(event.samples) for event in bench.events if isinstance(event, Samples)]
    assert sizes == [3, 3, 1]
