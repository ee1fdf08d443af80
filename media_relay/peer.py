"""One client of the node: its ICE credentials, DTLS association, SRTP contexts and present address."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Final

from media_relay.core.allowance import Allowance
from media_relay.core.figures import Figures
from media_relay.counters import Counters
from media_relay.ice import (
    Check,
    Credentials,
    answer_check,
    ask_consent,
    gives_consent,
    new_credentials,
)
from media_relay.sdp import Offer
from media_relay.seams.datagrams import Address, ConnectionAddress, Sender
from media_relay.seams.dtls import DtlsEndpoint, DtlsError, DtlsIdentity
from media_relay.seams.srtp import SrtpContext, SrtpError

CONNECT_TIMEOUT: Final = 20.0
"""Seconds from the offer until ICE and DTLS must be done."""
CONSENT_TIMEOUT: Final = 7.0
"""Seconds without an authenticated packet after which a client is gone (RFC 7675 allows 30).

What clients send by themselves leaves longer gaps: Chromium checks every 2.5 s and reports every second, but aioice and
Firefox check every 4 to 6 s and a receiver without a stream reports nothing, so that one lost check makes 12 s; libnice
waits 25 s. Hence who falls silent is asked, and only who does not answer nine questions in a row is gone.
"""
CONSENT_ASKED_AFTER: Final = 2.6
"""Seconds of silence: a client that checks as often as Chromium does is never asked."""
CONSENT_ASKED_EVERY: Final = 0.5
_MOVE_ASKED_EVERY: Final = 0.2
_MOVE_ASKED: Final = 10
"""Questions to a new address until it is given up."""
_CHECKS_RATE: Final = 50
"""Connectivity checks a second: a browser sends a dozen when it connects, and one in seconds later."""
_MAX_ADDRESSES: Final = 8
_MAX_DTLS_RESTARTS: Final = 16
_MAX_RTCP_SENDERS: Final = 32
_REPORTS_RATE: Final = 64_000
"""Bytes of authentic RTCP a second that are read: twenty times what a browser on a bad link sends."""
_REPORT_COST: Final = 64
"""Bytes each datagram counts for beside its own."""


class PeerState(enum.Enum):
    """Where a peer stands; only a connected one sends or receives media."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


@dataclass(slots=True)
class _Move:
    """A new address of a client that is asked there."""

    address: Address
    question: bytes
    transaction: bytes
    asked_at: float = float("-inf")
    asked: int = 0


