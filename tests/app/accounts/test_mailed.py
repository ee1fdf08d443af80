"""A forgotten password: links that are mailed, by a real SMTP server."""

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.mailed import whom_to_write
from app.accounts.models import MailedLink, Person
from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.audit.rules import Act
from app.main import create_app
from app.schools.models import OrgUnit
from app.settings import Settings
from tests import factories
from tests.smtp import Inbox, mail_server

NEW = "four words in a row"
ASK, FINISH, MINE = "/api/v1/password-resets", "/api/v1/password-resets/finish", "/api/v1/me/mail-address"


@dataclass(frozen=True)
class Post:
    """An application that sends mail, somebody who asks it, and what arrives."""

    app: FastAPI
    client: TestClient
    inbox: Inbox

    def ask(self, who: str) -> None:
        """Have a link to a new password mailed."""
        assert self.client.post(ASK, json={"who": who}).status_code == 202

    def finish(self, secret: str, password: str = NEW) -> str:
        """Choose a new password with a link; the code of the refusal, or nothing."""
        answer = self.client.post(FINISH, json={"secret": secret, "new_password": password})
        return "" if answer.status_code == 204 else str(answer.json()["code"])

    def mine(self, headers: dict[str, str]) -> tuple[str | None, bool]:
        """The address that somebody sees as theirs, and whether it was proven."""
        told = self.client.get(MINE, headers=headers).json()
        return told["address"], told["proven"]


@contextmanager
def post(settings: Settings) -> Iterator[Post]:
    """The application beside a mail server."""
    with mail_server() as inbox:
        given = {"mail_host": "127.0.0.1", "mail_port": inbox.port, "mail_security": "none"}
        given |= {"mail_sender": "tongtang@example.org", "public_url": "http://testserver"}
        app = create_app(Settings.model_validate(settings.model_dump() | given))
        yield Post(app, TestClient(app), inbox)
        app.state.postman.close()
        app.state.engine.dispose()


def newest(inbox: Inbox, number: int) -> tuple[str, str, str]:
    """To whom the letter of this number went, its text, and the secret of its link."""
    letter = message_from_bytes(inbox.wait(number)[number - 1], policy=policy.default)
    text = letter.get_content()
    found = re.search(r"http://testserver/[a-z-]+#(\S+)", text)
    return letter["To"], text, found[1] if found else ""


@dataclass(frozen=True)
class School:
    """Who enters addresses, and for whom."""

    unit: OrgUnit
    bureau: Person
    head: Person
    wang: Person
    li: Person
    """Has proven an address."""


@pytest.fixture
def school(session: Session) -> School:
    county = factories.county(session)
    unit = factories.school(session, county)
    li = factories.person(session, unit, Role.TEACHER, login="li")
    li.email, li.email_proven = "li@example.org", True
    made = School(
        unit,
        bureau=factories.person(session, county, Role.BUREAU_ADMIN),
        head=factories.person(session, unit, Role.SCHOOL_ADMIN),
        wang=factories.person(session, unit, Role.TEACHER, login="wang"),
        li=li,
    )
    session.commit()
    return made


def entered(to: Post, who: Person, address: str | None, headers: dict[str, str]) -> tuple[int, str]:
    """An admin enters an address for somebody; the status, and the code or whether it counts as proven."""
    answer = to.client.patch(f"/api/v1/people/{who.id}", json={"email": address}, headers=headers)
    return answer.status_code, answer.json().get("code") or str(answer.json()["email_proven"])


def trail(session: Session) -> list[uuid.UUID | None]:
    """Who changed an address, in order."""
    changed = select(AuditEvent.person_id).where(AuditEvent.act == Act.MAIL_ADDRESS_CHANGED)
    found = session.scalars(changed.order_by(AuditEvent.number)).all()
    session.rollback()
    return list(found)


