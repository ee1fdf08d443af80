"""The data plane of one node behind its one port: datagrams in, datagrams out, sessions by command.

Knows nothing of processes and control links (see :mod:`media_relay.node`). The caller calls :meth:`Relay.readable` when
the socket is, and :meth:`Relay.tick` every 20 ms.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

from media_relay.answers import OutgoingTrack, Transport, answer, restart_fragment
from media_relay.core.packet import HEADER_SIZE, PacketError
from media_relay.counters import Counters
from media_relay.fanout import Fanout
from media_relay.faults import Faults
from media_relay.handshakes import Handshakes
from media_relay.ice import asked_ufrag, read_check
from media_relay.intake import Intake
from media_relay.messages import (
    Event,
    NodeDrained,
    SessionClosed,
    SessionConnected,
    StreamStarted,
    StreamStopped,
)
from media_relay.peer import Peer, PeerState
from media_relay.publisher import Publisher
from media_relay.sampling import Sampling
from media_relay.sdp import OfferError, parse_fragment, parse_offer
from media_relay.seams import rtcp
from media_relay.seams.datagrams import SLOT, Receiver, Sender
from media_relay.seams.dtls import DtlsError, DtlsIdentity
from media_relay.seams.kernel import Kernel, choose
from media_relay.seams.srtp import SrtpError, new_length, unprotect_rtp
from media_relay.speech import Speech
from media_relay.stream import Stream
from media_relay.subscriber import Subscriber
from media_relay.tcp import TcpPort
from media_relay.viewers import Viewers

TICK: Final = 0.020
MAX_SESSIONS: Final = 1_000
_ROUNDS: Final = 8
"""Batches read before other events get their turn."""
_FEEDBACK_TICKS: Final = 5
"""Transport-wide feedback every 100 ms, libwebrtc's own default; as often a look at who speaks."""
_SLOW_TICKS: Final = 10
_REPORT_TICKS: Final = 50
_VERSION: Final = 0x80
_PLAIN: Final = 0xEF
"""Of a first byte: version, padding and CSRCs, which ordinary media packets have none of."""
_PAUSE: Final = 1.0
"""Seconds between two looks after the clients beyond which the process was stopped, or starved."""


