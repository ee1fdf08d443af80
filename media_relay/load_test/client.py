"""What publishers and subscribers have in common: a socket, ICE as the controlling agent, DTLS-SRTP, RTCP."""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import Final

from aioice import stun

from media_relay.ice import answer_check, new_credentials, read_check
from media_relay.load_test.arrivals import BATCH, Arrivals, open_socket
from media_relay.load_test.description import Remote, read_answer, write_offer
from media_relay.seams import rtcp
from media_relay.seams.datagrams import SLOT
from media_relay.seams.dtls import DtlsEndpoint, DtlsError, DtlsIdentity
from media_relay.seams.srtp import SrtpContext, SrtpError

_CHECK_EVERY: Final = 0.100
_CONSENT_EVERY: Final = 4.0
"""Seconds between checks that keep the consent fresh (RFC 7675 section 5.1 asks for 4 to 6)."""
_PRIORITY: Final = (110 << 24) + (65_535 << 8) + 255
"""Of a peer-reflexive candidate (RFC 8445 section 5.1.2)."""
_MAX_CHECKS: Final = 64


class Client:
    """One media session from the client's side. Times are monotonic seconds."""

    publishing: bool

    def __init__(self, identity: DtlsIdentity) -> None:
        self._identity = identity
        self._local = new_credentials()
        self._remote: Remote | None = None
        self._dtls: DtlsEndpoint | None = None
        self._tie_breaker = secrets.randbits(64)
        self._checks: dict[bytes, tuple[str, int]] = {}
        self._check_at = 0.0
        self._chosen: tuple[str, int] | None = None
        self._nominated = False
        self.socket: socket.socket | None = None
        self.inbound: SrtpContext | None = None
        self.outbound: SrtpContext | None = None
        self.connected = asyncio.Event()
        self.failure = ""
        """Why the session ended by itself, for a person."""
        self.dropped = 0
        """Datagrams that could not be sent, or did not authenticate."""

    def offer(self) -> str:
        """The offer to post."""
        return write_offer(self._local, self._identity.fingerprint.value, publishing=self.publishing)

    def connect(self, answer: str) -> socket.socket:
        """Take the answer and open the socket; raises ``AnswerError``. Checks begin at the next :meth:`tick`."""
        remote = self._remote = read_answer(answer)
        self.socket = open_socket(remote.candidates[0][0])
        self._dtls = DtlsEndpoint(self._identity, remote.fingerprints, server=remote.is_dtls_client)
        self.accepted(remote)
        return self.socket

    def accepted(self, remote: Remote) -> None:
        """The answer is known."""

    def tick(self, now: float) -> None:
        """Checks, handshake timers and whatever else is due; about every 20 ms."""
        if now >= self._check_at:
            self._check(now)
        dtls = self._dtls
        if dtls is not None and self._chosen is not None and not dtls.complete and dtls.timeout() == 0:
            self._send_all(dtls.handle_timeout())

    def drain(self, arrivals: Arrivals, now: float) -> None:
        """Read everything that has arrived."""
        if self.socket is None:
            return
        view = arrivals.view
        while True:
            lengths = arrivals.receive(self.socket)
            index, count = 0, len(lengths)
            while index < count:
                length, start = lengths[index], index * SLOT
                first = view[start]
                taken = 1
                if length < 12:
                    self.dropped += 1
                elif 128 <= first <= 191 and not 192 <= view[start + 1] <= 223:
                    taken = self.run(arrivals, index, lengths, now)
                    if not taken:
                        self.media(arrivals, index, length, now)
                else:
                    self._control(bytes(view[start : start + length]), now)
                index += taken or 1
            if len(lengths) < BATCH:
                return

    def run(self, arrivals: Arrivals, index: int, lengths: list[int], now: float) -> int:
        """Take the ordinary RTP packets of one source with which the rest of a batch begins; returns how many."""
        return 0

    def media(self, arrivals: Arrivals, index: int, length: int, now: float) -> None:
        """An RTP packet arrived, still protected."""

    def feedback(self, packets: list[rtcp.AnyRtcpPacket], now: float) -> None:
        """A compound RTCP packet arrived."""

    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound RTCP packet, once connected."""
        if self.outbound is not None:
            self.send(self.outbound.protect_rtcp(packet))

    def send(self, datagram: bytes) -> None:
        """Send to the chosen candidate; what the kernel does not take is counted and lost, as on a network."""
        if self.socket is None:
            return
        try:
            self.socket.send(datagram)
        except OSError:
            self.dropped += 1

    def close(self) -> None:
        """Tell the server by close_notify and close the socket."""
        if self.socket is not None:
            if self._dtls is not None:
                self._send_all(self._dtls.close())
            self.socket.close()
            self.socket = None

    def _control(self, datagram: bytes, now: float) -> None:
        first = datagram[0]
        if first < 4:
            self._stun(datagram, now)
        elif 20 <= first <= 63:
            self._handshake(datagram, now)
        elif 128 <= first <= 191 and self.inbound is not None:
            try:
                self.feedback(rtcp.parse(self.inbound.unprotect_rtcp(datagram)), now)
            except (SrtpError, rtcp.RtcpError):
                self.dropped += 1

    def _check(self, now: float) -> None:
        """Check every candidate until one answers; nominate that one until it answers again; then keep consent.

        One pair alone may be nominated (RFC 8445 section 7.2.2): a lite agent sends to the last one that was.
        """
        remote, sock = self._remote, self.socket
        if remote is None or sock is None:
            return
        self._check_at = now + (_CONSENT_EVERY if self._nominated else _CHECK_EVERY)
        if self._chosen is not None:
            self.send(self._request(remote, self._chosen))
            return
        for candidate in remote.candidates:
            try:
                sock.sendto(self._request(remote, candidate), candidate)
            except OSError:
                self.dropped += 1

    def _request(self, remote: Remote, candidate: tuple[str, int]) -> bytes:
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{remote.credentials.ufrag}:{self._local.ufrag}"
        request.attributes["PRIORITY"] = _PRIORITY
        request.attributes["ICE-CONTROLLING"] = self._tie_breaker
        if self._chosen is not None:
            request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(remote.credentials.password.encode())
        if len(self._checks) >= _MAX_CHECKS:
            del self._checks[next(iter(self._checks))]
        self._checks[request.transaction_id] = candidate
        return bytes(request)

    def _stun(self, datagram: bytes, now: float) -> None:
        check = read_check(datagram)
        if check is not None:
            # A server that is a full ICE agent checks us too.
            if self.socket is not None and self._chosen is not None:
                answer = answer_check(check, self._local.password, self.socket.getpeername()[:2])
                if answer is not None:
                    self.send(answer)
            return
        candidate = self._checks.pop(datagram[8:20], None)
        if candidate is None or self._remote is None:
            return
        try:
            response = stun.parse_message(datagram)
        except ValueError:
            return
        if response.message_class is not stun.Class.RESPONSE or not response.check_message_integrity(
            self._remote.credentials.password.encode()
        ):
            return
        if self._chosen is None:
            self._choose(candidate, now)
        elif candidate == self._chosen and not self._nominated:
            self._nominated = True
            self._check_at = now + _CONSENT_EVERY

    def _choose(self, candidate: tuple[str, int], now: float) -> None:
        if self.socket is None or self._dtls is None:
            return
        self._chosen = candidate
        self._checks.clear()
        self.socket.connect(candidate)
        self._check(now)
        self._send_all(self._dtls.start())

    def _handshake(self, datagram: bytes, now: float) -> None:
        dtls = self._dtls
        if dtls is None:
            return
        try:
            self._send_all(dtls.receive(datagram))
        except DtlsError as error:
            self.failure = str(error)
            self.connected.set()
            return
        if dtls.closed:
            self.failure = self.failure or "the server closed the session"
        elif dtls.complete and self.inbound is None:
            self.inbound, self.outbound = dtls.inbound, dtls.outbound
            self.connected.set()

    def _send_all(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self.send(datagram)
