"""A real SMTP server for tests, in a thread of its own (aiosmtpd)."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Condition
from typing import Any

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.mail import Security
from tests.patience import PATIENCE


@dataclass
class Inbox:
    """What arrived. It refuses refused@…, and later@… until that is among `taken`."""

    port: int = 0
    letters: list[bytes] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    _came: Condition = field(default_factory=Condition)

    def wait(self, number: int = 1) -> list[bytes]:
        """The letters, once there are as many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.letters) >= number, PATIENCE), "no mail came"
            return list(self.letters)

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address.startswith("refused@"):
            return "550 no such mailbox"
        if address.startswith("later@") and address not in self.taken:
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        with self._came:
            self.letters.append(envelope.content)
            self._came.notify_all()
        return "250 OK"


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, security: Security = Security.NONE) -> Iterator[Inbox]:
    """An SMTP server on a free port."""
    inbox = Inbox()
    ways: dict[str, Any] = {}
    if security is Security.TLS:
        ways = {"ssl_context": tls}
    elif security is Security.STARTTLS:
        ways = {"tls_context": tls, "require_starttls": True}
    controller = _Controller(inbox, hostname="127.0.0.1", port=0, ready_timeout=PATIENCE, **ways)
    controller.start()
    inbox.port = controller.port
    try:
        yield inbox
    finally:
        controller.stop()


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """Aiosmtpd knocks at its port to see that it listens: the one it got, when it asked for 0."""
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side and a client's side of a certificate for localhost that nobody else trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    private = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, private, plain)
    )
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(file)
    return served, ssl.create_default_context(cafile=str(file))