class Relay:
    """All sessions and streams of a node."""

    def __init__(
        self,
        sock: socket.socket,
        addresses: Sequence[str],
        emit: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
        listener: socket.socket | None = None,
        *,
        native: bool = True,
    ) -> None:
        """``clock`` tells seconds of any monotonic clock; ``listener`` takes connections on the number of ``sock``;
        ``native`` uses the native kernel where it was built."""
        self._socket = sock
        self.port: int = sock.getsockname()[1]
        self.addresses = tuple(addresses)
        self.counters = Counters()
        self.faults = Faults(self.counters)
        self._emit = emit
        self._clock = clock
        self._looked_at = clock()
        self._identity = DtlsIdentity()
        self._receiver = Receiver(sock)
        self._sender = Sender(sock)
        self._tcp = TcpPort(listener, self.counters, clock)
        self._kernel, self.forwards = choose(native, self._sender.max_segments)
        """``native`` or ``python``: what does the work of the fan-out."""
        self._fanout = Fanout(self._sender, self.counters, clock, self._kernel)
        self._viewers = Viewers(emit, self.counters)
        self._length = new_length()
        self._handshakes: Handshakes[Publisher | Subscriber] = Handshakes(self.counters)
        self._peers: dict[str, Publisher | Subscriber] = {}
        self._by_ufrag: dict[str, Publisher | Subscriber] = {}
        self._by_address: dict[bytes, Publisher | Subscriber] = {}
        self._streams: dict[tuple[str, str], Stream] = {}
        self._touched: set[Stream] = set()
        self._speech = Speech(emit)
        self._sampling = Sampling(emit)
        self.intake = Intake()
        self._ticks = 0

    # --- sessions ---------------------------------------------------------------------------------------------------

    def publish(self, session: str, lesson: str, name: str, offer: str) -> str:
        """Answer a publisher; one that already publishes the stream is replaced. Raises ``OfferError``."""
        self.intake.check_publisher(lesson_is_here=self._carries(lesson))
        parsed = parse_offer(offer, publishing=True)
        self._make_room(session)
        stream = self._stream(lesson, name)
        if stream.publisher is not None:
            self._close(stream.publisher, "replaced")
            stream = self._stream(lesson, name)
        now = self._clock()
        peer = Publisher(session, stream, parsed, self._identity, self._sender, self.counters, now)
        stream.publisher = peer
        self._register(peer)
        return answer(parsed, self._transport(peer), publishing=True)

    def subscribe(self, session: str, lesson: str, name: str, offer: str, viewer: str = "") -> str:
        """Answer a subscriber; it waits when nobody publishes the stream yet. Raises ``OfferError``.

        Sessions of one ``viewer`` share a link; without one a session is its own viewer.
        """
        self.intake.check_subscriber(
            session_is_here=session in self._peers, lesson_is_here=self._carries(lesson)
        )
        parsed = parse_offer(offer, publishing=False)
        self._make_room(session)
        stream = self._stream(lesson, name)
        stream.check_codecs(parsed)
        now = self._clock()
        peer = Subscriber(
            session, stream, parsed, self._identity, self._sender, self._fanout, self.counters, now
        )
        peer.viewer = viewer or session
        stream.subscribers[session] = peer
        self._register(peer)
        tracks = {
            kind: OutgoingTrack(layers.ssrc, layers.repair_ssrc, stream.cname, name)
            for kind, layers in stream.layers.items()
        }
        return answer(parsed, self._transport(peer), publishing=False, tracks=tracks)

    def trickle(self, session: str, fragment: str) -> str | None:
        """Take an SDP fragment: the new credentials on an ICE restart, ``None`` for mere candidates.

        Candidates are not needed: an ICE-lite agent answers wherever checks come from. Raises ``OfferError``.
        """
        peer = self._peers.get(session)
        if peer is None:
            raise OfferError("session.unknown", "This media session has ended; publish or play again.")
        credentials = parse_fragment(fragment)
        if credentials is None or credentials == peer.remote:
            return None
        forgotten = peer.restart_ice(credentials)
        if forgotten is not None:
            del self._by_ufrag[forgotten.ufrag]
        self._by_ufrag[peer.local.ufrag] = peer
        return restart_fragment(self._transport(peer))

    def prefer(self, lesson: str, viewer: str, stream: str) -> None:
        """This stream matters most to a viewer while its link cannot carry all; unknown viewers do no harm."""
        self._viewers.prefer(lesson, viewer, stream, self._clock())

    def close(self, session: str, reason: str = "closed") -> None:
        """End a session, if it is there."""
        peer = self._peers.get(session)
        if peer is not None:
            self._close(peer, reason)
            self._sender.flush()

    def keep_only(self, sessions: Sequence[str]) -> None:
        """End every session that is not listed."""
        for session in set(self._peers) - set(sessions):
            self.close(session)

    @property
    def publishers(self) -> int:
        """Sessions that publish."""
        return sum(isinstance(peer, Publisher) for peer in self._peers.values())

    @property
    def subscribers(self) -> int:
        """Sessions that play."""
        return len(self._peers) - self.publishers

    @property
    def send_drops(self) -> int:
        """Datagrams that the socket had no room for."""
        return self._sender.dropped

    def drops(self) -> dict[str, int]:
        """Datagrams dropped, by reason."""
        drops = dict(self.counters.drops)
        drops["send_full"] = self._sender.dropped
        drops["send_rejected"] = self._sender.rejected
        drops["truncated"] = self._receiver.truncated
        return drops

    def _make_room(self, session: str) -> None:
        if session in self._peers:
            self._close(self._peers[session], "replaced")
        if len(self._peers) >= MAX_SESSIONS:
            raise OfferError("node.full", f"This relay node already carries {MAX_SESSIONS} sessions.")

    def _carries(self, lesson: str) -> bool:
        return any(here == lesson for here, _ in self._streams)

    def _stream(self, lesson: str, name: str) -> Stream:
        key = lesson, name
        if key not in self._streams:
            self._streams[key] = Stream(lesson, name, self._fanout)
        return self._streams[key]

    def _register(self, peer: Publisher | Subscriber) -> None:
        self._peers[peer.session] = peer
        self._by_ufrag[peer.local.ufrag] = peer

    def _transport(self, peer: Peer) -> Transport:
        ice, fingerprint, tcp = peer.local, self._identity.fingerprint.value, self._tcp.listening
        return Transport(ice.ufrag, ice.password, fingerprint, self.port, self.addresses, tcp)

    def _close(self, peer: Publisher | Subscriber, reason: str) -> None:
        peer.close()
        del self._peers[peer.session]
        for ufrag in [ufrag for ufrag, value in self._by_ufrag.items() if value is peer]:
            del self._by_ufrag[ufrag]
        for raw in [raw for raw, value in self._by_address.items() if value is peer]:
            self._forget_address(raw)
        stream = peer.stream
        if isinstance(peer, Publisher):
            stream.publisher = None
            if peer.started:
                self._emit(StreamStopped(stream.lesson, stream.name))
        else:
            self._viewers.leave(peer)
            stream.subscribers.pop(peer.session, None)
            stream.regroup()
        if stream.idle:
            self._streams.pop((stream.lesson, stream.name), None)
        self._emit(SessionClosed(peer.session, reason))

    def _forget_address(self, raw: bytes) -> None:
        del self._by_address[raw]
        self._tcp.close(raw)

    def fileno(self) -> int:
        """What is to be :meth:`readable`."""
        return self._socket.fileno()

    def connections_fileno(self) -> int:
        """What is to be :meth:`connections_readable`."""
        return self._tcp.fileno()

    # --- datagrams --------------------------------------------------------------------------------------------------

    def readable(self) -> None:
        """Read what has arrived, act on it and send what follows from it."""
        receiver = self._receiver
        for _ in range(_ROUNDS):
            lengths = receiver.receive()
            now = self._clock()
            index, count = 0, len(lengths)
            while index < count:
                taken = 0
                try:
                    if self._kernel is not None and receiver.view[index * SLOT] & _PLAIN == _VERSION:
                        taken = self._run(self._kernel, index, count, now)
                    if not taken:
                        self._datagram(receiver, index, lengths[index], now)
                except Exception as fault:  # of ours: it costs this datagram, not the 127 others
                    self.faults.note("reading a datagram", fault)
                index += taken or 1
            self._forward_touched()
            if len(lengths) < receiver.batch:
                break
        self.shake_hands()

    def shake_hands(self) -> None:
        """Go on with handshakes for a few milliseconds; to be called again soon while they are :attr:`unfinished`."""
        if self._handshakes:
            self._handshakes.run(self._shake)
            self._sender.flush()

    @property
    def unfinished(self) -> bool:
        """Whether handshakes wait for their turn."""
        return bool(self._handshakes)

    def connections_readable(self) -> None:
        """The same for clients that came over TCP."""
        now = self._clock()
        for length in self._tcp.receive():
            try:
                self._datagram(self._tcp, 0, length, now)
            except Exception as fault:
                self.faults.note("reading a packet of a connection", fault)
        self._forward_touched()
        self._forget_lost_connections()
        self.shake_hands()

    def _forward_touched(self) -> None:
        for stream in self._touched:
            self.faults.guard("forwarding a stream", stream.flush)
        self._touched.clear()
        self._sender.flush()

    def _forget_lost_connections(self) -> None:
        """A connection that ends is no goodbye: the client may come again, on another one or over UDP."""
        for raw in self._tcp.lost():
            peer = self._by_address.pop(raw, None)
            if peer is not None:
                peer.lose(raw)

    def _datagram(self, inbox: Receiver | TcpPort, index: int, length: int, now: float) -> None:
        """Tell STUN, DTLS and SRTP apart by the first byte (RFC 7983)."""
        view = inbox.view
        start = index * SLOT
        first = view[start] if length else 0xFF
        if 128 <= first <= 191 and length >= HEADER_SIZE:
            peer = self._by_address.get(inbox.name(index))
            if peer is None or peer.inbound is None:
                self.counters.drops["unknown_source"] += 1
            elif 192 <= view[start + 1] <= 223:  # RFC 5761 section 4
                self._rtcp(peer, bytes(view[start : start + length]), now)
            elif isinstance(peer, Publisher):
                self._rtp(peer, peer.inbound.context, inbox, index, length, now)
            else:
                self.counters.drops["not_publishing"] += 1
        elif first < 4:
            self._stun(inbox, index, bytes(view[start : start + length]), now)
        elif 20 <= first <= 63:
            self._dtls(inbox, index, bytes(view[start : start + length]), now)
        else:
            self.counters.drops["noise"] += 1

    def _run(self, kernel: Kernel, index: int, count: int, now: float) -> int:
        """Let the kernel take the packets of one source with which the rest of a batch begins; returns how many."""
        peer = self._by_address.get(self._receiver.name(index))
        if not isinstance(peer, Publisher) or not peer.started:
            return 0
        taken = peer.take_run(kernel, self._receiver, index, count, now)
        if taken:
            self._touched.add(peer.stream)
        return taken

    def _rtp(
        self, peer: Publisher, context: object, inbox: Receiver | TcpPort, index: int, length: int, now: float
    ) -> None:
        size, counters = self._length, self.counters
        size[0] = length
        if unprotect_rtp(context, inbox.slots[index], size):
            counters.drops["srtp"] += 1
            return
        counters.packets_received += 1
        counters.bytes_received += length
        peer.heard_at = now
        if not peer.may_send():
            counters.drops["publisher_flood"] += 1
            return
        start = index * SLOT
        try:
            taken = peer.rtp(inbox.view, start, start + size[0], now, inbox.arrival(index) or now)
        except PacketError:
            counters.drops["rtp"] += 1
            return
        if not taken:
            counters.drops["left_out"] += 1
            return
        self._touched.add(peer.stream)
        if self._kernel is not None:
            peer.follow(self._kernel, inbox.view, start)
        if not peer.started:
            peer.start(now)
            self._emit(StreamStarted(peer.stream.lesson, peer.stream.name))

    def _rtcp(self, peer: Publisher | Subscriber, datagram: bytes, now: float) -> None:
        try:
            packets = rtcp.parse(peer.open_rtcp(datagram, now))
        except (SrtpError, rtcp.RtcpError):
            self.counters.drops["rtcp"] += 1
            return
        peer.heard_at = now
        peer.rtcp(packets, now)
        publisher = peer.stream.publisher
        if publisher is not None and any(isinstance(packet, rtcp.RtcpPsfbPacket) for packet in packets):
            publisher.ask_again(now)  # perhaps for a keyframe: that cannot wait for the next tick

    def _stun(self, inbox: Receiver | TcpPort, index: int, datagram: bytes, now: float) -> None:
        raw = inbox.name(index)
        owner = self._by_address.get(raw)
        if datagram[0]:  # no request: an answer to one of ours, or nothing for us
            if owner is None or not owner.take_consent(datagram, raw, now):
                self.counters.drops["stun"] += 1
            return
        peer = self._by_ufrag.get(asked_ufrag(datagram))
        if peer is None or (owner is not None and owner is not peer and owner.lively(now)):
            self.counters.drops["stun"] += 1
            return
        if not peer.may_check(raw, now):
            self.counters.drops["stun_flood"] += 1
            return
        check = read_check(datagram)
        if check is None or not peer.check(check, inbox.address(index), now):
            self.counters.drops["stun"] += 1
            return
        if owner is peer:
            return
        self._by_address[raw] = peer
        self._tcp.admit(raw, peer.video_types)
        for old in [
            key for key, value in self._by_address.items() if value is peer and key not in peer.addresses
        ]:
            self._forget_address(old)

    def _dtls(self, inbox: Receiver | TcpPort, index: int, datagram: bytes, now: float) -> None:
        peer = self._by_address.get(inbox.name(index))
        if peer is None:
            self.counters.drops["unknown_source"] += 1
            return
        if peer.state is PeerState.CONNECTING:
            self._handshakes.put(peer, datagram)
        else:
            self._associated(peer, datagram, now)

    def _shake(self, peer: Publisher | Subscriber, datagram: bytes) -> None:
        self.faults.guard("taking part in a handshake", self._associated, peer, datagram, self._clock())

    def _associated(self, peer: Publisher | Subscriber, datagram: bytes, now: float) -> None:
        """A DTLS datagram of a client."""
        before = peer.state
        try:
            peer.dtls(datagram, now)
        except DtlsError:
            self.counters.drops["dtls"] += 1
            self._close(peer, "dtls_failed")
            return
        if peer.said_goodbye:
            self._close(peer, "bye")
        elif before is PeerState.CONNECTED:
            # Neither a goodbye nor a handshake: OpenSSL discarded it, or it was data that nobody expects.
            self.counters.drops["dtls"] += 1
        elif peer.state is PeerState.CONNECTED:
            self._connected(peer, now)

    def _connected(self, peer: Publisher | Subscriber, now: float) -> None:
        self._emit(SessionConnected(peer.session))
        if isinstance(peer, Subscriber):
            self._viewers.join(peer, now)
            peer.stream.welcome(peer, now)
            if peer.stream.publisher is not None:
                peer.stream.publisher.ask_again(now)

    # --- time -------------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Every 20 ms: NACKs and keyframe requests; less often feedback, reports, handshake timers and expiry."""
        now = self._clock()
        self._ticks += 1
        guard = self.faults.guard
        # Streams take turns, so that a tick does about as much as any other.
        for turn, stream in enumerate(self._streams.values(), self._ticks):
            guard("serving a stream", self._serve, stream, turn, now)
        guard("probing links", self._viewers.tick, now)
        if self._ticks % _FEEDBACK_TICKS == 0:
            guard("listening who speaks", self._speech.look, self._streams.values(), now)
        if self._ticks % _SLOW_TICKS == 0:
            self._look_after(now)
        self._sender.flush()

    @staticmethod
    def _serve(stream: Stream, turn: int, now: float) -> None:
        reports = turn % _REPORT_TICKS == 0
        publisher = stream.publisher
        if publisher is not None and publisher.state is PeerState.CONNECTED:
            publisher.tick()
            publisher.ask_again(now)
            if turn % _FEEDBACK_TICKS == 0:
                publisher.send_transport_feedback()
            if reports:
                publisher.report(now)
        stream.catch_up(now)
        if turn % _SLOW_TICKS == 0:
            stream.steer(now)
        if reports:
            stream.report_senders(now)

    def _look_after(self, now: float) -> None:
        """Every 200 ms: repeat handshakes, ask who is silent, let go of clients that are gone and of unused streams.

        Time in which this process did not run is not the clients' silence.
        """
        guard = self.faults.guard
        guard("looking after connections", self._tcp.look_after)
        self._forget_lost_connections()
        paused = now - self._looked_at - _PAUSE
        self._looked_at = now
        for peer in list(self._peers.values()):
            if paused > 0:
                peer.heard_at += paused
            guard("looking after a session", self._look_after_peer, peer, now)
        for key in [key for key, stream in self._streams.items() if stream.idle]:
            del self._streams[key]
        guard("looking at links", self._viewers.look, now)
        guard("telling how the sessions are doing", self._sampling.look, self._peers.values(), now)
        if self.intake.is_drained(len(self._peers)):
            self._emit(NodeDrained())

    def _look_after_peer(self, peer: Publisher | Subscriber, now: float) -> None:
        if peer.state is PeerState.CONNECTING:
            peer.repeat_handshake()
        else:
            peer.ask_consent(now)
        if peer.expired(now):
            self._close(peer, "timeout")
        elif isinstance(peer, Subscriber) and peer.cannot_decode:
            self._close(peer, "no_common_codec")

    def shut_down(self) -> None:
        """Close every session with a goodbye."""
        for peer in list(self._peers.values()):
            self._close(peer, "closed")
        self._sender.flush()
        self._tcp.close_all()
