"""A real TURN server for tests: coturn on loopback, sharing a secret with whoever hands out credentials."""

import ipaddress
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.patience import PATIENCE
from tests.ports import free_port


@dataclass(frozen=True, slots=True)
class Coturn:
    """A running ``turnserver``; one port takes UDP and TCP, another one TLS."""

    port: int
    tls_port: int
    certificate: Path
    secret: str = field(repr=False)
    log: Path

    @property
    def udp(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=udp"

    @property
    def tcp(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=tcp"

    @property
    def tls(self) -> str:
        return f"turns:127.0.0.1:{self.tls_port}?transport=tcp"

    def settings(self, *urls: str) -> dict[str, str]:
        """The environment of a server that hands these URLs out."""
        return {
            "TONGTANG_TURN_URLS": ",".join(urls),
            "TONGTANG_TURN_SECRET": self.secret,
            # coturn relays from loopback here, so that is where the relay has to be found.
            "TONGTANG_MEDIA_ADDRESSES": "127.0.0.1",
        }


@contextmanager
def running_coturn(folder: Path) -> Iterator[Coturn]:
    """Start coturn and end it."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate = folder / "certificate.pem"
    certificate.write_bytes(_self_signed())
    coturn = Coturn(free_port(), free_port(), certificate, secrets.token_urlsafe(16), folder / "coturn.log")
    with coturn.log.open("w") as log:
        process = subprocess.Popen(_command(coturn, folder), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait_until_ready(coturn, process)
        yield coturn
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _command(coturn: Coturn, folder: Path) -> list[str]:
    return [
        *("turnserver", "-n", "--verbose", "--log-file=stdout"),
        *("--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={coturn.port}"),
        *("--use-auth-secret", f"--static-auth-secret={coturn.secret}", "--realm=turn.example.org"),
        *(f"--tls-listening-port={coturn.tls_port}", f"--cert={coturn.certificate}"),
        *(f"--pkey={coturn.certificate}", "--no-dtls", "--no-rfc5780"),
        # As docs/operations.md has it: nobody is relayed anywhere but to the media of lessons.
        *("--denied-peer-ip=0.0.0.0-255.255.255.255", "--allowed-peer-ip=127.0.0.1"),
        # coturn insists on a password for its console wherever peers on loopback are allowed.
        *("--no-cli", f"--cli-password={secrets.token_hex(8)}", "--allow-loopback-peers"),
        *(f"--userdb={folder / 'turndb'}", f"--pidfile={folder / 'turnserver.pid'}"),
        # One thread of each kind serves a test.
        "--relay-threads=1",
    ]


def _wait_until_ready(coturn: Coturn, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", coturn.port)).close()
            return
        except OSError:
            time.sleep(0.05)  # another process: nothing of it can be awaited
    raise AssertionError(f"coturn did not start:\n{coturn.log.read_text()}")


def _self_signed() -> bytes:
    """A key and a certificate for 127.0.0.1, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "turn.example.org")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
