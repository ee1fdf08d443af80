"""Mail, with a real SMTP server at the other end."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from app.mail import Letter, MailRefused, MailServer, MailUnreachable, Postman, Security, mail_server_of
from app.settings import Settings
from tests.patience import PATIENCE
from tests.smtp import Inbox, certificate, mail_server

LETTER = Letter("wang@example.org", "新密码 A new password", "同堂\n.\nA line with a dot alone.\n")


@contextmanager
def postman(server: MailServer | None, **given: Any) -> Iterator[tuple[Postman, CollectorRegistry]]:
    registry = CollectorRegistry()
    made = Postman(server, registry, **given)
    try:
        yield made, registry
    finally:
        made.close()


def count(registry: CollectorRegistry, result: str) -> float | None:
    return registry.get_sample_value("tongtang_mail_total", {"result": result})


def plain(inbox: Inbox, **changes: Any) -> MailServer:
    wanted: dict[str, Any] = {"host": "127.0.0.1", "port": inbox.port, "sender": "tongtang@example.org"}
    return MailServer(**(wanted | {"security": Security.NONE} | changes))


def test_a_letter_arrives_as_it_was_written() -> None:
    with mail_server() as inbox:
        plain(inbox).deliver(LETTER)
        (raw,) = inbox.letters
    message = message_from_bytes(raw, policy=policy.default)
    assert (message["To"], message["From"]) == ("wang@example.org", "tongtang@example.org")
    assert message["Subject"] == LETTER.subject and message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().replace("\r\n", "\n") == LETTER.text


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_behind_tls_the_certificate_counts(tmp_path: Path, security: Security) -> None:
    served, trusted = certificate(tmp_path)
    with mail_server(served, security) as inbox:
        plain(inbox, host="localhost", security=security, trusted=trusted).deliver(LETTER)
        assert len(inbox.letters) == 1
        with pytest.raises(MailUnreachable):
            plain(inbox, host="localhost", security=security).deliver(LETTER)  # the system does not trust it
        assert len(inbox.letters) == 1


def test_without_the_encryption_that_was_asked_for_nothing_is_sent() -> None:
    with mail_server() as inbox:
        with pytest.raises(MailUnreachable):
            plain(inbox, security=Security.STARTTLS).deliver(LETTER)
        assert not inbox.letters


def test_a_wrong_password_and_a_refused_address_are_told_apart_from_no_server() -> None:
    with mail_server() as inbox:
        with pytest.raises(MailRefused):
            plain(inbox).deliver(Letter("refused@example.org", "x", "x"))
        with pytest.raises(MailUnreachable):
            plain(inbox).deliver(Letter("later@example.org", "x", "x"))
    with pytest.raises(MailUnreachable):
        plain(inbox).deliver(LETTER)  # it is gone


@given(
    st.sampled_from(["wang@example.org", "Wang Li <wang@example.org>", "a@b,c@d", "@x", "x@"]),
    st.sampled_from(["\r\nBcc: all@example.org", "\n", "\r", "\x00", " ", ",a@b", "@"]),
)
def test_nothing_gets_into_the_headers_by_an_address_or_a_subject(address: str, tail: str) -> None:
    with pytest.raises(MailRefused):
        Letter(address + tail, "Hello", "")
    if tail.strip(" ,a@b"):
        with pytest.raises(MailRefused):
            Letter("wang@example.org", "Hello" + tail, "")


def test_the_postman_sends_behind_the_request_and_tries_again() -> None:
    tried, go = Event(), Event()

    def pause(_seconds: float) -> None:
        tried.set()
        go.wait()

    with mail_server() as inbox, postman(plain(inbox), pause=pause) as (man, registry):
        man.post(Letter("later@example.org", "x", "x"))
        assert tried.wait(PATIENCE)  # the server said: not now
        inbox.taken.add("later@example.org")
        go.set()
        man.post(LETTER)
        man.close()
        assert len(inbox.letters) == 2
        assert count(registry, "sent") == 2


def test_without_a_server_letters_are_dropped_and_counted() -> None:
    with postman(None) as (man, registry):
        assert not man.works
        man.post(LETTER)
        assert count(registry, "dropped") == 1


def test_a_refused_letter_is_given_up_at_once() -> None:
    with mail_server() as inbox, postman(plain(inbox)) as (man, registry):
        man.post(Letter("refused@example.org", "x", "x"))
        man.close()
        assert count(registry, "refused") == 1


def test_the_settings_name_the_server(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hush\n")
    given = {"mail_host": "mail.example.org", "mail_sender": "tongtang@example.org", "mail_login": "tongtang"}
    server = mail_server_of(Settings.model_validate(given | {"mail_password_file": file}))
    assert server is not None
    assert (server.port, server.security, server.password) == (587, Security.STARTTLS, "hush")
    assert mail_server_of(Settings()) is None
    with pytest.raises(ValueError, match="is not like tongtang@example.org"):
        Settings(mail_host="mail.example.org", mail_sender="Tongtang\nBcc: x@example.org")
