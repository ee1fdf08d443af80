"""Layers over real sockets: a publisher's RIDs, one SSRC for each subscriber, repair from the layer it came from."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from media_relay.core.subscription import Subscription
from media_relay.messages import SessionClosed
from media_relay.sdp import OfferError
from media_relay.seams import rtcp
from tests.media_relay.clients import RTX, WITH_RTX, Bench, Client, Received, relay_bench, rtp

RIDS = ("l", "m", "h")


@pytest.fixture
def bench() -> Iterator[Bench]:
    with relay_bench() as found:
        yield found


class Camera:
    """A publisher of three layers; every packet says which layer and picture it is of."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.client = bench.join(Client("teacher", publishing=True, rids=RIDS), video=WITH_RTX)
        self.pictures = 0
        self.sent: dict[tuple[str, int], bytes] = {}

    def shoot(self, rids: str = "lmh", *, key: str = "", lose: str = "") -> None:
        """One packet a layer."""
        self.pictures += 1
        for rid in rids:
            data = self.packet(rid, key=rid in key)
            self.sent[rid, self.pictures] = data
            if rid not in lose:
                self.client.send_rtp(data)
        self.bench.pump()

    def packet(self, rid: str, *, key: bool = False) -> bytes:
        layer = RIDS.index(rid)
        picture = 100 * layer + self.pictures
        payload = bytes((0x90, 0xE0, 0x80, picture & 0x7F, picture & 0xFF, 0, 0 if key else 1)) + rid.encode()
        timestamp = 1_000_000 * layer + 3_000 * self.pictures
        return rtp(50 + layer, self.pictures, timestamp, payload, marker=True, rid=rid)

    def asked(self) -> list[str]:
        """The layers of which keyframes were asked since the last call."""
        self.bench.tick(30)
        asked = [RIDS[r.media_ssrc - 50] for r in self.client.reports if isinstance(r, rtcp.RtcpPsfbPacket)]
        self.client.reports.clear()
        return asked


def rid_of(packet: Received) -> str:
    return packet.payload[7:8].decode()


def seen(client: Client) -> str:
    return "".join(rid_of(p) for p in client.packets)


def view(bench: Bench, session: str = "site") -> Subscription:
    return bench.relay._streams["lesson", "main"].subscribers[session].subscriptions["video"]


def test_a_subscriber_gets_one_layer_on_one_source_and_goes_where_it_is_led(bench: Bench) -> None:
    camera = Camera(bench)
    camera.shoot(key="lmh")
    site = bench.subscriber()
    camera.shoot()
    assert seen(site) == "hh"
    assert not camera.asked()
    low, _, _ = view(bench).renditions(0.0)
    view(bench).want(low)
    assert set(camera.asked()) == {"l"}
    camera.shoot()
    camera.shoot(key="l")
    camera.shoot()
    assert seen(site) == "hhhll"
    numbers = [p.number for p in site.packets]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    assert len({p.ssrc for p in site.packets}) == 1
    assert site.undecodable == 0


def test_what_subscribers_ask_for_again_comes_from_the_layer_they_had(bench: Bench) -> None:
    camera = Camera(bench)
    camera.shoot(key="lmh")
    site = bench.join(Client("site"), video=WITH_RTX)
    camera.shoot()
    view(bench).want(view(bench).renditions(0.0)[1])
    camera.shoot(key="m")
    camera.shoot()
    assert seen(site) == "hhmm"
    media = site.packets[0].ssrc
    wanted = [site.packets[1].number, site.packets[3].number]
    site.send_rtcp(rtcp.receiver_report(9, []) + rtcp.nack(9, media, wanted))
    bench.until(lambda: len(site.packets) == 6)
    for again, first in zip(site.packets[4:], (site.packets[1], site.packets[3]), strict=True):
        assert again.payload_type == RTX and again.ssrc != media
        assert again.payload == struct.pack("!H", first.number) + first.payload
        assert again.timestamp == first.timestamp