def test_an_admin_enters_an_address_that_counts_and_whoever_had_one_is_told(
    settings: Settings, session: Session, school: School
) -> None:
    wang, head, bureau = school.wang, school.head, school.bureau
    with post(settings) as to:
        as_head, as_bureau, own = (factories.sign_in(to.client, who) for who in (head, bureau, wang))
        assert entered(to, wang, "wang", as_head)[0] == 422
        assert entered(to, wang, "Wang@example.org", as_head) == (200, "False")
        address, text, secret = newest(to.inbox, 1)
        assert (address, secret) == ("wang@example.org", "") and "An administrator entered" in text
        assert to.mine(own) == ("wang@example.org", False)
        to.ask("wang")
        _to, _text, waiting = newest(to.inbox, 2)
        # Another address: the link that waits is void, and the one from before is told.
        assert entered(to, wang, "wang.fang@example.org", as_head) == (200, "False")
        assert newest(to.inbox, 3)[0] == "wang@example.org" and "no longer" in newest(to.inbox, 3)[1]
        assert newest(to.inbox, 4)[0] == "wang.fang@example.org"
        assert to.finish(waiting) == "link.over"
        to.ask("wang")
        assert to.finish(newest(to.inbox, 5)[2]) == ""
        newest(to.inbox, 6)
        # Who looks after others has to prove it: nobody gets in by what somebody else entered.
        assert entered(to, head, "head@example.org", as_bureau) == (200, "False")
        newest(to.inbox, 7)
        to.ask(head.login)
        assert entered(to, bureau, "me@example.org", as_bureau) == (409, "person.oneself")
        assert entered(to, bureau, "bureau@example.org", as_head)[0] == 404
        assert entered(to, wang, None, as_head) == (200, "True")
        assert newest(to.inbox, 8)[0] == "wang.fang@example.org", "the admin got no letter before"
    assert trail(session) == [head.id, head.id, bureau.id, head.id]


def test_what_was_proven_has_a_say_for_a_week_whoever_got_in_meanwhile(
    settings: Settings, session: Session, school: School
) -> None:
    li, head = school.li, school.head
    with post(settings) as to:
        as_head = factories.sign_in(to.client, head)
        assert entered(to, li, "thief@example.org", as_head) == (200, "False")
        address, text, back = newest(to.inbox, 1)
        assert address == "li@example.org" and "within 7 days" in text
        to.ask("li")
        assert to.finish(newest(to.inbox, 3)[2], "words of a thief in a row") == ""
        assert entered(to, li, "thief2@example.org", as_head) == (200, "False")
        assert newest(to.inbox, 5)[0::2] == ("thief@example.org", ""), "what nobody proved takes nothing back"
        assert to.finish(back) == ""
        assert newest(to.inbox, 7)[0] == "thief2@example.org" and newest(to.inbox, 8)[0] == "li@example.org"
        assert to.finish(back) == "link.over"
        signed_in = to.client.post("/api/v1/token", data={"username": "li", "password": NEW}).json()
        assert to.mine({"Authorization": f"Bearer {signed_in['access_token']}"}) == ("li@example.org", True)
        # Until an admin resets the password.
        assert entered(to, li, None, as_head) == (200, "True")
        back = newest(to.inbox, 9)[2]
        assert to.client.post(f"/api/v1/people/{li.id}/reset-password", headers=as_head).is_success
        assert to.finish(back) == "link.over"
    assert trail(session) == [head.id, head.id, li.id, head.id]


def test_nobodys_mailbox_is_filled_by_admins_no_more_than_by_oneself(
    settings: Settings, school: School
) -> None:
    wang, head = school.wang, school.head
    with post(settings) as to:
        as_head = factories.sign_in(to.client, head)
        for who in ((head.id, wang.id), (wang.id, wang.id)):
            for _ in range(5):
                to.app.state.mail_limits.address.wait(who, time.monotonic())
        assert entered(to, wang, "wang@example.org", as_head) == (429, "mail.too_many")
        asked = {"address": "wang@example.org", "password": factories.PASSWORD}
        own = factories.bearer(to.app.state.keys, wang)
        assert to.client.put(MINE, json=asked, headers=own).json()["code"] == "mail.too_many"
        for _ in range(100):
            to.app.state.mail_limits.writer.wait(head.id, time.monotonic())
        duty = {"role": "teacher", "org_unit_id": str(school.unit.id)}
        admitted = {"login": "zhou", "name": "Zhou", "password": NEW, "email": "zhou@example.org"}
        refused = to.client.post("/api/v1/people", json={**admitted, "assignments": [duty]}, headers=as_head)
        assert (refused.status_code, refused.json()["code"]) == (429, "mail.too_many")


