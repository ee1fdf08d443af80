"""A whole lesson as a fuzz target: what its clients send, once it is decrypted, against a relay with real subscribers.

Handshakes are left out, encryption is not: every packet that leaves is noted, and two that differ under one SSRC and
index would use an AES-GCM nonce twice, which gives the keys away (RFC 7714 section 8.4).
"""

from __future__ import annotations

import socket
from typing import Any, Final

from media_relay import fanout
from media_relay.core.packet import HEADER_SIZE, PacketError
from media_relay.core.sequence import extend
from media_relay.ice import Credentials
from media_relay.node import bind
from media_relay.peer import PeerState
from media_relay.publisher import Publisher
from media_relay.relay import Relay
from media_relay.seams import rtcp
from media_relay.seams.datagrams import Address, ffi
from media_relay.seams.srtp import SrtpContext, protect_rtp
from media_relay.subscriber import Subscriber
from tests.fuzz.scripts import pieces
from tests.media_relay.clients import offer_text

_GCM: Final = 7
"""libsrtp's number of AEAD_AES_128_GCM."""
_KEY: Final = bytes(range(28))
_VIDEO: Final = ("VP8/90000", "rtx/90000", "H264/90000", "VP9/90000", "AV1/90000")
_CREDENTIALS: Final = Credentials("fuzz", "p" * 24)
_STEPS: Final = 64
"""Most pieces of one script that count."""


class NonceReuse(AssertionError):
    """Two packets that differ were encrypted alike."""


class Watch:
    """Stands between the fan-out and libsrtp, and notes what is encrypted with which index."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int, int], int] = {}
        self._highest: dict[tuple[int, int], int] = {}

    def __call__(self, context: Any, packet: Any, length: Any) -> int:
        plain = bytes(ffi.buffer(packet, length[0]))
        source = id(context), int.from_bytes(plain[8:12], "big")
        number = int.from_bytes(plain[2:4], "big")
        index = extend(number, self._highest.get(source, number))
        self._highest[source] = max(index, self._highest.get(source, index))
        before = self._seen.setdefault((*source, index), hash(plain))
        if before != hash(plain):
            raise NonceReuse(f"SSRC {source[1]:#x}, index {index}")
        status: int = protect_rtp(context, packet, length)
        return status


class Clocked:
    """A relay whose time passes when it is told to; one for all inputs, since a certificate takes long to make."""

    def __init__(self, sock: socket.socket) -> None:
        self.now = 1_000.0
        self.sock = sock
        self.relay = Relay(sock, ["127.0.0.1"], lambda event: None, clock=lambda: self.now)


_relays: Final[list[Clocked]] = []


class Lesson:
    """A teacher and three sites: one takes everything, one has no RTX, one neither that nor feedback of today."""

    def __init__(self, clocked: Clocked, layers: tuple[str, ...]) -> None:
        self.clocked = clocked
        self.relay = clocked.relay
        self.relay.counters.drops.clear()
        self.publish(layers)
        self.sites = [
            self._play("everything", _VIDEO, sound=True),
            self._play("plain", ("VP8/90000",)),
            self._play("old", ("VP8/90000", "H264/90000"), old=True),
        ]

    def publish(self, layers: tuple[str, ...]) -> None:
        """A teacher begins, or another one takes over."""
        text = offer_text(_CREDENTIALS, "AA:BB", publishing=True, video=_VIDEO, rids=layers)
        self.relay.publish("teacher", "lesson", "main", with_red(text))
        self.connect("teacher")

    def _play(self, session: str, video: tuple[str, ...], *, sound: bool = False, old: bool = False) -> str:
        text = offer_text(_CREDENTIALS, "AA:BB", publishing=False, video=video)
        if old:
            text = text.replace("transport-wide-cc", "no-such-thing").replace("transport-cc", "none")
        self.relay.subscribe(session, "lesson", "main", with_red(text) if sound else text)
        self.connect(session)
        return session

    @property
    def now(self) -> float:
        """Seconds of the relay's clock."""
        return self.clocked.now

    def connect(self, session: str) -> None:
        """As if the handshake were done."""
        peer = self.relay._peers[session]
        peer.inbound = SrtpContext(_KEY, _GCM, 16, inbound=True)
        peer.outbound = SrtpContext(_KEY, _GCM, 16, inbound=False)
        peer.context = peer.outbound.context
        peer._address = _NOWHERE
        peer.state = PeerState.CONNECTED
        self.relay.connected(peer, self.now)

    def media(self, packet: bytes) -> None:
        """The teacher sends a packet."""
        peer = self.relay._peers.get("teacher")
        if not isinstance(peer, Publisher) or len(packet) < HEADER_SIZE:
            return
        view = memoryview(bytearray(packet + bytes(64)))
        try:
            peer.rtp(view, 0, len(packet), self.now, self.now)
        except PacketError:
            return
        peer.stream.flush()

    def reports(self, session: str, compound: bytes) -> None:
        """Somebody sends RTCP. Where it names a source of 0 to 3, ours are meant."""
        peer = self.relay._peers.get(session)
        if peer is None:
            return
        if isinstance(peer, Subscriber):
            compound = self._aim(peer, compound)
        try:
            peer.rtcp(rtcp.parse(compound), self.now)
        except rtcp.RtcpError:
            return

    @staticmethod
    def _aim(peer: Subscriber, compound: bytes) -> bytes:
        layers = peer.stream.layers
        for number, kind in enumerate(("audio", "video")):
            compound = compound.replace(
                number.to_bytes(4, "big") * 2, layers[kind].ssrc.to_bytes(4, "big") * 2
            )
        return compound

    def live(self, ticks: int) -> None:
        """Time passes."""
        for _ in range(ticks):
            self.clocked.now += 0.020
            self.relay.tick()


