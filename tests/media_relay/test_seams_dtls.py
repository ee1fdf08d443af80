"""What the relay assumes of aiortc's DTLS and pyOpenSSL, shown against aiortc's own transport."""

import asyncio
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiortc.rtcdtlstransport
import pytest
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from OpenSSL import SSL

from media_relay.seams.dtls import DtlsEndpoint, DtlsError, DtlsIdentity, split_records
from tests.patience import PATIENCE


def shake(client: DtlsEndpoint, server: DtlsEndpoint) -> None:
    """Carry datagrams both ways until both sides are done."""
    to_server = client.start()
    for _ in range(10):
        to_client = [d for datagram in to_server for d in server.receive(datagram)]
        to_server = [d for datagram in to_client for d in client.receive(datagram)]
        if not to_server and client.complete and server.complete:
            return
    raise AssertionError("the handshake did not end")


def endpoints() -> tuple[DtlsEndpoint, DtlsEndpoint]:
    """A client and a server that know each other's fingerprint, connected."""
    one, other = DtlsIdentity(), DtlsIdentity()
    client = DtlsEndpoint(one, [("sha-256", other.fingerprint.value)], server=False)
    server = DtlsEndpoint(other, [("SHA-256", one.fingerprint.value.lower())], server=True)
    shake(client, server)
    return client, server


