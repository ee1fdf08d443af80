"""Mail: the one way out by SMTP (RFC 5321), for notices and for links to a new password.

`MailServer.deliver` sends one letter and says how it went; whoever keeps letters of their own until they are gone uses
it. `Postman.post` takes a letter and returns at once: nobody's request waits for a mail server, and the time of an
answer does not tell whether a letter was sent.

    MailError
    ├── MailRefused      the server does not take this letter; trying again is of no use
    └── MailUnreachable  not now: no server, no connection, or it is busy
"""

import smtplib
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from enum import StrEnum
from threading import Lock
from typing import Final
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter

from app.settings import MAIL_ADDRESS, Settings

_log = structlog.stdlib.get_logger(__name__)

LONGEST_ADDRESS: Final = 254
TIMEOUT: Final = 10.0
MOST_WAITING: Final = 200
PAUSES: Final = (2.0, 10.0)
"""Seconds before a letter is tried again."""


class MailError(Exception):
    """A letter was not sent; the text names no address."""


class MailRefused(MailError):
    """The server does not take this letter."""


class MailUnreachable(MailError):
    """The server cannot be asked at the moment."""


class Security(StrEnum):
    """How the connection is encrypted."""

    TLS = "tls"  # from the first byte, RFC 8314 §3.3
    STARTTLS = "starttls"  # RFC 3207; never without
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter to one address. Raises `MailRefused` for what could end a header and begin another one."""

    to: str
    subject: str
    text: str
    reference: str | None = None
    """Letters with the same one are the same letter, tried again; a mail program shows them once."""

    def __post_init__(self) -> None:
        if len(self.to) > LONGEST_ADDRESS or not MAIL_ADDRESS.fullmatch(self.to):
            raise MailRefused("the address is not like name@example.org")
        if any(ord(letter) < 32 or letter == "\x7f" for letter in self.subject):
            raise MailRefused("the subject has more than one line")


@dataclass(frozen=True)
class MailServer:
    """A server that takes our letters."""

    host: str
    port: int
    sender: str
    security: Security = Security.STARTTLS
    login: str = ""
    password: str = field(default="", repr=False)
    trusted: ssl.SSLContext | None = None
    """Whose certificates count; those the system trusts unless given."""

    def deliver(self, letter: Letter) -> None:
        """Hand a letter over; raises `MailError`. Takes up to some `TIMEOUT`s, so never call it on the event loop."""
        message = self._written(letter)
        try:
            with self._connected() as server:
                if self.login:
                    server.login(self.login, self.password)
                server.send_message(message)
        except smtplib.SMTPResponseException as error:
            kind = MailRefused if 500 <= error.smtp_code < 600 else MailUnreachable
            raise kind(f"the mail server answers {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            kind = MailRefused if 500 <= code < 600 else MailUnreachable
            raise kind(f"the mail server does not take the address: {code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailUnreachable(f"{self.host}:{self.port}: {type(error).__name__}") from None

    def _connected(self) -> smtplib.SMTP:
        context = self.trusted or ssl.create_default_context()
        if self.security is Security.TLS:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
        if self.security is Security.STARTTLS:
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server

    def _message_id(self, reference: str | None) -> str:
        domain = self.sender.rpartition("@")[2]
        return f"<{reference or uuid4()}@{domain}>"

    def _written(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = formatdate()
        message["Message-ID"] = self._message_id(letter.reference)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office replies stay away
        message.set_content(letter.text)
        return message


def mail_server_of(settings: Settings) -> MailServer | None:
    """The server that the settings name; None when they name none."""
    if not settings.mail_host:
        return None
    return MailServer(
        settings.mail_host,
        settings.mail_port,
        settings.mail_sender,
        Security(settings.mail_security),
        settings.mail_login,
        settings.mail_password.get_secret_value(),
    )


class Postman:
    """Sends letters behind requests: in one thread of its own, so many waiting and no more, each tried thrice."""

    def __init__(
        self,
        server: MailServer | None,
        registry: CollectorRegistry,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server
        self._pause = pause
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="mail")
        self._lock = Lock()
        self._waiting = 0
        self._closing = False
        self._letters = Counter(
            "tongtang_mail", "Letters, by what became of them", ["result"], registry=registry
        )

    @property
    def works(self) -> bool:
        """Whether there is a mail server at all."""
        return self._server is not None

    def post(self, letter: Letter) -> None:
        """Take a letter; it is dropped and counted when there is no server or too many wait."""
        with self._lock:
            if self._server is None or self._closing or self._waiting >= MOST_WAITING:
                self._letters.labels("dropped").inc()
                return
            self._waiting += 1
            self._threads.submit(self._send, self._server, letter)

    def close(self) -> None:
        """Send what was taken, once each, and stop."""
        with self._lock:
            self._closing = True
        self._threads.shutdown()

    def _send(self, server: MailServer, letter: Letter) -> None:
        try:
            self._letters.labels(self._tried(server, letter)).inc()
        finally:
            with self._lock:
                self._waiting -= 1

    def _tried(self, server: MailServer, letter: Letter) -> str:
        for pause in (*PAUSES, None):
            try:
                server.deliver(letter)
                return "sent"
            except MailRefused as error:
                _log.warning("mail refused", reason=str(error))
                return "refused"
            except MailUnreachable as error:
                _log.warning("mail not sent", reason=str(error))
                if pause is None or self._closing:
                    break
                self._pause(pause)
        return "failed"
