"""Sessions on a real relay: media through, takeover, ICE restart, ends, limits."""

from __future__ import annotations

import secrets
import socket
import struct
from dataclasses import replace

import pytest

from media_relay import relay as relay_module
from media_relay.messages import NodeDrained, SessionClosed, SessionConnected, StreamStarted, StreamStopped
from media_relay.relay import TICK
from media_relay.sdp import OfferError, parse_fragment
from media_relay.seams import rtcp
from media_relay.seams.dtls import DtlsEndpoint, DtlsIdentity
from tests.media_relay.clients import DELTA, KEYFRAME, OPUS, Bench, Client, rtp

VIDEO_SSRC = 0x11111111
AUDIO_SSRC = 0x22222222


def picture(number: int, payload: bytes = DELTA, ssrc: int = VIDEO_SSRC) -> bytes:
    return rtp(ssrc, number, number * 3_000, payload + b"picture %d" % number)


def sound(number: int, ssrc: int = AUDIO_SSRC) -> bytes:
    return rtp(ssrc, number, number * 960, b"sound %d" % number, payload_type=OPUS)


def fragment() -> str:
    return f"a=ice-ufrag:{secrets.token_hex(4)}\r\na=ice-pwd:{secrets.token_hex(12)}\r\n"


def pictures(client: Client) -> list[int]:
    return [p.number for p in client.packets if p.payload_type == 96]


def test_pictures_and_sound_reach_every_subscriber(bench: Bench) -> None:
    teacher = bench.publisher()
    sites = [bench.subscriber(f"site{i}") for i in range(3)]
    teacher.send_rtp(picture(1, KEYFRAME))
    for number in range(2, 20):
        teacher.send_rtp(picture(number))
        teacher.send_rtp(sound(number))
    bench.until(lambda: all(len(s.packets) == 37 for s in sites))
    for site in sites:
        video = [p for p in site.packets if p.payload_type == 96]
        assert [p.payload[2:] for p in video] == [b"picture %d" % n for n in range(1, 20)]
        assert [b.number - a.number for a, b in zip(video, video[1:], strict=False)] == [1] * 18
        assert len({p.ssrc for p in video}) == 1
        assert site.undecodable == 0
    assert len({p.ssrc for s in sites for p in s.packets}) == 2, "all subscribers get the same sources"
    assert StreamStarted("lesson", "main") in bench.events
    assert SessionConnected("site0") in bench.events


def test_one_who_comes_late_begins_with_a_keyframe(bench: Bench) -> None:
    teacher, first = bench.publisher(), bench.subscriber("first")
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(first.packets) == 1)
    bench.age_keyframes()
    late = bench.subscriber("late")
    bench.until(lambda: any(isinstance(r, rtcp.RtcpPsfbPacket) for r in teacher.reports))
    teacher.send_rtp(picture(2))
    bench.until(lambda: len(first.packets) == 2)
    assert late.packets == []
    teacher.send_rtp(picture(3, KEYFRAME))
    bench.until(lambda: len(first.packets) == 3 and len(late.packets) == 1)
    same = replace(late.packets[0], transport=first.packets[2].transport)
    assert same == first.packets[2], "but for the number in front of its own link"


def test_a_second_publisher_replaces_the_first_and_subscribers_stay(bench: Bench) -> None:
    first, site = bench.publisher("first"), bench.subscriber()
    first.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    second = bench.publisher("second")
    assert SessionClosed("first", "replaced") in bench.events
    assert StreamStopped("lesson", "main") in bench.events
    first.send_rtp(picture(2, KEYFRAME))
    second.send_rtp(rtp(5, 60_000, 99, DELTA))
    second.send_rtp(rtp(5, 60_001, 99, KEYFRAME))
    second.send_rtp(rtp(5, 60_002, 3_099, DELTA))
    bench.until(lambda: len(site.packets) == 3)
    numbers = pictures(site)
    assert [n - numbers[0] for n in numbers] == [0, 1, 2], "no gap, no number twice"
    assert site.packets[1].ssrc == site.packets[0].ssrc
    times = [p.timestamp for p in site.packets]
    assert times[0] < times[1] < times[2] == times[1] + 3_000
    assert SessionClosed("site", "closed") not in bench.events


