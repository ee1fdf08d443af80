"""DTLS-SRTP (RFC 5764) as sans-IO: datagrams in, datagrams out, keys at the end.

aiortc gives the certificate, the OpenSSL context and the key derivation; its ``RTCDtlsTransport`` is not used because
it needs a task and a future per peer. Private names used: ``RTCCertificate._create_ssl_context`` and the profile
constants of ``aiortc.rtcdtlstransport``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

from aiortc import RTCCertificate, RTCDtlsFingerprint
from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AES128_CM_SHA1_80,
    X509_DIGEST_ALGORITHMS,
    certificate_digest,
)
from OpenSSL import SSL

from media_relay.seams.srtp import SrtpContext

# In order of preference; the DTLS server chooses, and the relay is always the server (RFC 7714 section 14.2).
_PROFILES: Final = (SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80)
_TAGS: Final = {SRTP_AEAD_AES_128_GCM.libsrtp_profile: 16, SRTP_AES128_CM_SHA1_80.libsrtp_profile: 10}
_MTU: Final = 1_200
_READ: Final = 16_384
_RECORD: Final = struct.Struct("!BBx8xH")
"""Type, the higher byte of the version, and the length; epoch and number are OpenSSL's matter."""
_DTLS: Final = 254
_CHANGE_CIPHER_SPEC: Final = 20
_HANDSHAKE: Final = 22
_EXPORTER: Final = b"EXTRACTOR-dtls_srtp"


class DtlsError(Exception):
    """The handshake cannot succeed: refused by OpenSSL, or the certificate is not the one announced in the SDP."""


class DtlsIdentity:
    """The node's certificate, its fingerprint and one OpenSSL context that all handshakes share."""

    def __init__(self) -> None:
        certificate = RTCCertificate.generateCertificate()
        self.fingerprint: RTCDtlsFingerprint = next(
            print_ for print_ in certificate.getFingerprints() if print_.algorithm == "sha-256"
        )
        self._context: Any = certificate._create_ssl_context(list(_PROFILES))

    def connection(self) -> Any:
        """A new OpenSSL connection over memory buffers."""
        return SSL.Connection(self._context)


