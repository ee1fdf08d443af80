"""Sound that repeats itself (opus/red): publishers' losses are repaired, subscribers get what they negotiated."""

from __future__ import annotations

import struct

import pytest

from media_relay.core.red import pack, unpack
from media_relay.seams import rtcp
from tests.media_relay.clients import OPUS, RED, Bench, Received, RedClient, rtp
from tests.media_relay.test_relay_speech import sound as sound_with_level

SSRC = 0x22222222


def word(number: int) -> bytes:
    return b"sound %d" % number


def plain(number: int) -> bytes:
    return rtp(SSRC, number, number * 960, word(number), payload_type=OPUS)


def red(number: int) -> bytes:
    packed = pack(OPUS, 960, memoryview(word(number - 1)), memoryview(word(number)))
    assert packed is not None
    return rtp(SSRC, number, number * 960, packed, payload_type=RED)


def heard(packet: Received) -> list[bytes]:
    """The sounds in a packet of redundant sound, the present one last."""
    opened = unpack(memoryview(packet.payload), 0, len(packet.payload))
    blocks = [packet.payload[b.start : b.end] for b in opened.redundant]
    return [*blocks, packet.payload[opened.primary :]]


def test_red_is_answered_before_opus_with_what_was_offered(bench: Bench) -> None:
    for client in (RedClient("teacher", publishing=True), RedClient("site")):
        answer = bench.offer(client)
        assert f"UDP/TLS/RTP/SAVPF {RED} {OPUS}\r\n" in answer, "browsers send it only if it is preferred"
        assert f"a=rtpmap:{RED} red/48000/2\r\na=fmtp:{RED} {OPUS}/{OPUS}\r\n" in answer
        assert f"a=fmtp:{OPUS} minptime=10;useinbandfec=1;usedtx=1\r\n" in answer


@pytest.mark.parametrize("fmtp", ["", f"a=fmtp:{RED} 96/96\r\n", f"a=fmtp:{RED} {OPUS}/0\r\n"])
def test_redundancy_of_something_else_is_not_taken(bench: Bench, fmtp: str) -> None:
    site = RedClient("site")
    bench.clients.append(site)
    text = site.offer().replace(f"a=fmtp:{RED} {OPUS}/{OPUS}\r\n", fmtp)
    answer = bench.relay.subscribe("site", "lesson", "main", text)
    assert "red/48000" not in answer and f"a=rtpmap:{OPUS} opus/48000/2" in answer


def test_each_gets_what_it_negotiated(bench: Bench) -> None:
    """From a publisher without redundancy: the way to the subscriber is protected all the same."""
    teacher, old = bench.publisher(), bench.subscriber("old")
    site, renumbered = RedClient("site"), RedClient("renumbered")
    renumbered.opus = 109
    for client in (site, renumbered):
        bench.join(client)
    for number in range(1, 6):
        teacher.send_rtp(plain(number))
    everybody = (old, site, renumbered)
    bench.until(lambda: all(len(c.packets) == 5 for c in everybody))
    assert [p.payload for p in old.packets] == [word(n) for n in range(1, 6)]
    assert {p.payload_type for p in old.packets} == {OPUS}
    for client in (site, renumbered):
        first, *others = client.packets
        assert (first.payload_type, first.payload) == (client.opus, word(1)), "nothing to repeat yet"
        assert {p.payload_type for p in others} == {RED}
        assert [heard(p) for p in others] == [[word(n - 1), word(n)] for n in range(2, 6)]
        opened = unpack(memoryview(others[0].payload), 0, len(others[0].payload))
        assert (opened.payload_type, opened.redundant[0].payload_type) == (client.opus, client.opus)
        assert opened.redundant[0].offset == 960
        assert [p.number for p in client.packets] == [p.number for p in old.packets]
        assert client.undecodable == 0


def test_without_a_subscriber_for_it_nothing_is_packed(bench: Bench) -> None:
    teacher, old = bench.join(RedClient("teacher", publishing=True)), bench.subscriber("old")
    for number in range(1, 4):
        teacher.send_rtp(red(number))
    bench.until(lambda: len(old.packets) == 3)
    assert [p.payload for p in old.packets] == [word(n) for n in range(1, 4)]
    track = bench.relay._streams["lesson", "main"].layers["audio"].full
    assert max(track.history.lengths) < 60


def test_what_is_lost_on_the_way_here_is_taken_from_the_next_packet(bench: Bench) -> None:
    teacher = bench.join(RedClient("teacher", publishing=True))
    old, site = bench.subscriber("old"), bench.join(RedClient("site"))
    for number in (1, 2, 4, 5, 7):
        teacher.send_rtp(red(number))
    bench.until(lambda: len(old.packets) == len(site.packets) == 7)
    assert [p.payload for p in old.packets] == [word(n) for n in range(1, 8)]
    assert [p.timestamp - old.packets[0].timestamp for p in old.packets] == [n * 960 for n in range(7)]
    numbers = [p.number for p in old.packets]
    assert numbers == list(range(numbers[0], numbers[0] + 7))
    assert [heard(p)[-1] for p in site.packets[1:]] == [word(n) for n in range(2, 8)]
    teacher.send_rtp(red(6))  # it was only late
    bench.pump()
    assert len(old.packets) == 7