def test_whoever_forgot_the_password_gets_back_in_by_a_proven_address(
    settings: Settings, session: Session
) -> None:
    school = factories.school(session, factories.county(session))
    wang = factories.person(session, school, Role.TEACHER, login="wang")
    factories.person(session, school, Role.TEACHER, login="li")
    session.commit()
    with post(settings) as to:
        assert 'href="/forgot"' in to.client.get("/").text
        header = factories.sign_in(to.client, wang)
        an_address_counts_once_its_letter_was_opened(to, header)
        everybody_is_answered_the_same(to)
        secrets = each_letter_takes_the_place_of_the_one_before(to, session)
        a_good_password_ends_every_sign_in_and_the_link(to, *secrets, header)
        too_old_is_too_old_and_three_letters_an_hour_are_enough(to, session)
        an_address_can_be_taken_back(to, session, wang)
        a_network_asks_so_often_and_no_more(to)
        to.app.state.postman.close()
        assert len(to.inbox.letters) == 6


def an_address_counts_once_its_letter_was_opened(to: Post, header: dict[str, str]) -> None:
    def change(**wanted: str) -> Response:
        body = {"address": "Wang@Example.org", "password": factories.PASSWORD} | wanted
        return to.client.put(MINE, json=body, headers=header)

    assert change(password="not it at all").json()["code"] == "password.wrong"
    for none in ("wang", "a@b,c@example.org", "wang@example.org\r\nBcc: x@example.org", "wang@localhost"):
        assert change(address=none).status_code == 422
    assert change().status_code == 204
    address, _text, secret = newest(to.inbox, 1)
    assert address == "wang@example.org"
    waiting = {"offered": True, "address": None, "waiting": address, "proven": True}
    assert to.client.get(MINE, headers=header).json() == waiting
    to.ask("wang")  # nobody can be written to yet
    assert to.finish(secret) == "link.over", "it is good for another thing"
    opened = [to.client.post("/api/v1/mail-confirmations", json={"secret": secret}) for _ in range(2)]
    assert [each.status_code for each in opened] == [204, 404]
    assert to.client.get(MINE, headers=header).json()["address"] == address


def everybody_is_answered_the_same(to: Post) -> None:
    """And a letter goes to those who are there."""
    asked = ("li", "nobody", "x@example.org", "ｗang", " WANG ")
    answers = [to.client.post(ASK, json={"who": who}) for who in asked]
    assert len({(each.status_code, each.content) for each in answers}) == 1
    address, text, _secret = newest(to.inbox, 2)
    assert address == "wang@example.org" and "Hello wang" in text


def each_letter_takes_the_place_of_the_one_before(to: Post, session: Session) -> tuple[str, str]:
    """The secrets of both."""
    to.ask("WANG@example.org")
    first, second = newest(to.inbox, 2)[2], newest(to.inbox, 3)[2]
    stored = session.scalars(select(MailedLink.secret_hash)).all()
    session.rollback()
    assert len(stored) == 1 and second not in stored  # one at a time, and as a digest
    return first, second


def a_good_password_ends_every_sign_in_and_the_link(
    to: Post, first: str, second: str, header: dict[str, str]
) -> None:
    """A weak one uses nothing up."""
    assert to.finish(second, "wang-wang-wang") == "password.guessable"
    assert [to.finish(each) for each in (first, second, second)] == ["link.over", "", "link.over"]
    assert to.client.get(MINE, headers=header).json()["code"] == "token.void"
    assert "every device was signed out" in newest(to.inbox, 4)[1]