class Peer:
    """What publishers and subscribers have in common. Times are monotonic seconds."""

    def __init__(
        self,
        session: str,
        offer: Offer,
        identity: DtlsIdentity,
        sender: Sender,
        counters: Counters,
        now: float,
    ) -> None:
        self.session = session
        self.figures = Figures(now)
        self.offer = offer
        self.state = PeerState.CONNECTING
        self.local = new_credentials()
        self.remote = Credentials(offer.ufrag, offer.password)
        self._former: Credentials | None = None
        self.addresses: dict[bytes, Address] = {}
        """Every address that passed a connectivity check, newest last."""
        self.inbound: SrtpContext | None = None
        self.outbound: SrtpContext | None = None
        self.context: Any = None
        """libsrtp's outbound context, once connected."""
        self._rtcp_senders: set[int] = set()
        self._reports = Allowance(_REPORTS_RATE, _REPORTS_RATE)
        self._identity = identity
        self._dtls = self._endpoint()
        self._restarts_left = _MAX_DTLS_RESTARTS
        self._sender = sender
        self._counters = counters
        self._address: Address | None = None
        self._created_at = now
        self.heard_at = now
        """When the last authentic packet came."""
        self._asked_at = now
        self._question: tuple[bytes, bytes] | None = None
        """The question that is open and its transaction; repeated as it was, so that a late answer counts."""
        self._move: _Move | None = None
        self._checks = tuple(Allowance(_CHECKS_RATE, 2 * _CHECKS_RATE) for _ in range(2))

    @property
    def video_types(self) -> frozenset[int]:
        """The payload types it negotiated for pictures, repairs included."""
        payloads = [
            p for section in self.offer.accepted if section.kind == "video" for p in section.payloads()
        ]
        return frozenset(number for p in payloads for number in (p.number, p.repair) if number)

    @property
    def destination(self) -> Address:
        """The client's address; only for a connected peer."""
        if self._address is None:
            raise RuntimeError("the peer has no address yet")
        return self._address

    def restart_ice(self, remote: Credentials) -> Credentials | None:
        """Take the client's new credentials and make own ones; the DTLS association stays (RFC 8842 section 5.5).

        The former ones stay good for checks under way, until the next restart. Returns those that are good no more.
        """
        self.remote, self._question, self._move = remote, None, None
        forgotten, self._former, self.local = self._former, self.local, new_credentials()
        return forgotten

    def _settle(self, address: Address) -> None:
        """Be sent to at this address from now on."""
        self._address = address

    def check(self, check: Check, address: Address, now: float) -> bool:
        """Answer a connectivity check that came from ``address``; false when it is not authentic."""
        former = self._former
        known = former if former is not None and former.ufrag == check.local_ufrag else self.local
        response = answer_check(check, known.password, address.host_port)
        if response is None:
            return False
        self.heard_at = now
        if address.raw not in self.addresses or check.nominated:
            self.addresses[address.raw] = address
        if self._address is None:
            self._settle(address)
        elif check.nominated:
            self._move_to(address, now)
        used = self.destination.raw
        while len(self.addresses) > _MAX_ADDRESSES:
            oldest = next(key for key in self.addresses if key != used)
            del self.addresses[oldest]
        self._sender.send(address, response)
        return True

    def lose(self, raw: bytes) -> None:
        """One of the client's connections ended: send to another of its addresses, where it has one."""
        self.addresses.pop(raw, None)
        if self._address is not None and self._address.raw == raw and self.addresses:
            self._settle(next(reversed(self.addresses.values())))

    def may_check(self, raw: bytes, now: float) -> bool:
        """Whether a check in this client's name is read now: each costs an HMAC, and names are no secret.

        Those from addresses that it has and those from others are counted apart, so that nobody can use up the measure
        that keeps a running session alive.
        """
        return self._checks[raw in self.addresses].take(1, now)

    def _move_to(self, address: Address, now: float) -> None:
        """Send to another address, once it is known that the client is there.

        A check proves who made it, not from where: repeated by somebody else, or sent under a false address, it would
        lead the lesson away. So a connected client is asked at the new address, and its media follows its answer.
        """
        if self.state is PeerState.CONNECTING or self._address is None or self._address.raw == address.raw:
            self._settle(address)
            return
        if self._move is None or self._move.address.raw != address.raw:
            self._move = _Move(address, *ask_consent(self.local, self.remote))
        self._repeat_move(now)

    def _repeat_move(self, now: float) -> None:
        move = self._move
        if move is None or now - move.asked_at < _MOVE_ASKED_EVERY:
            return
        if move.asked >= _MOVE_ASKED:
            self._move = None
            return
        move.asked_at = now
        move.asked += 1
        self._sender.send(move.address, move.question)

    def lively(self, now: float) -> bool:
        """Whether it is connected and was heard a moment ago: then its address is nobody else's."""
        return self.state is PeerState.CONNECTED and now - self.heard_at < CONSENT_ASKED_AFTER

    def ask_consent(self, now: float) -> None:
        """Ask a connected client that has been silent for a while whether it is there; to be called often."""
        self._repeat_move(now)
        silent = now - self.heard_at > CONSENT_ASKED_AFTER
        if self._address is None or not silent or now - self._asked_at < CONSENT_ASKED_EVERY:
            return
        self._asked_at = now
        if self._question is None:
            self._question = ask_consent(self.local, self.remote)
        self._sender.send(self._address, self._question[0])

    def take_consent(self, datagram: bytes, raw: bytes, now: float) -> bool:
        """Take what may be the answer to a question of ours, from the address ``raw``; false when it is not."""
        move = self._move
        if (
            move is not None
            and raw == move.address.raw
            and gives_consent(datagram, move.transaction, self.remote.password)
        ):
            self._move = None
            self._settle(move.address)
            self.heard_at = now
            return True
        question = self._question
        if question is None or not gives_consent(datagram, question[1], self.remote.password):
            return False
        self._question = None
        self.heard_at = now
        return True

    def dtls(self, datagram: bytes, now: float) -> None:
        """Take a DTLS datagram; raises :class:`~media_relay.seams.dtls.DtlsError` when the handshake fails.

        One that breaks a handshake before we said anything need not be the client's: it costs the handshake nothing.
        """
        try:
            answers = self._dtls.receive(datagram)
        except DtlsError:
            if self._dtls.answered or self._restarts_left <= 0:
                raise
            self._restarts_left -= 1
            self._counters.drops["dtls"] += 1
            self._dtls = self._endpoint()
            return
        self._send_all(answers)
        if self._dtls.complete and self.state is PeerState.CONNECTING:
            self.heard_at = now
            self.inbound, self.outbound = self._dtls.inbound, self._dtls.outbound
            self.context = self.outbound.context if self.outbound is not None else None
            self.state = PeerState.CONNECTED

    def _endpoint(self) -> DtlsEndpoint:
        return DtlsEndpoint(self._identity, self.offer.fingerprints, server=True)

    @property
    def over_tcp(self) -> bool:
        """Whether its media go over TCP."""
        return isinstance(self._address, ConnectionAddress)

    @property
    def said_goodbye(self) -> bool:
        """Whether the client closed the DTLS association."""
        return self._dtls.closed

    def expired(self, now: float) -> bool:
        """Whether the client never connected or was not heard of for too long."""
        if self.state is PeerState.CONNECTING:
            return now - self._created_at > CONNECT_TIMEOUT
        return now - self.heard_at > CONSENT_TIMEOUT

    def repeat_handshake(self) -> None:
        """Send the last DTLS flight again if its timer ran out."""
        if self._address is not None and not self._dtls.complete and self._dtls.timeout() == 0:
            try:
                self._send_all(self._dtls.handle_timeout())
            except DtlsError:
                self._counters.drops["dtls"] += 1

    def open_rtcp(self, datagram: bytes, now: float) -> bytes:
        """The plaintext of an SRTCP packet; raises :class:`~media_relay.seams.srtp.SrtpError`.

        A client that makes up senders would fill libsrtp's memory: only the first few are remembered. One that sends
        more than anybody needs to is not listened to for a moment.
        """
        if self.inbound is None:
            raise SrtpError("the peer has no keys yet")
        plain = self.inbound.unprotect_rtcp(datagram)
        sender = int.from_bytes(plain[4:8], "big")
        if sender not in self._rtcp_senders:
            if len(self._rtcp_senders) < _MAX_RTCP_SENDERS:
                self._rtcp_senders.add(sender)
            else:
                self.inbound.forget(sender)
                raise SrtpError("too many senders of reports")
        if not self._reports.take(len(datagram) + _REPORT_COST, now):
            raise SrtpError("too many reports")
        return plain

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and queue a compound RTCP packet; nothing happens before the peer is connected."""
        if self.outbound is None or self._address is None:
            return
        try:
            self._sender.send(self._address, self.outbound.protect_rtcp(packet))
        except SrtpError:
            self._counters.drops["protect"] += 1

    def close(self) -> None:
        """Tell the client by close_notify and send nothing any more."""
        if self.state is not PeerState.CLOSED:
            self.state = PeerState.CLOSED
            self._send_all(self._dtls.close())

    def _send_all(self, datagrams: list[bytes]) -> None:
        if self._address is not None:
            for datagram in datagrams:
                self._sender.send(self._address, datagram)