def test_a_publisher_with_sound_only_is_heard(bench: Bench) -> None:
    teacher, site = bench.publisher(kinds=("audio",)), bench.subscriber()
    teacher.send_rtp(sound(1))
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    bench.tick(60)
    assert [p.payload for p in site.packets] == [b"sound 1"], "pictures that were not negotiated do not pass"


def test_a_lost_packet_is_sent_again_from_the_history(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    for number in range(5):
        teacher.send_rtp(picture(number, KEYFRAME if number == 0 else DELTA))
    bench.until(lambda: len(site.packets) == 5)
    lost = site.packets[2]
    site.send_rtcp(rtcp.receiver_report(9, []) + rtcp.nack(9, lost.ssrc, [lost.number]))
    bench.until(lambda: bench.relay.counters.packets_retransmitted == 1)
    bench.pump()
    assert site.undecodable == 1, (
        "the very same packet came again, so the client's replay protection refused it"
    )


def test_what_came_before_the_subscriber_is_not_sent_again(bench: Bench) -> None:
    teacher, first = bench.publisher(), bench.subscriber("first")
    for number in range(5):
        teacher.send_rtp(picture(number, KEYFRAME if number == 0 else DELTA))
    bench.until(lambda: len(first.packets) == 5)
    bench.age_keyframes()
    late = bench.subscriber("late")
    teacher.send_rtp(picture(5, KEYFRAME))
    bench.until(lambda: len(late.packets) == 1)
    begun = late.packets[0]
    late.send_rtcp(
        rtcp.receiver_report(9, []) + rtcp.nack(9, begun.ssrc, [begun.number - 2, begun.number - 1])
    )
    bench.pump()
    assert bench.relay.counters.packets_retransmitted == 0


def test_an_ice_restart_keeps_the_media(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    old = site.remote
    text = fragment()
    answer = bench.relay.trickle("site", text)
    assert answer is not None
    assert bench.relay.trickle("site", text) is None, "candidates of the same generation restart nothing"
    # Checks under way with the old credentials are still answered.
    answered = len(site.stun_answers)
    site.send(site.check())
    bench.until(lambda: len(site.stun_answers) == answered + 1)
    lines = dict(line.partition(":")[::2] for line in answer.split("\r\n"))
    site.remote = type(old)(lines["a=ice-ufrag"], lines["a=ice-pwd"])
    renewed = parse_fragment(text)
    assert renewed is not None
    site.local = renewed
    assert site.remote != old

    # The client moved to another network: a new address, the same keys.
    moved = site.socket
    site.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    site.socket.bind(("127.0.0.1", 0))
    site.socket.setblocking(False)
    site.send(site.check())
    bench.until(lambda: len(site.stun_answers) == answered + 2)
    teacher.send_rtp(picture(2))
    bench.until(lambda: len(site.packets) == 2)
    assert site.undecodable == 0
    moved.close()


def test_restarting_ice_for_ever_takes_no_memory(bench: Bench) -> None:
    bench.subscriber()
    for _ in range(50):
        assert bench.relay.trickle("site", fragment()) is not None
    assert len(bench.relay.port._by_ufrag) == 2


def test_a_client_of_many_addresses_keeps_the_newest(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    moved = []
    for _ in range(12):
        moved.append(site.socket)
        site.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        site.socket.bind(("127.0.0.1", 0))
        site.socket.setblocking(False)
        answered = len(site.stun_answers)
        site.send(site.check())
        bench.until(lambda answered=answered: len(site.stun_answers) > answered)  # type: ignore[misc]
    assert len(bench.relay.port.by_address) == 1 + 8
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    for old in moved:
        old.close()


def test_clients_of_both_address_families_meet(bench: Bench) -> None:
    """One socket serves both; the sender of IPv6 repairs and groups as any other (GSO, RTX)."""
    teacher, old = bench.publisher(), bench.subscriber("old")
    new = Client("new")
    new.socket.close()
    new.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    new.socket.bind(("::1", 0))
    new.socket.setblocking(False)
    new.host = "::1"
    bench.join(new)
    assert new.stun_answers[0].attributes["XOR-MAPPED-ADDRESS"] == new.socket.getsockname()[:2]
    for number in range(1, 20):
        teacher.send_rtp(rtp(VIDEO_SSRC, number, 3_000, (KEYFRAME if number == 1 else DELTA) + bytes(1_100)))
    bench.until(lambda: len(old.packets) == len(new.packets) == 19)
    assert [p.payload for p in old.packets] == [p.payload for p in new.packets]


def test_one_address_belongs_to_the_newest_of_two_clients(bench: Bench) -> None:
    first = bench.subscriber("first")
    # The same socket, as behind a NAT that gives a port away again.
    second = Client("second")
    second.socket.close()
    second.socket = first.socket
    bench.clients.remove(first)
    bench.live(3.0)  # the first has fallen silent; before, its address is nobody else's
    second.drain_unheard()
    bench.join(second)
    bench.relay.close("first")
    teacher = bench.publisher()
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(second.packets) == 1)


def test_trickling_for_nobody_is_refused(bench: Bench) -> None:
    with pytest.raises(OfferError) as refused:
        bench.relay.trickle("nobody", fragment())
    assert refused.value.code == "session.unknown"


def test_closing_tells_the_client_and_is_idempotent(bench: Bench) -> None:
    site = bench.subscriber()
    bench.relay.close("site")
    bench.relay.close("site")
    bench.until(lambda: site.dtls is not None and site.dtls.closed)
    assert bench.events.count(SessionClosed("site", "closed")) == 1
    assert (bench.relay.publishers, bench.relay.subscribers) == (0, 0)
    assert not bench.relay._streams, "an unused stream is forgotten"
    assert not bench.relay.port.by_address and not bench.relay.port._by_ufrag


def test_a_client_that_says_goodbye_is_gone(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    assert teacher.dtls is not None
    for datagram in teacher.dtls.close():
        teacher.send(datagram)
    bench.until(lambda: SessionClosed("teacher", "bye") in bench.events)
    assert bench.events.index(StreamStopped("lesson", "main")) < bench.events.index(
        SessionClosed("teacher", "bye")
    )
    assert bench.relay.subscribers == 1


def test_only_the_listed_sessions_are_kept(bench: Bench) -> None:
    for name in ("one", "two", "three"):
        bench.subscriber(name)
    bench.relay.keep_only(["two", "unheard-of"])
    assert bench.relay.subscribers == 1
    assert {e for e in bench.events if isinstance(e, SessionClosed)} == {
        SessionClosed("one", "closed"),
        SessionClosed("three", "closed"),
    }


def test_shutting_down_says_goodbye_to_all(bench: Bench) -> None:
    clients = [bench.publisher(), *(bench.subscriber(f"site{i}") for i in range(5))]
    bench.relay.shut_down()
    bench.until(lambda: all(c.dtls is not None and c.dtls.closed for c in clients))
    bench.relay.shut_down()


def test_the_same_session_again_replaces_itself(bench: Bench) -> None:
    bench.publisher("teacher")
    teacher = bench.publisher("teacher")
    assert bench.relay.publishers == 1
    site = bench.subscriber()
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)


def test_a_full_node_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "MAX_SESSIONS", 2)
    for name in ("one", "two"):
        bench.offer(Client(name))
    with pytest.raises(OfferError) as refused:
        bench.offer(Client("three"))
    assert refused.value.code == "node.full"
    bench.offer(Client("two"))
    assert bench.relay.subscribers == 2


def test_under_stress_newcomers_wait_and_who_is_here_goes_on(bench: Bench) -> None:
    site = bench.subscriber("site")
    bench.relay.intake.full = True
    for newcomer, lesson in (
        (Client("late"), "lesson"),
        (Client("late"), "other"),
        (Client("elsewhere", publishing=True), "other"),
    ):
        with pytest.raises(OfferError) as refused:
            bench.offer(newcomer, lesson)
        assert refused.value.code == "node.full"
    teacher = bench.publisher()
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    again = bench.subscriber("site")
    assert again.connected, "its own session anew"
    bench.relay.intake.full = False
    assert bench.subscriber("late").connected


def test_a_node_that_is_being_emptied_takes_no_new_lessons_and_says_when_nobody_is_left(bench: Bench) -> None:
    bench.subscriber("site")
    bench.relay.intake.draining = True
    bench.tick(10)
    assert NodeDrained() not in bench.events
    for newcomer in (Client("late"), Client("elsewhere", publishing=True)):
        with pytest.raises(OfferError) as refused:
            bench.offer(newcomer, "other")
        assert refused.value.code == "node.draining"
    bench.publisher()
    assert bench.subscriber("late").connected, "a lesson that is here goes on"
    for session in ("site", "late", "teacher"):
        bench.relay.close(session)
    bench.tick(30)
    assert bench.events.count(NodeDrained()) == 1


def test_one_who_never_connects_is_forgotten(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media_relay.peer.CONNECT_TIMEOUT", -1.0)
    bench.offer(Client("nobody"))
    bench.tick(10)
    assert SessionClosed("nobody", "timeout") in bench.events
    assert bench.relay.subscribers == 0


def test_a_certificate_other_than_offered_ends_the_session(bench: Bench) -> None:
    site = Client("site")
    bench.offer(site)
    assert site.dtls is not None
    site.dtls = DtlsEndpoint(DtlsIdentity(), site.dtls._fingerprints, server=False)
    site.send(site.check())
    bench.until(lambda: bool(site.stun_answers))
    for datagram in site.dtls.start():
        site.send(datagram)
    bench.until(lambda: SessionClosed("site", "dtls_failed") in bench.events)


def test_a_codec_the_subscriber_lacks_is_not_sent_to_it(bench: Bench) -> None:
    teacher = Client("teacher", publishing=True, kinds=("video",))
    bench.join(teacher, video=("H264/90000", "VP8/90000"))
    site = bench.subscriber()
    teacher.send_rtp(rtp(VIDEO_SSRC, 1, 0, b"\x65" + bytes(20), payload_type=96))
    bench.pump()
    assert site.packets == []
    teacher.send_rtp(rtp(VIDEO_SSRC, 2, 3_000, KEYFRAME, payload_type=97))
    bench.until(lambda: len(site.packets) == 1)
    assert site.packets[0].payload_type == 96, "in the subscriber's own numbering"


def test_lip_sync_is_carried_over(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    ntp = (3_900_000_000 << 32) + 12_345
    teacher.send_rtcp(rtcp.sender_report(VIDEO_SSRC, ntp, 3_000, 1, 10, "teacher"))
    bench.pump()
    bench.tick(50)
    bench.until(lambda: any(isinstance(r, rtcp.RtcpSrPacket) for r in site.reports))
    reports = [r for r in site.reports if isinstance(r, rtcp.RtcpSrPacket)]
    report = next(r for r in reports if r.ssrc == site.packets[0].ssrc)
    wall = (report.sender_info.ntp_timestamp - ntp) / (1 << 32)
    media = (report.sender_info.rtp_timestamp - site.packets[0].timestamp) / 90_000
    assert wall == pytest.approx(media, abs=0.001)


def test_the_publisher_is_told_what_arrived_and_what_is_missing(bench: Bench) -> None:
    teacher = bench.publisher()
    transport = struct.pack("!HH", 0xBEDE, 1)
    for index, number in enumerate((1, 2, 4)):
        plain = picture(number, KEYFRAME)
        block = transport + b"\x31" + index.to_bytes(2, "big") + b"\0"
        teacher.send_rtp(bytes([0x90]) + plain[1:12] + block + plain[12:])
    bench.until(lambda: bench.relay.counters.packets_received == 3)

    def feedback(kind: int) -> list[rtcp.RtcpRtpfbPacket]:
        bench.live(TICK)
        return [r for r in teacher.reports if isinstance(r, rtcp.RtcpRtpfbPacket) and r.fmt == kind]

    bench.until(lambda: bool(feedback(15) and feedback(1)))
    assert rtcp.nacked(feedback(1)[0]) == [3]


def test_made_up_sources_and_senders_take_no_memory(bench: Bench) -> None:
    teacher = bench.publisher()
    for i in range(200):
        teacher.send_rtp(rtp(1_000 + i, 1, 0, KEYFRAME))
        teacher.send_rtcp(rtcp.receiver_report(5_000 + i, []))
        bench.pump()
    publisher = bench.relay._streams["lesson", "main"].publisher
    assert publisher is not None
    assert len(publisher._sources) == 12
    assert len(publisher._rtcp_senders) == 32
    assert bench.relay.drops()["left_out"] > 180, "one more every two seconds may take the place of another"
    assert bench.relay.drops()["rtcp"] == 168
