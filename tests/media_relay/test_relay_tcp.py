"""Media over TCP on the port's own number: the same lesson, and nobody who knocks there harms it (RFC 6544)."""

from __future__ import annotations

import errno
import random
import socket
import struct

import pytest

from media_relay import tcp
from media_relay.messages import SessionClosed
from media_relay.seams import rtcp
from tests.media_relay.clients import DELTA, KEYFRAME, OPUS, Bench, Client, rtp
from tests.media_relay.tcp_client import TcpClient

BOTH_WAYS = True

VIDEO_SSRC = 0x11111111
AUDIO_SSRC = 0x22222222


def picture(number: int, payload: bytes = DELTA, size: int = 0) -> bytes:
    return rtp(VIDEO_SSRC, number, number * 3_000, payload + b"picture %d" % number + bytes(size))


def sound(number: int) -> bytes:
    return rtp(AUDIO_SSRC, number, number * 960, b"sound %d" % number, payload_type=OPUS)


def stranger(bench: Bench) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", bench.relay.port.number))
    sock.setblocking(False)
    bench.relay.port.connections_readable()
    return sock


def is_closed(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("piece", [1 << 20, 3])
def test_a_lesson_over_tcp(bench: Bench, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    """Publishing and playing, beside one who plays over UDP; whole or in pieces of three bytes."""
    monkeypatch.setattr(TcpClient, "piece", piece)
    teacher = bench.join(TcpClient("teacher", publishing=True))
    far, near = bench.join(TcpClient("far")), bench.subscriber("near")
    mapped = far.stun_answers[0].attributes["XOR-MAPPED-ADDRESS"]
    assert mapped == far.socket.getsockname()
    teacher.send_rtp(picture(1, KEYFRAME))
    for number in range(2, 20):
        teacher.send_rtp(picture(number, size=1_000))
        teacher.send_rtp(sound(number))
    bench.until(lambda: len(far.packets) == len(near.packets) == 37)
    for kind in (96, OPUS):
        over_tcp, over_udp = ([p for p in c.packets if p.payload_type == kind] for c in (far, near))
        assert over_tcp == over_udp
    lost = far.packets[3]
    far.send_rtcp(rtcp.receiver_report(9, []) + rtcp.nack(9, lost.ssrc, [lost.number]))
    bench.until(lambda: bench.relay.counters.packets_retransmitted == 1)
    assert far.undecodable + near.undecodable <= 1, (
        "all but the repeated one, which replay protection refuses"
    )


def test_the_answer_names_tcp_after_udp_and_below_it(bench: Bench) -> None:
    answer = bench.offer(Client("site"))
    lines = [line for line in answer.split("\r\n") if line.startswith("a=candidate:")]
    udp, over_tcp = (line.split() for line in lines[:2])
    assert (udp[2], over_tcp[2]) == ("udp", "tcp")
    assert udp[4:6] == over_tcp[4:6] == ["127.0.0.1", str(bench.relay.port.number)]
    assert over_tcp[6:] == ["typ", "host", "tcptype", "passive"]
    assert udp[0] != over_tcp[0], "foundations differ with the transport (RFC 8445 section 5.1.1.3)"
    assert int(udp[3]) > int(over_tcp[3])


def test_a_goodbye_arrives_before_the_connection_ends(bench: Bench) -> None:
    site = bench.join(TcpClient("site"))
    bench.relay.close("site")
    bench.until(lambda: site.ended)
    assert site.dtls is not None and site.dtls.closed
    assert len(bench.relay.port.tcp) == 0


def test_a_client_moves_from_udp_to_tcp_and_back(bench: Bench) -> None:
    """UDP is blocked in the middle of a lesson: a check that passes over TCP takes the media along."""
    teacher, site = bench.publisher(), bench.join(TcpClient("site"))
    udp = Client("spare")
    bench.clients.append(udp)
    udp.remote, udp.local, udp.target, udp.dtls = site.remote, site.local, site.target, site.dtls
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    udp.send(udp.check())
    bench.until(lambda: bool(udp.stun_answers))
    teacher.send_rtp(picture(2))
    bench.until(lambda: len(udp.packets) == 1)
    site.send(site.check())
    bench.until(lambda: len(site.stun_answers) == 2)
    teacher.send_rtp(picture(3))
    bench.until(lambda: len(site.packets) == 2)
    assert len(udp.packets) == 1


def test_a_connection_that_breaks_is_no_goodbye(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.join(TcpClient("site"))
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    site.connect()
    for number in range(2, 5):
        teacher.send_rtp(picture(number))  # to nobody: the connection is gone
        bench.pump()
    assert bench.relay.subscribers == 1
    assert site.packets[1:] == []
    site.send(site.check())
    bench.until(lambda: len(site.stun_answers) == 2)
    teacher.send_rtp(picture(5))
    bench.until(lambda: len(site.packets) == 2)
    assert len(bench.relay.port.tcp) == 1
    assert len([key for key in bench.relay.port.by_address if key.startswith(b"connection")]) == 1


def test_a_broken_connection_falls_back_to_udp_that_was_checked(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.join(TcpClient("site"))
    udp = Client("spare")
    bench.clients.append(udp)
    udp.remote, udp.local, udp.target, udp.dtls = site.remote, site.local, site.target, site.dtls
    udp.send(udp.check(nominate=False))
    bench.until(lambda: bool(udp.stun_answers))
    site.socket.close()
    bench.clients.remove(site)
    bench.pump()
    teacher.send_rtp(picture(1, KEYFRAME))
    bench.until(lambda: len(udp.packets) == 1)


def test_a_client_that_vanishes_without_closing_leaves_no_connection(bench: Bench) -> None:
    site = bench.join(TcpClient("site"))
    bench.clients.remove(site)  # neither reads nor answers; its socket stays open, as after a power failure
    bench.live(7.5)
    assert SessionClosed("site", "timeout") in bench.events
    assert len(bench.relay.port.tcp) == 0 and not bench.relay.port.by_address
    site.socket.close()


def test_a_stalled_connection_costs_nobody_else_anything(bench: Bench) -> None:
    """It stops reading: pictures are dropped whole, then everything old; the others miss nothing."""
    teacher = bench.publisher()
    stalled, near = bench.join(TcpClient("stalled")), bench.subscriber("near")
    bench.clients.remove(stalled)
    count = 3_000  # six seconds: after seven it would be gone
    for number in range(count):
        teacher.send_rtp(picture(number, KEYFRAME if number == 0 else DELTA, size=1_100))
        if number % 10 == 0:
            teacher.send_rtp(sound(number // 10))
            bench.live(0.020)
    bench.until(lambda: len(near.packets) == count + count // 10)
    dropped = bench.relay.drops()["tcp_full"]
    assert dropped > 1_000
    assert bench.relay.send_drops == 0
    (connection,) = bench.relay.port.tcp._connections.values()
    assert connection._outbox.waiting < 300_000
    bench.clients.append(stalled)
    bench.until(lambda: connection._outbox.waiting == 0)
    assert stalled.undecodable == 0, "what comes is whole"
    reports = (
        count + count // 10
    ) // 100  # the relay's own are dropped and counted, too: the more, the longer it took
    assert 0 < len(stalled.packets) <= count + count // 10 - dropped + reports
    teacher.send_rtp(sound(count))
    bench.until(lambda: stalled.packets[-1].payload == b"sound %d" % count)


# --- strangers ---


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        struct.pack("!H", 40) + b"\x80" + bytes(39),
        struct.pack("!H", 0xFFFF),
        (struct.pack("!H", 20) + bytes(20)) * 17,
    ],
    ids=["http", "tls", "media before a check", "a giant", "too many checks"],
)
def test_who_does_not_speak_ice_is_shown_the_door(bench: Bench, words: bytes) -> None:
    sock = stranger(bench)
    sock.send(words)
    bench.pump()
    assert is_closed(sock)
    assert len(bench.relay.port.tcp) == 0
    assert bench.relay.drops()["tcp_noise"] == 1
    sock.close()


def test_a_stranger_has_five_seconds(bench: Bench) -> None:
    """However it dribbles: half a packet, a byte at a time."""
    site = bench.join(TcpClient("site"))
    sock = stranger(bench)
    for byte in (b"\x00", b"\x40", *[b"\x00"] * 40):
        sock.send(byte)
        bench.live(0.1)
    assert bench.relay.port.tcp.strangers == 1
    bench.live(2.0)
    assert is_closed(sock)
    assert bench.relay.drops()["tcp_slow"] == 1
    assert bench.relay.subscribers == 1 and not site.ended
    sock.close()


def test_strangers_are_few_and_the_newest_get_a_chance(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "MAX_STRANGERS", 8)
    socks = [stranger(bench) for _ in range(12)]
    assert bench.relay.port.tcp.strangers == 8
    assert [is_closed(sock) for sock in socks] == [True] * 4 + [False] * 8
    site = bench.join(TcpClient("site"))
    assert site.connected
    for sock in socks:
        sock.close()
    bench.pump()
    assert len(bench.relay.port.tcp) == 1


def test_a_flood_of_connections_is_taken_in_measure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "ACCEPTS", 4)
    bench.live(0.2)
    socks = [stranger(bench) for _ in range(6)]
    for _ in range(10):
        bench.relay.port.connections_readable()
    assert bench.relay.port.tcp.strangers == 4
    bench.live(0.2)
    assert bench.relay.port.tcp.strangers == 6
    for sock in socks:
        sock.close()


def test_one_host_does_not_take_all_places(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "MAX_STRANGERS_PER_NETWORK", 4)
    socks = [stranger(bench) for _ in range(6)]
    assert [is_closed(sock) for sock in socks] == [False] * 4 + [True] * 2
    assert bench.relay.drops()["tcp_refused"] == 2
    other = socket.create_connection(("127.0.0.1", bench.relay.port.number), source_address=("127.0.0.2", 0))
    other.setblocking(False)
    bench.pump()
    assert not is_closed(other)
    for sock in (*socks, other):
        sock.close()


def test_a_crowd_that_talks_nonsense_disturbs_nobody(bench: Bench) -> None:
    rng = random.Random(7)
    teacher, site = bench.publisher(), bench.join(TcpClient("site"))
    teacher.send_rtp(picture(1, KEYFRAME))
    socks = []
    for number in range(2, 202):
        sock = stranger(bench)
        words = rng.randbytes(rng.choice((1, 2, 20, 200, 2_000)))
        sock.send(words if number % 2 else struct.pack("!H", len(words)) + words)
        teacher.send_rtp(picture(number))
        bench.pump()
        socks.append(sock)
    bench.live(6.0)
    assert len(site.packets) == 201 and site.undecodable == 0
    assert (bench.relay.port.tcp.strangers, len(bench.relay.port.tcp)) == (0, 1)
    drops = bench.relay.drops()
    assert drops["tcp_noise"] + drops["tcp_slow"] + drops.get("tcp_refused", 0) == 200
    for sock in socks:
        sock.close()


def test_neighbours_of_an_ipv6_network_count_as_one() -> None:
    assert tcp._network("2001:db8::1") == tcp._network("2001:db8::ffff:1") != tcp._network("2001:db8:0:1::1")
    assert tcp._network("::ffff:192.0.2.1") == "192.0.2.1" != tcp._network("192.0.2.2")


def test_connections_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "MAX_CONNECTIONS", 2)
    for name in ("one", "two"):
        bench.join(TcpClient(name))
    sock = stranger(bench)
    assert is_closed(sock)
    sock.close()
    assert bench.relay.subscribers == 2


def test_without_descriptors_the_relay_waits_and_takes_connections_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = bench.relay.port.tcp._listener
    assert listener is not None
    descriptor = listener.fileno

    class Exhausted:
        """A listener of a process that has no descriptor left."""

        fileno = descriptor

        def accept(self) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(bench.relay.port.tcp, "_listener", Exhausted())
    sock = stranger(bench)
    for _ in range(10):
        bench.relay.port.connections_readable()
    assert bench.relay.drops()["tcp_refused"] == 1, "it does not spin"
    monkeypatch.setattr(bench.relay.port.tcp, "_listener", listener)
    bench.live(0.2)
    assert bench.relay.port.tcp.strangers == 1
    sock.close()