class Wire:
    """The part of an ICE transport that aiortc's DTLS transport uses; its other end is our endpoint."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self.state = "completed"

    async def _recv(self) -> bytes:
        return await self.incoming.get()

    async def _send(self, data: bytes) -> None:
        self.outgoing.put_nowait(data)


async def carry(wire: Wire, endpoint: DtlsEndpoint) -> None:
    while True:
        for reply in endpoint.receive(await wire.outgoing.get()):
            wire.incoming.put_nowait(reply)


def test_aiortc_as_the_client_agrees_on_gcm_and_the_same_keys() -> None:
    async def scenario() -> None:
        identity, certificate = DtlsIdentity(), RTCCertificate.generateCertificate()
        wire = Wire("controlling")
        transport = RTCDtlsTransport(wire, [certificate])  # type: ignore[arg-type]
        transport._set_role("client")
        prints = [(f.algorithm, f.value) for f in certificate.getFingerprints()]
        ours = DtlsEndpoint(identity, prints, server=True)
        pump = asyncio.create_task(carry(wire, ours))
        remote = RTCDtlsParameters([RTCDtlsFingerprint("sha-256", identity.fingerprint.value)])
        async with asyncio.timeout(PATIENCE):
            await transport.start(remote)
        assert transport.state == "connected"
        assert ours.complete and ours.outbound is not None and ours.inbound is not None
        assert ours.outbound.tag == 16, "AES-128-GCM has a tag of 16 bytes, SHA1-80 of 10"
        plain = b"\x80\x60" + bytes(10) + b"picture"
        assert transport._rx_srtp.unprotect(ours.outbound.protect(plain)) == plain
        assert ours.inbound.unprotect(transport._tx_srtp.protect(plain)) == plain
        pump.cancel()
        await transport.stop()

    asyncio.run(scenario())


def test_the_private_names_used_are_there() -> None:
    assert callable(RTCCertificate._create_ssl_context)
    for name in (
        "SRTP_AEAD_AES_128_GCM",
        "SRTP_AES128_CM_SHA1_80",
        "X509_DIGEST_ALGORITHMS",
        "certificate_digest",
    ):
        assert hasattr(aiortc.rtcdtlstransport, name)
    profile = aiortc.rtcdtlstransport.SRTP_AEAD_AES_128_GCM
    assert (profile.key_length, profile.salt_length) == (16, 12)
    assert profile.openssl_profile == b"SRTP_AEAD_AES_128_GCM"
    for name in (
        "bio_write",
        "bio_read",
        "DTLSv1_get_timeout",
        "DTLSv1_handle_timeout",
        "set_ciphertext_mtu",
    ):
        assert hasattr(SSL.Connection, name)


def test_the_server_takes_gcm_whatever_the_client_prefers() -> None:
    one, other = DtlsIdentity(), DtlsIdentity()
    certificate = RTCCertificate.generateCertificate()
    profiles: Any = [
        aiortc.rtcdtlstransport.SRTP_AES128_CM_SHA1_80,
        aiortc.rtcdtlstransport.SRTP_AEAD_AES_128_GCM,
    ]
    one._context = certificate._create_ssl_context(profiles)
    value = next(f.value for f in certificate.getFingerprints() if f.algorithm == "sha-256")
    client = DtlsEndpoint(one, [("sha-256", other.fingerprint.value)], server=False)
    server = DtlsEndpoint(other, [("sha-256", value)], server=True)
    shake(client, server)
    assert server.outbound is not None and server.outbound.tag == 16


def test_a_client_with_sha1_only_is_served_too() -> None:
    one, other = DtlsIdentity(), DtlsIdentity()
    certificate = RTCCertificate.generateCertificate()
    one._context = certificate._create_ssl_context([aiortc.rtcdtlstransport.SRTP_AES128_CM_SHA1_80])
    value = next(f.value for f in certificate.getFingerprints() if f.algorithm == "sha-256")
    client = DtlsEndpoint(one, [("sha-256", other.fingerprint.value)], server=False)
    server = DtlsEndpoint(other, [("sha-256", value)], server=True)
    shake(client, server)
    assert server.outbound is not None and server.outbound.tag == 10


def test_a_certificate_other_than_the_announced_one_is_refused() -> None:
    one, other = DtlsIdentity(), DtlsIdentity()
    client = DtlsEndpoint(one, [("sha-256", other.fingerprint.value)], server=False)
    server = DtlsEndpoint(other, [("sha-256", other.fingerprint.value)], server=True)
    with pytest.raises(DtlsError, match="does not match"):
        shake(client, server)
    assert not server.complete and server.outbound is None


def test_a_fingerprint_of_an_unknown_algorithm_alone_is_refused() -> None:
    one, other = DtlsIdentity(), DtlsIdentity()
    client = DtlsEndpoint(one, [("sha-256", other.fingerprint.value)], server=False)
    server = DtlsEndpoint(other, [("sha-3", one.fingerprint.value)], server=True)
    with pytest.raises(DtlsError, match="no supported fingerprint"):
        shake(client, server)


def test_a_goodbye_reaches_the_other_side() -> None:
    client, server = endpoints()
    farewell = client.close()
    assert farewell and client.close() == []
    for datagram in farewell:
        server.receive(datagram)
    assert server.closed


def test_records_that_nobody_reads_do_not_pile_up() -> None:
    client, server = endpoints()
    records = []
    for i in range(40):
        client._connection.send(b"%d" % i)
        records.append(client._connection.bio_read(16_384))
    server.receive(b"".join(records))
    # Everything was taken out: had one record only been read per datagram, the next read would find another one.
    with pytest.raises(SSL.WantReadError):
        server._connection.recv(16_384)


def test_a_lost_flight_is_repeated() -> None:
    with ThreadPoolExecutor(4) as at_once:  # each waits a second for its timer
        assert list(at_once.map(_recovers_without_flight, range(4))) == [True] * 4


def _recovers_without_flight(lost: int) -> bool:
    one, other = DtlsIdentity(), DtlsIdentity()
    client = DtlsEndpoint(one, [("sha-256", other.fingerprint.value)], server=False)
    server = DtlsEndpoint(other, [("sha-256", one.fingerprint.value)], server=True)
    flights = itertools.count()

    def deliver(datagrams: list[bytes], receiver: DtlsEndpoint) -> list[bytes]:
        if next(flights) == lost:
            return []
        return [reply for datagram in datagrams for reply in receiver.receive(datagram)]

    to_server = client.start()
    for _ in range(10):
        to_server = deliver(deliver(to_server, server), client)
        if client.complete and server.complete:
            return True
        if not to_server:
            time.sleep(client.timeout() or 0)
            to_server = client.handle_timeout()
    return False


def test_no_handshake_datagram_is_larger_than_the_path_carries() -> None:
    one, other = DtlsIdentity(), DtlsIdentity()
    client = DtlsEndpoint(one, [("sha-256", other.fingerprint.value)], server=False)
    server = DtlsEndpoint(other, [("sha-256", one.fingerprint.value)], server=True)
    flights = [client.start()]
    for _ in range(3):
        flights.append([d for datagram in flights[-1] for d in server.receive(datagram)])
        flights.append([d for datagram in flights[-1] for d in client.receive(datagram)])
    assert client.complete
    assert all(0 < len(datagram) <= 1_200 for flight in flights for datagram in flight)


def test_records_are_never_torn() -> None:
    records = [
        bytes((22, 254, 253)) + bytes(8) + n.to_bytes(2, "big") + bytes(n)
        for n in (500, 600, 300, 0, 1_300, 5)
    ]
    datagrams = split_records(b"".join(records))
    assert b"".join(datagrams) == b"".join(records)
    assert datagrams == [b"".join(records[:2]), records[2] + records[3], records[4], records[5]]
