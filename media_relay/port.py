"""The one port of a node: what arrives over UDP and TCP is told apart and brought to the session it belongs to.

STUN finds a session by its name, everything else by the address it comes from. What a session lives through that the
rest of the node has to know of is told to the port's :class:`Owner`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final, Protocol

from media_relay.core.packet import HEADER_SIZE, PacketError
from media_relay.counters import Counters
from media_relay.faults import Faults
from media_relay.handshakes import Handshakes
from media_relay.ice import asked_ufrag, read_check
from media_relay.peer import PeerState
from media_relay.publisher import Publisher
from media_relay.seams import rtcp
from media_relay.seams.datagrams import SLOT, Receiver, Sender
from media_relay.seams.dtls import DtlsError
from media_relay.seams.kernel import RUN, Kernel, choose
from media_relay.seams.sorting import feedback_socket
from media_relay.seams.srtp import SrtpError, new_length, unprotect_rtp
from media_relay.stream import Stream
from media_relay.subscriber import Subscriber
from media_relay.tcp import TcpPort

_ROUNDS: Final = 8
"""Batches read before other events get their turn."""
_VERSION: Final = 0x80
_PLAIN: Final = 0xEF
"""Of a first byte: version, padding and CSRCs, which ordinary media packets have none of."""


class Owner(Protocol):
    """Whoever has the sessions."""

    def connected(self, peer: Publisher | Subscriber, now: float) -> None:
        """A session's handshake is done."""

    def begun(self, publisher: Publisher) -> None:
        """The first media of a publisher came."""

    def over(self, peer: Publisher | Subscriber, reason: str) -> None:
        """A session is to be closed: its client said goodbye, or its handshake failed."""


