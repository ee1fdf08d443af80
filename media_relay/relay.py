"""The data plane of one node behind its one port: datagrams in, datagrams out, sessions by command.

Knows nothing of processes and control links (see :mod:`media_relay.node`), and of datagrams only what its
:class:`~media_relay.port.MediaPort` tells. The caller lets the port read when there is something, and calls
:meth:`Relay.tick` every 20 ms.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

from media_relay.answers import OutgoingTrack, Transport, answer, restart_fragment
from media_relay.counters import Counters
from media_relay.fanout import Fanout
from media_relay.faults import Faults
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
from media_relay.port import MediaPort
from media_relay.publisher import Publisher
from media_relay.sampling import Sampling
from media_relay.sdp import OfferError, parse_fragment, parse_offer
from media_relay.seams.dtls import DtlsIdentity
from media_relay.speech import Speech
from media_relay.stream import Stream
from media_relay.subscriber import Subscriber
from media_relay.viewers import Viewers

TICK: Final = 0.020
MAX_SESSIONS: Final = 1_000
_FEEDBACK_TICKS: Final = 5
"""Transport-wide feedback every 100 ms, libwebrtc's own default; as often a look at who speaks."""
_SLOW_TICKS: Final = 10
_REPORT_TICKS: Final = 50
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
        self.addresses = tuple(addresses)
        self.counters = Counters()
        self.faults = Faults(self.counters)
        self._emit = emit
        self._clock = clock
        self._looked_at = clock()
        self._identity = DtlsIdentity()
        self.port = MediaPort(sock, listener, self.counters, self.faults, clock, self, native=native)
        """What is to be :meth:`MediaPort.readable`."""
        self._sender = self.port.sender
        self._fanout = Fanout(self._sender, self.counters, clock, self.port.kernel)
        self._viewers = Viewers(emit, self.counters)
        self._peers: dict[str, Publisher | Subscriber] = {}
        self._streams: dict[tuple[str, str], Stream] = {}
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
            self.port.forget_name(forgotten.ufrag)
        self.port.register(peer)
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
        return drops | self.port.drops()

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
        self.port.register(peer)

    def _transport(self, peer: Peer) -> Transport:
        ice, fingerprint, tcp = peer.local, self._identity.fingerprint.value, self.port.tcp.listening
        return Transport(ice.ufrag, ice.password, fingerprint, self.port.number, self.addresses, tcp)

    def _close(self, peer: Publisher | Subscriber, reason: str) -> None:
        peer.close()
        del self._peers[peer.session]
        self.port.forget(peer)
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

    # --- what sessions live through -----------------------------------------------------------------------------------

    def over(self, peer: Publisher | Subscriber, reason: str) -> None:
        """A client said goodbye, or its handshake failed."""
        self._close(peer, reason)

    def begun(self, publisher: Publisher) -> None:
        """The first media of a publisher came."""
        self._emit(StreamStarted(publisher.stream.lesson, publisher.stream.name))

    def connected(self, peer: Publisher | Subscriber, now: float) -> None:
        """A handshake is done."""
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
        self.port.read_feedback()
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
        guard("looking after connections", self.port.look_after)
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
        self.port.close()
