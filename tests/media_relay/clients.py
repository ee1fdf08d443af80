"""Clients of a relay in this process, on real loopback sockets, driven step by step without an event loop.

The protocol is that of a browser: ICE checks, DTLS as the client, SRTP. The media is made up, so that a test knows
every byte it should get back.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from aioice import stun
from aiortc.sdp import SessionDescription

from media_relay.core.transport_feedback import TransportFeedback
from media_relay.ice import Credentials, answer_check, new_credentials, read_check
from media_relay.messages import Event
from media_relay.node import open_port
from media_relay.relay import TICK, Relay
from media_relay.seams import rtcp
from media_relay.seams.dtls import DtlsEndpoint, DtlsIdentity
from media_relay.seams.srtp import SrtpContext, SrtpError
from tests.patience import PATIENCE

OPUS = 111
RED = 63
VP8 = 96
KEYFRAME = b"\x10\x00"
"""A VP8 payload descriptor and the first byte of a keyframe (RFC 7741); any bytes may follow."""
DELTA = b"\x10\x01"
WITH_RTX = ("VP8/90000", "rtx/90000")
"""Video codecs of an offer with retransmissions, payload types 96 and 97 (RFC 4588)."""
RTX = 97

TRANSPORT_SEQUENCE = 3
_EXTENSIONS = (
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    f"a=extmap:{TRANSPORT_SEQUENCE} http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
)
RID, REPAIRED_RID = 10, 11
_FEEDBACK = ("nack", "nack pli", "ccm fir", "transport-cc", "goog-remb")


def offer_text(
    credentials: Credentials,
    fingerprint: str,
    *,
    publishing: bool,
    kinds: tuple[str, ...] = ("audio", "video"),
    video: tuple[str, ...] = ("VP8/90000",),
    rids: tuple[str, ...] = (),
) -> str:
    """An offer such as a browser writes; ``video`` codecs get payload types from 96 on, layers ``rids``."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines.append("a=group:BUNDLE " + " ".join(str(i) for i in range(len(kinds))))
    for mid, kind in enumerate(kinds):
        codecs = (
            {OPUS: "opus/48000/2"} if kind == "audio" else {VP8 + i: name for i, name in enumerate(video)}
        )
        lines += [
            f"m={kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, codecs))}",
            "c=IN IP4 0.0.0.0",
            f"a=ice-ufrag:{credentials.ufrag}",
            f"a=ice-pwd:{credentials.password}",
            f"a=fingerprint:sha-256 {fingerprint}",
            "a=setup:actpass",
            f"a=mid:{mid}",
            "a=sendonly" if publishing else "a=recvonly",
            "a=rtcp-mux",
            *_EXTENSIONS,
        ]
        for number, name in codecs.items():
            lines.append(f"a=rtpmap:{number} {name}")
            lines += [f"a=fmtp:{number} apt={VP8}"] if name == "rtx/90000" else []
            lines += [f"a=rtcp-fb:{number} {f}" for f in _FEEDBACK if name != "rtx/90000"]
        if rids and kind == "video":
            lines += [*(f"a=rid:{rid} send" for rid in rids), f"a=simulcast:send {';'.join(rids)}"]
    return "\r\n".join(lines) + "\r\n"


