"""Handshakes under attack and in a rush: what they may cost, and what they survive."""

from __future__ import annotations

import random
import socket
import time
import tracemalloc

import pytest

from media_relay.handshakes import SLICE
from media_relay.messages import SessionClosed, SessionConnected
from media_relay.seams.dtls import DtlsEndpoint, DtlsError, DtlsIdentity, handshake_records
from tests.media_relay.clients import DELTA, KEYFRAME, Bench, Client, rtp
from tests.patience import PATIENCE, patient

VIDEO = 0x11111111
ALERTS = [
    b"\x15\xfe\xfd\x00\x00" + bytes(6) + b"\x00\x02" + alert for alert in (b"\x01\x00", b"\x02\x28", b"\x00")
]


def waiting(bench: Bench, session: str = "site") -> Client:
    """A client whose address passed a connectivity check, and that said nothing more yet."""
    client = Client(session)
    bench.offer(client)
    client.send(client.check())
    bench.until(lambda: bool(client.stun_answers))
    return client


def finish(bench: Bench, client: Client) -> None:
    """Send the first flight, again and again as a client does, until the handshake is done."""
    assert client.dtls is not None
    for datagram in client.dtls.start():
        client.send(datagram)
    stop = time.monotonic() + PATIENCE
    while not client.connected and time.monotonic() < stop:
        bench.pump()
        if client.dtls.timeout() == 0:
            for datagram in client.dtls.handle_timeout():
                client.send(datagram)
    assert client.connected


def hello(identity: DtlsIdentity) -> bytes:
    """A ClientHello of somebody."""
    return DtlsEndpoint(identity, [("sha-256", "AA")], server=False).start()[0]


def fails(identity: DtlsIdentity, datagram: bytes) -> bool:
    """Whether OpenSSL gives a handshake up over this."""
    try:
        DtlsEndpoint(identity, [("sha-256", "AA")], server=True).receive(datagram)
    except DtlsError:
        return True
    return False


def test_alerts_in_the_clear_do_not_end_a_handshake(bench: Bench) -> None:
    client = waiting(bench)
    for alert in ALERTS:
        client.send(alert)
    bench.pump()
    assert client.dtls is not None
    for datagram in client.dtls.start():
        client.send(datagram)
    for alert in ALERTS:
        client.send(alert)
    bench.until(lambda: client.connected)
    assert bench.relay.drops()["dtls"] == 2 * len(ALERTS)


def test_broken_hellos_do_not_spoil_the_clients_own(bench: Bench) -> None:
    client, good, identity = waiting(bench), hello(DtlsIdentity()), DtlsIdentity()
    changed = [good[:at] + b"\xff" + good[at + 1 :] for at in range(25, len(good))]
    broken = [datagram for datagram in changed if fails(identity, datagram)]
    assert len(broken) > 10
    for datagram in broken[:10]:
        client.send(datagram)
        bench.pump()
    assert bench.relay.drops()["dtls"] == 10
    finish(bench, client)
    assert not any(isinstance(event, SessionClosed) for event in bench.events)


def test_only_a_handshakes_own_records_are_kept() -> None:
    good = hello(DtlsIdentity())
    assert handshake_records(good) == good
    assert handshake_records(ALERTS[0] + good + ALERTS[1]) == good
    assert handshake_records(good[:-1]) == b"" and handshake_records(b"\x16") == b""
    assert handshake_records(b"\x16\x03\x03" + good[3:]) == b"", "TLS is not DTLS"


def test_a_flood_of_hellos_from_a_clients_own_address_is_bounded(bench: Bench) -> None:
    """Whole and in fragments, out of order and of lengths that lie: OpenSSL keeps little, and we keep little."""
    teacher = bench.publisher()
    client, rng, identity = waiting(bench), random.Random(2), DtlsIdentity()
    hellos = [hello(identity) for _ in range(10)]
    tracemalloc.start()
    for burst in range(20):
        for _ in range(50):
            whole = rng.choice(hellos)
            body, total = whole[25:], rng.choice((len(whole) - 25, 60_000, 0xFFFFFF))
            at, size = rng.randrange(len(body)), rng.randrange(1, 60)
            piece = body[at : at + size]
            head = b"\x01" + total.to_bytes(3, "big") + rng.randrange(12).to_bytes(2, "big")
            head += at.to_bytes(3, "big") + len(piece).to_bytes(3, "big")
            record = b"\x16\xfe\xfd" + bytes(5) + bytes([burst, rng.randrange(256)]) + b"\x00"
            client.send(
                rng.choice((whole, record[:11] + (len(head) + len(piece)).to_bytes(2, "big") + head + piece))
            )
        teacher.send_rtp(rtp(VIDEO, burst, burst, KEYFRAME))
        bench.relay.port.readable()
        assert len(bench.relay.port.handshakes) <= 16, "of one client"
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert bench.relay.counters.packets_received == 20, "media goes on"
    assert bench.relay.drops()["dtls_flood"] > 100
    assert used < 4 << 20


def test_hellos_from_strangers_are_not_even_read(bench: Bench) -> None:
    client, good = waiting(bench), hello(DtlsIdentity())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        for _ in range(500):
            stranger.sendto(good, client.target)
        bench.pump()
        with pytest.raises(BlockingIOError):
            stranger.recv(2_048)
    assert bench.relay.drops()["unknown_source"] == 500
    finish(bench, client)


def test_a_rush_of_handshakes_does_not_make_media_wait(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    teacher.send_rtp(rtp(VIDEO, 1, 1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    rush = [waiting(bench, f"site{i}") for i in range(40)]
    for client in rush:
        assert client.dtls is not None
        for datagram in client.dtls.start():
            client.send(datagram)
    teacher.send_rtp(rtp(VIDEO, 2, 2, DELTA))
    began = time.thread_time()
    bench.relay.port.readable()
    spent = time.thread_time() - began
    site.drain()
    assert len(site.packets) == 2, "forwarded before the handshakes are through"
    assert bench.relay.port.unfinished
    assert spent < patient(10 * SLICE)
    bench.until(lambda: all(client.connected for client in rush))
    assert sum(isinstance(event, SessionConnected) for event in bench.events) == 42


def test_a_session_that_ends_while_it_waits_is_left_alone(bench: Bench) -> None:
    client = waiting(bench)
    peer = bench.relay._peers["site"]
    bench.relay.port.handshakes.put(peer, hello(DtlsIdentity()))
    bench.relay.close("site")
    bench.relay.port.shake_hands()
    assert not bench.relay.port.unfinished and bench.relay.drops().get("fault", 0) == 0
    client.drain()