class DtlsEndpoint:
    """One DTLS association. After :meth:`receive` returns true, :attr:`inbound` and :attr:`outbound` hold the keys."""

    __slots__ = (
        "_connection",
        "_fingerprints",
        "_server",
        "answered",
        "closed",
        "complete",
        "inbound",
        "outbound",
    )

    def __init__(
        self, identity: DtlsIdentity, fingerprints: Sequence[tuple[str, str]], *, server: bool
    ) -> None:
        """``fingerprints`` are the (algorithm, value) pairs of the peer's SDP (RFC 8122)."""
        self._connection = identity.connection()
        self._connection.set_ciphertext_mtu(_MTU)
        self._fingerprints = [(algorithm.lower(), value.upper()) for algorithm, value in fingerprints]
        self._server = server
        self.complete = False
        self.answered = False
        """Whether anything was sent, which the other side now holds us to."""
        self.closed = False
        self.inbound: SrtpContext | None = None
        self.outbound: SrtpContext | None = None
        if server:
            self._connection.set_accept_state()
        else:
            self._connection.set_connect_state()

    def start(self) -> list[bytes]:
        """The first flight of a client; nothing for a server. Returns datagrams to send."""
        self._handshake()
        return self._outgoing()

    def receive(self, datagram: bytes) -> list[bytes]:
        """Take one datagram; returns datagrams to send. Raises :class:`DtlsError` when the association is lost."""
        if self._server and not self.complete:
            datagram = handshake_records(datagram)
            if not datagram:
                return []
        try:
            self._connection.bio_write(datagram)
        except SSL.Error as error:
            raise DtlsError(f"no datagram: {error}") from error
        if not self.complete:
            self._handshake()
        else:
            self._read()
        return self._outgoing()

    def timeout(self) -> float | None:
        """Seconds until :meth:`handle_timeout` is due, or ``None``."""
        remaining: float | None = self._connection.DTLSv1_get_timeout()
        return remaining

    def handle_timeout(self) -> list[bytes]:
        """Repeat the last flight (RFC 6347 section 4.2.4); raises :class:`DtlsError` after too many repeats."""
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            raise DtlsError(f"handshake timed out: {error}") from error
        return self._outgoing()

    def close(self) -> list[bytes]:
        """A close_notify alert, if there is anybody to tell."""
        if self.complete and not self.closed:
            self.closed = True
            try:
                self._connection.shutdown()
            except SSL.Error:
                return []
            return self._outgoing()
        return []

    def _handshake(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            raise DtlsError(f"handshake failed: {error}") from error
        self._check_fingerprint()
        self._derive_keys()
        self.complete = True

    def _read(self) -> None:
        # No application data is expected: reading only lets OpenSSL see alerts and repeated flights. All there is must
        # be read, or a client that puts many records into a datagram fills our memory with what was not.
        try:
            while True:
                self._connection.recv(_READ)
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            raise DtlsError(f"association lost: {error}") from error

    def _outgoing(self) -> list[bytes]:
        try:
            data: bytes = self._connection.bio_read(_READ)
        except SSL.Error:
            return []
        self.answered = True
        return split_records(data)

    def _check_fingerprint(self) -> None:
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        known = [(a, v) for a, v in self._fingerprints if a in X509_DIGEST_ALGORITHMS]
        if certificate is None or not known:
            raise DtlsError("no certificate or no supported fingerprint")
        if any(certificate_digest(certificate, algorithm) != value for algorithm, value in known):
            raise DtlsError("the certificate does not match the fingerprint of the SDP")

    def _derive_keys(self) -> None:
        name = self._connection.get_selected_srtp_profile()
        profile = next((p for p in _PROFILES if p.openssl_profile == name), None)
        if profile is None:
            raise DtlsError("no common SRTP protection profile")
        size = 2 * (profile.key_length + profile.salt_length)
        material = self._connection.export_keying_material(_EXPORTER, size)
        client, server = profile.get_key_and_salt(material, 0), profile.get_key_and_salt(material, 1)
        outbound, inbound = (server, client) if self._server else (client, server)
        tag = _TAGS[profile.libsrtp_profile]
        self.inbound = SrtpContext(inbound, profile.libsrtp_profile, tag, inbound=True)
        self.outbound = SrtpContext(outbound, profile.libsrtp_profile, tag, inbound=False)


def handshake_records(datagram: bytes) -> bytes:
    """The records of a datagram that belong into a handshake; what is behind a torn one is left out.

    OpenSSL gives a handshake up over an alert in the clear, or over data, from whoever it comes: anybody who knows the
    client's address could end it (RFC 6347 section 4.1.2.7 has invalid records discarded).
    """
    kept = b""
    position = 0
    while position + _RECORD.size <= len(datagram):
        kind, major, length = _RECORD.unpack_from(datagram, position)
        end = position + _RECORD.size + length
        if major != _DTLS or end > len(datagram):
            break
        if kind in (_CHANGE_CIPHER_SPEC, _HANDSHAKE):
            kept += datagram[position:end]
        position = end
    return kept


def split_records(data: bytes) -> list[bytes]:
    """Cut what OpenSSL wrote into datagrams of whole records, each at most 1,200 bytes where the records allow.

    The memory buffer joins the records of a flight; a record must not be torn (RFC 6347 section 4.1).
    """
    datagrams: list[bytes] = []
    start = position = 0
    while position + 13 <= len(data):
        end = position + 13 + int.from_bytes(data[position + 11 : position + 13], "big")
        if end - start > _MTU and position > start:
            datagrams.append(data[start:position])
            start = position
        position = end
    if start < len(data):
        datagrams.append(data[start:])
    return datagrams
