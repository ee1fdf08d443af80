"""Transport-wide feedback comes by a socket of its own, everything else by the port's."""

from __future__ import annotations

import socket

import pytest

from media_relay.node import PortError, bind, open_port
from media_relay.seams import sorting
from media_relay.seams.rtcp import transport_feedback
from media_relay.seams.sorting import feedback_socket
from tests.media_relay.clients import DELTA, KEYFRAME, Bench, rtp

FEEDBACK = transport_feedback(1, 2, bytes(8))
OTHERS = [
    b"",
    b"\x8f",
    b"\x81\xcd" + bytes(10),  # a NACK
    b"\x8f\xce" + bytes(10),
    b"\x80\x60" + bytes(20),
    b"\x0f\xcd" + bytes(18),
]


def taken(sock: socket.socket) -> list[bytes]:
    found = []
    try:
        while True:
            found.append(sock.recv(100))
    except BlockingIOError:
        return found


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_kernel_sorts_by_the_first_two_bytes(host: str) -> None:
    sock = bind(0)
    second = feedback_socket(sock)
    assert second is not None, "this kernel can"
    with (
        sock,
        second,
        socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        for datagram in [*OTHERS, FEEDBACK]:
            client.sendto(datagram, (host, sock.getsockname()[1]))
        assert taken(second) == [FEEDBACK]
        assert taken(sock) == OTHERS


def test_the_port_stays_taken() -> None:
    sock, listener = open_port(0)
    second = feedback_socket(sock)
    assert second is not None
    with sock, listener, second, pytest.raises(PortError):
        open_port(sock.getsockname()[1])


def test_a_kernel_that_cannot_sort_brings_all_to_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "_SO_ATTACH_REUSEPORT_CBPF", 9_999)
    with bind(0) as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        assert feedback_socket(sock) is None
        client.sendto(FEEDBACK, ("127.0.0.1", sock.getsockname()[1]))
        assert taken(sock) == [FEEDBACK]


def test_feedback_waits_for_the_tick(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    for number, payload in enumerate([KEYFRAME, *[DELTA] * 9]):
        teacher.send_rtp(rtp(0x11111111, number, 3_000 * number, payload))
    bench.until(lambda: len(site.packets) == 10)
    peer = bench.relay._peers["site"]
    refused = bench.relay.counters.drops["feedback"]
    site.send_rtcp(transport_feedback(1, 2, bytes(8)))  # speaks of no packet: one that is read is counted
    bench.pump()
    assert bench.relay.counters.drops["feedback"] == refused
    bench.relay.tick()
    assert bench.relay.counters.drops["feedback"] == refused + 1 and peer.heard_at > 0