def too_old_is_too_old_and_three_letters_an_hour_are_enough(to: Post, session: Session) -> None:
    for _ in range(3):
        to.ask("wang")
    _to, _text, third = newest(to.inbox, 5)
    session.execute(update(MailedLink).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    session.commit()
    assert to.finish(third, NEW + "s") == "link.over"


def an_address_can_be_taken_back(to: Post, session: Session, wang: Person) -> None:
    form = {"username": "wang", "password": NEW}
    token = to.client.post("/api/v1/token", data=form).json()["access_token"]
    none, header = {"address": None, "password": NEW}, {"Authorization": f"Bearer {token}"}
    assert to.client.put(MINE, json=none, headers=header).status_code == 204
    assert "no longer the address" in newest(to.inbox, 6)[1]
    acts = session.scalars(select(AuditEvent.act).order_by(AuditEvent.number)).all()
    assert [acts.count(each) for each in (Act.MAIL_ADDRESS_CHANGED, Act.PASSWORD_RESET_ASKED)] == [2, 3]
    session.rollback()
    assert session.get_one(Person, wang.id, populate_existing=True).email is None


def a_network_asks_so_often_and_no_more(to: Post) -> None:
    for _ in range(60):
        to.app.state.mail_limits.network.wait("testclient", time.monotonic())
    assert to.client.post(ASK, json={"who": "wang"}).json()["code"] == "mail.too_many"


def test_a_link_that_waits_ends_with_the_password_it_was_asked_for_by(
    settings: Settings, session: Session
) -> None:
    """Whoever stole a sign-in and asked for an address of theirs must not get back in after it was taken away."""
    school = factories.school(session, factories.county(session))
    wang = factories.person(session, school, Role.TEACHER, login="wang")
    admin = factories.person(session, school, Role.SCHOOL_ADMIN, login="head")
    session.commit()
    with post(settings) as to:
        client, inbox = to.client, to.inbox
        head = factories.sign_in(client, admin)

        def changed(header: dict[str, str]) -> None:
            passwords = {"old_password": factories.PASSWORD, "new_password": NEW}
            assert client.post("/api/v1/me/password", json=passwords, headers=header).status_code == 204

        def closed_and_opened(_: dict[str, str]) -> None:
            for act in ("close", "open"):
                assert client.post(f"/api/v1/people/{wang.id}/{act}", headers=head).is_success

        def reset(_: dict[str, str]) -> None:
            assert client.post(f"/api/v1/people/{wang.id}/reset-password", headers=head).is_success

        password = factories.PASSWORD
        for number, end in enumerate((changed, closed_and_opened, reset), start=1):
            form = {"username": "wang", "password": password}
            token = client.post("/api/v1/token", data=form).json()["access_token"]
            header = {"Authorization": f"Bearer {token}"}
            theirs = {"address": f"thief{number}@example.org", "password": password}
            assert client.put(MINE, json=theirs, headers=header).status_code == 204
            address, _text, secret = newest(inbox, number)
            assert address == theirs["address"]
            end(header)
            refused = client.post("/api/v1/mail-confirmations", json={"secret": secret})
            assert refused.json()["code"] == "link.over", end.__name__
            password = NEW
        assert session.get_one(Person, wang.id, populate_existing=True).email is None
        session.rollback()


def test_without_a_mail_server_the_admin_is_asked(client: TestClient) -> None:
    assert client.post(ASK, json={"who": "wang"}).json()["code"] == "mail.none"
    assert 'href="/forgot"' not in client.get("/").text


def test_addresses_that_nobody_proved_do_not_crowd_out_the_owner(session: Session) -> None:
    county = factories.county(session)
    for login in ("a1", "a2", "a3", "zhao"):
        made = factories.person(session, county, Role.TEACHER, login=login)
        made.email, made.email_proven = "zhao@example.org", login == "zhao"
    session.flush()
    assert [each.login for each in whom_to_write(session, "zhao@example.org")] == ["zhao", "a1", "a2"]