def test_two_losses_in_a_row_leave_one_gap(bench: Bench) -> None:
    teacher, old = bench.join(RedClient("teacher", publishing=True)), bench.subscriber("old")
    for number in (1, 2, 5):
        teacher.send_rtp(red(number))
    bench.until(lambda: len(old.packets) == 4)
    assert [p.payload for p in old.packets] == [word(n) for n in (1, 2, 4, 5)]
    assert old.packets[2].number == old.packets[1].number + 2


def test_silence_is_not_repeated_over_a_long_gap(bench: Bench) -> None:
    """Discontinuous transmission (usedtx): consecutive numbers, but 400 ms apart."""
    teacher, site = bench.publisher(), bench.join(RedClient("site"))
    teacher.send_rtp(plain(1))
    teacher.send_rtp(rtp(SSRC, 2, 960 + 19_200, word(2), payload_type=OPUS))
    bench.until(lambda: len(site.packets) == 2)
    assert (site.packets[1].payload_type, site.packets[1].payload) == (OPUS, word(2))


def test_what_is_sent_again_is_what_was_sent(bench: Bench) -> None:
    """Also when the former packet came after all: other contents under one nonce would give the key away."""
    teacher, site = bench.publisher(), bench.join(RedClient("site"))
    for number in (1, 3, 2, 4):
        teacher.send_rtp(plain(number))
        bench.pump()
    bench.until(lambda: len(site.packets) == 4)
    third = site.packets[1]
    assert (third.payload_type, third.payload) == (OPUS, word(3)), "its former packet was not there yet"
    site.send_rtcp(rtcp.receiver_report(9, []) + rtcp.nack(9, third.ssrc, [third.number]))
    bench.until(lambda: bench.relay.counters.packets_retransmitted == 1)
    bench.pump()
    assert site.undecodable == 1, "replay protection knows the very same packet"


def test_levels_are_heard_in_redundant_sound(bench: Bench) -> None:
    teacher, site = bench.join(RedClient("teacher", publishing=True)), bench.join(RedClient("site"))
    level = sound_with_level(1, 25)
    head = level[:1] + bytes((RED,)) + level[2:20]
    packed = pack(OPUS, 960, memoryview(word(0)), memoryview(word(1)))
    assert packed is not None
    teacher.send_rtp(plain(0))
    teacher.send_rtp(head + packed)
    bench.until(lambda: len(site.packets) == 2)
    publisher = bench.relay._streams["lesson", "main"].publisher
    assert publisher is not None and publisher.voice is not None
    assert publisher.voice.strength > 0


@pytest.mark.parametrize(
    "payload",
    [
        b"\x80",
        b"\xbf" * 40,
        bytes((RED,)) + b"red in red",
        bytes((96,)) + b"pictures",
        struct.pack("!I", (0x80 | RED) << 24 | 960 << 10 | 4) + bytes((RED,)) + b"\x6fabcdef",
    ],
)
def test_noise_in_redundant_sound_is_dropped(bench: Bench, payload: bytes) -> None:
    teacher, site = bench.join(RedClient("teacher", publishing=True)), bench.join(RedClient("site"))
    teacher.send_rtp(plain(1))
    teacher.send_rtp(rtp(SSRC, 3, 3 * 960, payload, payload_type=RED))
    teacher.send_rtp(plain(4))
    bench.until(lambda: len(site.packets) == 2)
    assert bench.relay.drops()["rtp"] == 1
    assert not bench.relay.drops().get("fault")


def test_what_was_sent_with_its_repetition_is_not_sent_again_without(bench: Bench) -> None:
    """It would be another plaintext under the same nonce."""
    teacher, site = bench.publisher(), bench.join(RedClient("site"))
    for number in range(1, 6):
        teacher.send_rtp(plain(number))
    bench.until(lambda: len(site.packets) == 5)
    viewers = bench.relay._viewers
    page, _ = viewers._by_session["site"]
    page.viewer.capacity, page.viewer.repeats = 300_000, False
    viewers._give(page, bench.clock())
    for number in range(6, 11):
        teacher.send_rtp(plain(number))
    bench.until(lambda: len(site.packets) == 10)
    assert [p.payload_type for p in site.packets[1:]] == [RED] * 4 + [OPUS] * 5
    numbers = [p.number for p in site.packets]
    assert numbers == list(range(numbers[0], numbers[0] + 10))
    assert [p.payload for p in site.packets[5:]] == [word(n) for n in range(6, 11)]
    for lost in (3, 7):
        site.send_rtcp(rtcp.nack(9, site.packets[0].ssrc, [numbers[lost]]))
    bench.until(lambda: site.undecodable > 0)  # what one has already is refused as a replay
    bench.tick(5)
    assert site.undecodable == 1, "the later one alone"