def test_a_publisher_repairs_each_layer_on_a_stream_of_its_own(bench: Bench) -> None:
    camera = Camera(bench)
    camera.shoot(key="lmh")
    site = bench.subscriber()
    view(bench).want(view(bench).renditions(0.0)[0])
    camera.shoot(key="l")
    camera.shoot(lose="lh")
    camera.shoot()
    assert seen(site)[-2:] == "ll"
    for layer, rid in enumerate(RIDS):
        lost = camera.sent[rid, 3]
        # Without extension block: 12 bytes of header and 8 of the RID.
        again = rtp(90 + layer, 1, 0, struct.pack("!H", 3) + lost[20:], payload_type=RTX, rid=rid)
        timestamp = lost[4:8]
        camera.client.send_rtp(again[:4] + timestamp + again[8:])
    bench.until(lambda: len(site.packets) == 4)
    assert seen(site)[-1] == "l", "not the other layers' packets, and not what was not lost"
    numbers = [p.number for p in site.packets]
    assert sorted(numbers) == list(range(numbers[0], numbers[0] + 4))


def test_packets_without_a_known_rid_are_left_out_until_they_have_one(bench: Bench) -> None:
    camera = Camera(bench)
    site = bench.subscriber()
    camera.client.send_rtp(rtp(50, 1, 0, bytes((0x10, 0))))
    camera.client.send_rtp(rtp(51, 1, 0, bytes((0x10, 0)), rid="x"))
    bench.pump()
    assert site.packets == []
    camera.shoot(key="lmh")
    bench.until(lambda: len(site.packets) > 0)


def test_a_weak_uplink_takes_everybody_to_the_layer_that_is_left(bench: Bench) -> None:
    camera = Camera(bench)
    camera.shoot(key="lmh")
    sites = [bench.subscriber(f"site {i}") for i in range(3)]
    full = bench.relay._streams["lesson", "main"].layers["video"].full
    full.heard_at -= 10  # long ago
    camera.shoot("lm")
    assert set(camera.asked()) == {"m"}
    camera.shoot("lm", key="m")
    camera.shoot("lm")
    assert all(seen(site).endswith("mm") for site in sites)


def test_one_layer_after_three_goes_on_on_the_same_source(bench: Bench) -> None:
    camera = Camera(bench)
    camera.shoot(key="lmh")
    site = bench.subscriber()
    view(bench).want(view(bench).renditions(0.0)[0])
    camera.shoot(key="l")
    plain = bench.publisher("another")
    plain.send_rtp(rtp(5, 1, 1, bytes((0x90, 0xE0, 0x80, 1, 1, 0, 0)) + b"p"))
    bench.until(lambda: seen(site).endswith("p"))
    numbers = [p.number for p in site.packets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len({p.ssrc for p in site.packets}) == 1
    assert site.undecodable == 0


def join(bench: Bench, session: str, *codecs: str, publishing: bool = False) -> Client:
    return bench.join(Client(session, publishing=publishing, kinds=("video",)), video=codecs)


def test_who_does_not_take_the_publishers_codec_is_told_both(bench: Bench) -> None:
    join(bench, "teacher", "H264/90000", "VP9/90000", publishing=True)
    with pytest.raises(
        OfferError, match=r"picture is H\.264 or VP9, and the client takes VP8 only"
    ) as refused:
        join(bench, "site", "VP8/90000")
    assert refused.value.code == "offer.no_common_codec"
    assert bench.relay.subscribers == 0
    join(bench, "another", "VP8/90000", "VP9/90000")


def test_when_the_publisher_has_chosen_that_alone_counts(bench: Bench) -> None:
    teacher = join(bench, "teacher", "H264/90000", "VP9/90000", publishing=True)
    teacher.send_rtp(rtp(5, 1, 1, bytes((0x8C, 0x80, 1, 0)), payload_type=97))
    bench.pump()
    with pytest.raises(OfferError, match=r"picture is VP9, and the client takes H\.264 only"):
        join(bench, "site", "H264/90000")


def test_who_cannot_take_what_comes_later_is_sent_away_to_be_told(bench: Bench) -> None:
    site, other = join(bench, "site", "VP8/90000"), join(bench, "other", "H264/90000")
    teacher = join(bench, "teacher", "H264/90000", publishing=True)
    teacher.send_rtp(rtp(5, 1, 1, b"\x65" + bytes(20), payload_type=96))
    bench.until(lambda: len(other.packets) == 1)
    bench.tick(12)
    assert SessionClosed("site", "no_common_codec") in bench.events
    assert site.dtls is not None and site.dtls.closed
    assert bench.relay.subscribers == 1