class MediaPort:
    """Reads from one UDP socket and the connections on its number; sends by one queue."""

    def __init__(
        self,
        sock: socket.socket,
        listener: socket.socket | None,
        counters: Counters,
        faults: Faults,
        clock: Callable[[], float],
        owner: Owner,
        *,
        native: bool,
    ) -> None:
        """``clock`` tells seconds of any monotonic clock; for the rest see :class:`media_relay.relay.Relay`."""
        self._socket = sock
        self.number: int = sock.getsockname()[1]
        self._owner = owner
        self._counters = counters
        self._faults = faults
        self._clock = clock
        self._receiver = Receiver(sock)
        self._second = feedback_socket(sock)
        self._feedback = None if self._second is None else Receiver(self._second)
        self.sender = Sender(sock)
        self.tcp = TcpPort(listener, counters, clock)
        self.kernel, self.forwards = choose(native, self.sender.max_segments)
        """The native kernel, if it is used; and in a word what does its work."""
        self._length = new_length()
        self.handshakes: Handshakes[Publisher | Subscriber] = Handshakes(counters)
        self._by_ufrag: dict[str, Publisher | Subscriber] = {}
        self.by_address: dict[bytes, Publisher | Subscriber] = {}
        self._touched: set[Stream] = set()

    # --- who is there ---

    def register(self, peer: Publisher | Subscriber) -> None:
        """From now on checks find the session by its present name, and by its former one for a while."""
        self._by_ufrag[peer.local.ufrag] = peer

    def forget_name(self, ufrag: str) -> None:
        """A session is found by this name no longer."""
        del self._by_ufrag[ufrag]

    def forget(self, peer: Publisher | Subscriber) -> None:
        """A session is over: nothing finds it any more, and its connections end."""
        for ufrag in [ufrag for ufrag, value in self._by_ufrag.items() if value is peer]:
            del self._by_ufrag[ufrag]
        for raw in [raw for raw, value in self.by_address.items() if value is peer]:
            self._forget_address(raw)

    def _forget_address(self, raw: bytes) -> None:
        self._unfollow(self.by_address.pop(raw), raw)
        self.tcp.close(raw)

    @staticmethod
    def _unfollow(peer: Publisher | Subscriber, raw: bytes) -> None:
        if isinstance(peer, Publisher):
            peer.unfollow(raw)

    def drops(self) -> dict[str, int]:
        """Datagrams that the socket did not take or bring whole, by reason."""
        sender, inboxes = self.sender, [inbox for inbox in (self._receiver, self._feedback) if inbox]
        return {
            "receive_full": sum(inbox.overflowed for inbox in inboxes),
            "send_full": sender.dropped,
            "send_rejected": sender.rejected,
            "truncated": sum(inbox.truncated for inbox in inboxes),
        }

    def fileno(self) -> int:
        """What is to be :meth:`readable`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Send what is queued and end all connections."""
        self.sender.flush()
        self.tcp.close_all()
        self._feedback = None
        if self._second is not None:
            self._second.close()

    # --- what arrives ---

    def readable(self) -> None:
        """Read what has arrived, act on it and send what follows from it."""
        self._read(self._receiver)
        self.shake_hands()

    def read_feedback(self) -> None:
        """The same for feedback, which the kernel keeps apart: see :mod:`media_relay.seams.sorting`."""
        if self._feedback is not None:
            self._read(self._feedback)

    def _read(self, receiver: Receiver) -> None:
        for _ in range(_ROUNDS):
            lengths = receiver.receive()
            now = self._clock()
            index, count = 0, len(lengths)
            while index < count:
                taken = 0
                try:
                    if self.kernel is not None and receiver.view[index * SLOT] & _PLAIN == _VERSION:
                        taken = self._take(self.kernel, receiver, index, count, now)
                    if not taken:
                        self._datagram(receiver, index, lengths[index], now)
                except Exception as fault:  # of ours: it costs this datagram, not the 127 others
                    self._faults.note("reading a datagram", fault)
                index += taken or 1
            self._forward_touched()
            if len(lengths) < receiver.batch:
                break

    def shake_hands(self) -> None:
        """Go on with handshakes for a few milliseconds; to be called again soon while they are :attr:`unfinished`."""
        if self.handshakes:
            self.handshakes.run(self._shake)
            self.sender.flush()

    @property
    def unfinished(self) -> bool:
        """Whether handshakes wait for their turn."""
        return bool(self.handshakes)

    def connections_readable(self) -> None:
        """The same for clients that came over TCP."""
        now = self._clock()
        for length in self.tcp.receive():
            try:
                self._datagram(self.tcp, 0, length, now)
            except Exception as fault:
                self._faults.note("reading a packet of a connection", fault)
        self._forward_touched()
        self._forget_lost_connections()
        self.shake_hands()

    def _forward_touched(self) -> None:
        for stream in self._touched:
            self._faults.guard("forwarding a stream", stream.flush)
        self._touched.clear()
        self.sender.flush()

    def look_after(self) -> None:
        """Every 200 ms: end connections of strangers whose time is up, and forget those that ended by themselves."""
        self.tcp.look_after()
        self._forget_lost_connections()

    def _forget_lost_connections(self) -> None:
        """A connection that ends is no goodbye: the client may come again, on another one or over UDP."""
        for raw in self.tcp.lost():
            peer = self.by_address.pop(raw, None)
            if peer is not None:
                peer.lose(raw)

    def _datagram(self, inbox: Receiver | TcpPort, index: int, length: int, now: float) -> None:
        """Tell STUN, DTLS and SRTP apart by the first byte (RFC 7983)."""
        view = inbox.view
        start = index * SLOT
        first = view[start] if length else 0xFF
        if 128 <= first <= 191 and length >= HEADER_SIZE:
            peer = self.by_address.get(inbox.name(index))
            if peer is None or peer.inbound is None:
                self._counters.drops["unknown_source"] += 1
            elif 192 <= view[start + 1] <= 223:  # RFC 5761 section 4
                self._rtcp(peer, bytes(view[start : start + length]), now)
            elif isinstance(peer, Publisher):
                self._rtp(peer, peer.inbound.context, inbox, index, length, now)
            else:
                self._counters.drops["not_publishing"] += 1
        elif first < 4:
            self._stun(inbox, index, bytes(view[start : start + length]), now)
        elif 20 <= first <= 63:
            self._dtls(inbox, index, bytes(view[start : start + length]), now)
        else:
            self._counters.drops["noise"] += 1

    def _take(self, kernel: Kernel, inbox: Receiver, index: int, count: int, now: float) -> int:
        """Let the kernel take the packets with which the rest of a batch begins; returns how many."""
        taken = kernel.take(inbox, index, count, now)
        for at in range(0, len(kernel.story), RUN):
            followed = kernel.read(at)
            publisher = followed.origin
            try:
                publisher.take_run(followed.track, followed.source, kernel.opened, now)
            except Exception as fault:  # of ours: what it has noted is what is expected next
                self._faults.note("noting what came", fault)
                publisher.expect()
            self._touched.add(publisher.stream)
        if kernel.forged:
            self._counters.drops["srtp"] += 1
        return taken

    def _rtp(
        self, peer: Publisher, context: object, inbox: Receiver | TcpPort, index: int, length: int, now: float
    ) -> None:
        size, counters = self._length, self._counters
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
        repair = peer.is_repair(inbox.view, start)
        try:
            taken = peer.rtp(inbox.view, start, start + size[0], now, inbox.arrival(index) or now)
        except PacketError:
            counters.drops["rtp"] += 1
            return
        finally:
            peer.expect()
        if not taken:
            counters.drops["left_out"] += 1
            return
        self._touched.add(peer.stream)
        if self.kernel is not None and isinstance(inbox, Receiver) and not repair:
            peer.follow(self.kernel.known, inbox.name(index), inbox.view, start)
        if not peer.started:
            peer.start(now)
            self._owner.begun(peer)

    def _rtcp(self, peer: Publisher | Subscriber, datagram: bytes, now: float) -> None:
        try:
            packets = rtcp.parse(peer.open_rtcp(datagram, now))
        except (SrtpError, rtcp.RtcpError):
            self._counters.drops["rtcp"] += 1
            return
        peer.heard_at = now
        peer.rtcp(packets, now)
        publisher = peer.stream.publisher
        if publisher is not None and any(isinstance(packet, rtcp.RtcpPsfbPacket) for packet in packets):
            publisher.ask_again(now)  # perhaps for a keyframe: that cannot wait for the next tick

    def _stun(self, inbox: Receiver | TcpPort, index: int, datagram: bytes, now: float) -> None:
        raw = inbox.name(index)
        owner = self.by_address.get(raw)
        if datagram[0]:  # no request: an answer to one of ours, or nothing for us
            if owner is None or not owner.take_consent(datagram, raw, now):
                self._counters.drops["stun"] += 1
            return
        peer = self._by_ufrag.get(asked_ufrag(datagram))
        if peer is None or (owner is not None and owner is not peer and owner.lively(now)):
            self._counters.drops["stun"] += 1
            return
        if not peer.may_check(raw, now):
            self._counters.drops["stun_flood"] += 1
            return
        check = read_check(datagram)
        if check is None or not peer.check(check, inbox.address(index), now):
            self._counters.drops["stun"] += 1
            return
        if owner is peer:
            return
        if owner is not None:
            self._unfollow(owner, raw)
        self.by_address[raw] = peer
        self.tcp.admit(raw, peer.video_types)
        for old in [
            key for key, value in self.by_address.items() if value is peer and key not in peer.addresses
        ]:
            self._forget_address(old)

    def _dtls(self, inbox: Receiver | TcpPort, index: int, datagram: bytes, now: float) -> None:
        peer = self.by_address.get(inbox.name(index))
        if peer is None:
            self._counters.drops["unknown_source"] += 1
            return
        if peer.state is PeerState.CONNECTING:
            self.handshakes.put(peer, datagram)
        else:
            self._associated(peer, datagram, now)

    def _shake(self, peer: Publisher | Subscriber, datagram: bytes) -> None:
        self._faults.guard("taking part in a handshake", self._associated, peer, datagram, self._clock())

    def _associated(self, peer: Publisher | Subscriber, datagram: bytes, now: float) -> None:
        """A DTLS datagram of a client."""
        before = peer.state
        try:
            peer.dtls(datagram, now)
        except DtlsError:
            self._counters.drops["dtls"] += 1
            self._owner.over(peer, "dtls_failed")
            return
        if peer.said_goodbye:
            self._owner.over(peer, "bye")
        elif before is PeerState.CONNECTED:
            # Neither a goodbye nor a handshake: OpenSSL discarded it, or it was data that nobody expects.
            self._counters.drops["dtls"] += 1
        elif peer.state is PeerState.CONNECTED:
            self._owner.connected(peer, now)
