"""Clients that vanish are forgotten within seconds; those who merely have nothing to say are not (RFC 7675)."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from aioice import stun
from aiortc import RTCPeerConnection, RTCSessionDescription

from media_relay.ice import ask_consent, gives_consent, new_credentials
from media_relay.messages import SessionClosed, StreamStopped
from media_relay.relay import TICK
from tests.media_relay.clients import KEYFRAME, Bench, Client, rtp

VANISHED_WITHIN = 7.5
SSRC = 0x11111111


def vanish(bench: Bench, client: Client) -> None:
    """The client's machine loses power: it neither reads nor answers."""
    bench.clients.remove(client)
    client.socket.close()


def test_a_vanished_client_leaves_nothing_behind(bench: Bench) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    teacher.send_rtp(rtp(SSRC, 1, 0, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    relay = bench.relay
    remembered = [weakref.ref(thing) for thing in (*relay._peers.values(), *relay._streams.values())]
    assert len(remembered) == 3
    vanish(bench, teacher)
    vanish(bench, site)
    bench.live(5.0)
    assert (relay.publishers, relay.subscribers) == (1, 1), "a hiccup of the network is no goodbye"
    bench.live(VANISHED_WITHIN - 5.0)
    assert bench.events[-3:] == [
        StreamStopped("lesson", "main"),
        SessionClosed("teacher", "timeout"),
        SessionClosed("site", "timeout"),
    ]
    assert not relay._peers and not relay.port.by_address and not relay.port._by_ufrag and not relay._streams
    bench.tick()
    gc.collect()
    assert [ref() for ref in remembered] == [None, None, None]


def test_a_client_with_nothing_to_say_stays_for_ever(bench: Bench) -> None:
    """It checks every 25 s as libnice does, or not at all, and plays a stream that nobody publishes."""
    site = bench.subscriber()
    bench.live(60.0)
    assert bench.relay.subscribers == 1
    assert 10 <= site.questions <= 60 / 2.6, "asked once for each silence, and only then"


def test_a_client_that_talks_is_not_asked(bench: Bench) -> None:
    site = bench.subscriber()
    for _ in range(10):
        site.send(site.check())
        bench.live(2.5)
    assert site.questions == 0


def test_one_lost_answer_after_another_is_no_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    site = bench.subscriber()
    lost = [0]
    answer = site.send

    def lossy(datagram: bytes) -> None:
        lost[0] += 1
        if lost[0] % 6 == 0:
            answer(datagram)

    monkeypatch.setattr(site, "send", lossy)
    bench.live(30.0)
    assert bench.relay.subscribers == 1


def test_a_pause_of_the_relay_is_not_the_clients_silence(bench: Bench) -> None:
    site = bench.subscriber()
    bench.live(1.0)
    bench.ahead += 60.0  # the machine slept
    bench.relay.tick()
    bench.live(1.0)
    assert bench.relay.subscribers == 1
    vanish(bench, site)
    bench.live(VANISHED_WITHIN)
    assert bench.relay.subscribers == 0


def test_forged_answers_keep_nobody_alive(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who sees the questions and sends from the client's address, but does not know its password."""
    site = bench.subscriber()

    def forge(question: bytes) -> None:
        reply = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=question[8:20])
        reply.add_message_integrity(b"guessed")
        site.send(bytes(reply))

    monkeypatch.setattr(site, "_take_stun", forge)
    bench.live(VANISHED_WITHIN)
    assert bench.relay.subscribers == 0
    assert bench.relay.drops()["stun"] > 3


def test_an_ice_restart_asks_with_the_new_credentials(bench: Bench) -> None:
    site = bench.subscriber()
    bench.live(2.5)
    site.local = new_credentials()
    fragment = f"a=ice-ufrag:{site.local.ufrag}\r\na=ice-pwd:{site.local.password}\r\n"
    assert bench.relay.trickle("site", fragment) is not None
    bench.live(10.0)
    assert site.questions > 2
    assert bench.relay.subscribers == 1


def test_aioice_answers_too(bench: Bench) -> None:
    """Ten times as fast as the clock, so that its own checks, every 4 to 6 s, come far too late.

    The relay's time goes on with its ticks: what keeps this process waiting keeps both sides waiting.
    """
    began, ticks = bench.clock(), 0
    bench.clock = lambda: began + ticks * TICK * 10

    async def scenario() -> None:
        nonlocal ticks
        loop = asyncio.get_running_loop()
        loop.add_reader(bench.relay.port.fileno(), bench.relay.port.readable)
        site = RTCPeerConnection()
        site.addTransceiver("video", "recvonly")
        await site.setLocalDescription(await site.createOffer())
        answer = bench.relay.subscribe("site", "lesson", "main", site.localDescription.sdp)
        await site.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        for _ in range(75):
            await asyncio.sleep(TICK)  # the relay's own pace
            ticks += 1
            bench.relay.tick()
        assert site.connectionState == "connected"
        assert bench.relay.subscribers == 1
        await site.close()
        loop.remove_reader(bench.relay.port.fileno())

    asyncio.run(scenario())


def test_only_the_answer_to_the_question_gives_consent() -> None:
    ours, theirs = new_credentials(), new_credentials()
    request, transaction = ask_consent(ours, theirs)
    reply = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=transaction)
    reply.attributes["XOR-MAPPED-ADDRESS"] = ("192.0.2.1", 9)
    reply.add_message_integrity(theirs.password.encode())
    whole = bytes(reply)
    assert gives_consent(whole, transaction, theirs.password)
    assert not gives_consent(whole, b"x" * 12, theirs.password)
    assert not gives_consent(whole, transaction, ours.password)
    assert not gives_consent(request, transaction, theirs.password)
    for cut in range(len(whole)):
        assert not gives_consent(whole[:cut], transaction, theirs.password)