def with_red(text: str) -> str:
    """The offer with redundant sound, and more room for pictures that differ."""
    text = text.replace("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=audio 9 UDP/TLS/RTP/SAVPF 63 111")
    return text.replace("a=rtpmap:111 ", "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:111 ")


_NOWHERE: Final = Address(
    socket.AF_INET6.to_bytes(2, "little") + (9).to_bytes(2, "big") + bytes(4) + bytes(15) + b"\x01" + bytes(4)
)
"""Port 9 of this machine, where nobody listens."""


def lesson(data: bytes) -> None:
    """A script: the first byte of each piece says who sends the rest of it, or what happens."""
    if not _relays:
        _relays.append(Clocked(bind(0)))
    clocked, names = _relays[0], vars(fanout)
    sound, names["protect_rtp"] = names["protect_rtp"], Watch()
    try:
        _play(Lesson(clocked, ("l", "m", "h") if data[:1] == b"\x01" else ()), data[1:])
    finally:
        names["protect_rtp"] = sound
        clocked.relay.shut_down()
    assert not clocked.relay._peers and not clocked.relay._streams and not clocked.relay.port._by_ufrag


def _play(room: Lesson, data: bytes) -> None:
    for step, piece in enumerate(pieces(data)):
        if step == _STEPS:
            break
        what, rest = piece[0] % 8, piece[1:]
        if what <= 2:
            room.media(rest)
        elif what <= 5:
            room.reports(room.sites[what - 3], rest)
        elif what == 6:
            room.reports("teacher", rest)
        elif len(rest) > 3:
            room.publish(("l", "m", "h")[: rest[0] % 4])
        else:
            room.live(1 + sum(rest) % 64)
    room.live(10)
    relay = room.relay
    assert relay.drops().get("fault", 0) == 0, "a fault of ours"
    for peer in relay._peers.values():
        if isinstance(peer, Publisher):
            assert len(peer._sources) <= 12 and len(peer._repair_ssrcs) <= 12
            assert all(len(source.nacks.missing) <= 256 for _, source in peer.sources)
        else:
            assert all(len(s._resent) <= 512 for s in peer.subscriptions.values())