def rtp(
    ssrc: int,
    number: int,
    timestamp: int,
    payload: bytes,
    *,
    payload_type: int = VP8,
    marker: bool = False,
    rid: str = "",
) -> bytes:
    """A plain RTP packet without extensions, or with the RID of its layer (RFC 8852)."""
    second = payload_type | (0x80 if marker else 0)
    block = b""
    if rid:
        element = bytes(((REPAIRED_RID if payload_type == RTX else RID) << 4 | len(rid) - 1,)) + rid.encode()
        element += bytes(-len(element) % 4)
        block = struct.pack("!HH", 0xBEDE, len(element) // 4) + element
    first = 0x90 if block else 0x80
    header = struct.pack("!BBHII", first, second, number & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return header + block + payload


@dataclass(frozen=True)
class Received:
    """The parts of a received RTP packet."""

    payload_type: int
    number: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool
    transport: int | None = field(default=None, compare=False)
    """The transport-wide sequence number, if it has one; each subscriber's are counted for itself."""

    @classmethod
    def read(cls, packet: bytes) -> Received:
        first, second, number, timestamp, ssrc = struct.unpack_from("!BBHII", packet)
        start = 12 + 4 * (first & 0x0F)
        transport = None
        if first & 0x10:
            end = start + 4 + 4 * int(struct.unpack_from("!H", packet, start + 2)[0])
            transport = _transport_number(packet[start + 4 : end])
            start = end
        return cls(second & 0x7F, number, timestamp, ssrc, packet[start:], bool(second & 0x80), transport)


def _transport_number(elements: bytes) -> int | None:
    """That of a block of one-byte elements, with the id that our offers give it."""
    position = 0
    while position < len(elements):
        first = elements[position]
        if first >> 4 == TRANSPORT_SEQUENCE:
            return int.from_bytes(elements[position + 1 : position + 3], "big")
        position += 1 + ((first & 0x0F) + 1 if first else 0)
    return None


class Client:
    """One media session from the client's side."""

    def __init__(
        self,
        session: str,
        *,
        publishing: bool = False,
        kinds: tuple[str, ...] = ("audio", "video"),
        rids: tuple[str, ...] = (),
    ):
        self.session = session
        self.publishing = publishing
        self.kinds = kinds
        self.rids = rids
        self.identity = DtlsIdentity()
        self.local = new_credentials()
        self.remote = Credentials("", "")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.host = "127.0.0.1"
        """Where the relay is."""
        self.target = (self.host, 0)
        self.packets: list[Received] = []
        self.reports: list[rtcp.AnyRtcpPacket] = []
        self.raw_reports: list[bytes] = []
        self.stun_answers: list[stun.Message] = []
        self.questions = 0
        """Checks that the relay made, all answered."""
        self.undecodable = 0
        self._feedback = TransportFeedback()
        self.clock: Callable[[], float] = time.monotonic
        self.dtls: DtlsEndpoint | None = None

    @property
    def outbound(self) -> SrtpContext:
        assert self.dtls is not None and self.dtls.outbound is not None, "the handshake is not done"
        return self.dtls.outbound

    @property
    def connected(self) -> bool:
        return self.dtls is not None and self.dtls.complete

    def offer(self, video: tuple[str, ...] = ("VP8/90000",)) -> str:
        return offer_text(
            self.local,
            self.identity.fingerprint.value,
            publishing=self.publishing,
            kinds=self.kinds,
            video=video,
            rids=self.rids,
        )

    def take_answer(self, answer: str) -> None:
        media = next(m for m in SessionDescription.parse(answer).media if m.port)
        ice, dtls = media.ice, media.dtls
        assert ice is not None and ice.usernameFragment and ice.password and dtls is not None
        self.remote = Credentials(ice.usernameFragment, ice.password)
        self.target = (self.host, media.port)
        prints = [(f.algorithm, f.value) for f in dtls.fingerprints]
        self.dtls = DtlsEndpoint(self.identity, prints, server=False)

    def check(self, *, nominate: bool = True) -> bytes:
        """An authentic connectivity check."""
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{self.remote.ufrag}:{self.local.ufrag}"
        message.attributes["PRIORITY"] = 1
        message.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(self.remote.password.encode())
        return bytes(message)

    def send(self, datagram: bytes) -> None:
        self.socket.sendto(datagram, self.target)

    def send_rtp(self, packet: bytes) -> None:
        self.send(self.outbound.protect(packet))

    def send_rtcp(self, packet: bytes) -> None:
        self.send(self.outbound.protect_rtcp(packet))

    def send_transport_feedback(self) -> None:
        """Tell which packets arrived since the last call, and when."""
        fci = self._feedback.build()
        if fci is not None:
            self.send_rtcp(rtcp.transport_feedback(9, self.packets[-1].ssrc, fci))

    def drain(self) -> int:
        """Read what has arrived; returns how many datagrams."""
        count = 0
        while True:
            try:
                datagram = self.socket.recv(4096)
            except BlockingIOError:
                return count
            count += 1
            self._take(datagram)

    def drain_unheard(self) -> None:
        """Throw away what has arrived."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(4096)

    def _take(self, datagram: bytes) -> None:
        first = datagram[0]
        if first < 4:
            self._take_stun(datagram)
        elif first < 64:
            assert self.dtls is not None
            for reply in self.dtls.receive(datagram):
                self.send(reply)
        else:
            self._take_media(datagram)

    def _take_stun(self, datagram: bytes) -> None:
        question = read_check(datagram)
        if question is None:
            self.stun_answers.append(stun.parse_message(datagram))
            return
        answer = answer_check(question, self.local.password, self.target)
        assert answer is not None, "the relay's questions are authentic"
        self.questions += 1
        self.send(answer)

    def _take_media(self, datagram: bytes) -> None:
        if self.dtls is None or self.dtls.inbound is None:
            self.undecodable += 1
            return
        try:
            if 192 <= datagram[1] <= 223:
                plain = self.dtls.inbound.unprotect_rtcp(datagram)
                self.raw_reports.append(plain)
                self.reports += rtcp.parse(plain)
            else:
                packet = Received.read(self.dtls.inbound.unprotect(datagram))
                self.packets.append(packet)
                if packet.transport is not None:
                    self._feedback.receive(packet.transport, self.clock())
        except SrtpError:
            self.undecodable += 1


class RedClient(Client):
    """Offers red/48000 as Chromium does, with Opus by a number of its own."""

    opus = OPUS

    def offer(self, video: tuple[str, ...] = ("VP8/90000",)) -> str:
        own = str(self.opus)
        text = super().offer(video).replace(f":{OPUS} ", f":{own} ")
        text = text.replace(f"SAVPF {OPUS}", f"SAVPF {own} {RED}")
        rtpmap = f"a=rtpmap:{own} opus/48000/2\r\n"
        fmtp = f"a=fmtp:{own} minptime=10;useinbandfec=1;usedtx=1\r\n"
        return text.replace(
            rtpmap, f"{rtpmap}{fmtp}a=rtpmap:{RED} red/48000/2\r\na=fmtp:{RED} {own}/{own}\r\n"
        )


AnyClient = TypeVar("AnyClient", bound=Client)


class Bench:
    """A relay on a real socket and its clients."""

    def __init__(self, sock: socket.socket, listener: socket.socket, *, native: bool = True) -> None:
        self.events: list[Event] = []
        self.ahead = 0.0
        """Seconds that passed in :meth:`live`. No others do, however long the machine takes."""
        began = time.monotonic()
        self.clock: Callable[[], float] = lambda: began + self.ahead
        self.relay = Relay(
            sock,
            ["127.0.0.1"],
            self.events.append,
            clock=lambda: self.clock(),
            listener=listener,
            native=native,
        )
        self.clients: list[Client] = []

    def join(
        self,
        client: AnyClient,
        lesson: str = "lesson",
        stream: str = "main",
        video: tuple[str, ...] = ("VP8/90000",),
        viewer: str = "",
    ) -> AnyClient:
        """Offer and answer, then ICE and DTLS until the client is connected."""
        self.offer(client, lesson, stream, video, viewer)
        client.send(client.check())
        self.until(lambda: bool(client.stun_answers))
        assert client.dtls is not None
        for datagram in client.dtls.start():
            client.send(datagram)
        self.until(lambda: client.connected)
        return client

    def offer(
        self,
        client: Client,
        lesson: str = "lesson",
        stream: str = "main",
        video: tuple[str, ...] = ("VP8/90000",),
        viewer: str = "",
    ) -> str:
        """Offer and answer only."""
        if client not in self.clients:
            self.clients.append(client)
        offer = client.offer(video)
        if client.publishing:
            answer = self.relay.publish(client.session, lesson, stream, offer)
        else:
            answer = self.relay.subscribe(client.session, lesson, stream, offer, viewer)
        client.take_answer(answer)
        return answer

    def publisher(self, session: str = "teacher", kinds: tuple[str, ...] = ("audio", "video")) -> Client:
        return self.join(Client(session, publishing=True, kinds=kinds))

    def subscriber(self, session: str = "site") -> Client:
        return self.join(Client(session))

    def age_keyframes(self) -> None:
        """Make the last keyframes too old to be replayed to a newcomer."""
        for stream in self.relay._streams.values():
            for track in stream.layers["video"].tracks:
                track.keyframe_at -= 60

    def pump(self) -> int:
        """Let the relay and the clients read what has arrived, until nothing moves any more."""
        total = 0
        while True:
            self.relay.port.readable()
            self.relay.port.connections_readable()
            moved = sum(client.drain() for client in self.clients)
            total += moved
            if not moved:
                return total

    def live(self, seconds: float) -> None:
        """Let time pass, tick by tick, in no time."""
        for _ in range(round(seconds / TICK)):
            self.ahead += TICK
            self.tick()

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.relay.tick()
        self.pump()

    def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Pump until the condition holds; fails after ``seconds``."""
        stop = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < stop, "the relay did not get there in time"
            self.pump()


@contextmanager
def relay_bench(*, native: bool = True) -> Iterator[Bench]:
    """A :class:`Bench` on a free port."""
    sock, listener = open_port(0)
    bench = Bench(sock, listener, native=native)
    try:
        yield bench
    finally:
        for client in bench.clients:
            client.socket.close()
        bench.relay.shut_down()
        listener.close()
        sock.close()
