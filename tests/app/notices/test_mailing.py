"""Notices by mail: to those who want it, gathered, tried until the server takes them, and told once."""

import asyncio
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Person
from app.accounts.rules import Role
from app.database import SessionFactory
from app.keys import Keys
from app.lessons.models import Lesson
from app.mail import MailServer, Security
from app.notices import mailing
from app.notices.models import NoticeLetter
from app.notices.outbox import Outbox
from app.notices.posting import Poster
from app.notices.retrying import DeliveryState
from tests import counties, factories
from tests.smtp import Inbox, mail_server

SETTINGS = "/api/v1/me/notices/settings"


def letters_in(inbox: Inbox) -> list[EmailMessage]:
    found = [message_from_bytes(each, policy=policy.default) for each in inbox.letters]
    assert all(isinstance(each, EmailMessage) for each in found)
    return found


def test_whoever_wants_it_is_mailed_one_letter_of_all_that_happened(
    client: TestClient,
    session: Session,
    session_factory: SessionFactory,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    county = counties.county(session, first_day=counties.tomorrow(), weeks=2)
    teacher, refused, later = county.teacher, *(site.assistant for site in county.sites)
    for person, address in ((teacher, "teacher@x.org"), (refused, "refused@x.org"), (later, "later@x.org")):
        person.email = address
    session.flush()
    abroad = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    plan = county.schedule(session, weekday=counties.tomorrow().isoweekday())
    lessons = session.scalars(
        select(Lesson).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.starts_at)
    ).all()
    session.commit()
    monkeypatch.setattr(mailing, "GATHER", timedelta(0))

    def outbox(port: int) -> Outbox:
        server = MailServer("127.0.0.1", port, "tongtang@county.example", Security.NONE)
        registry = CollectorRegistry()
        return Outbox(session_factory, registry, keys, Poster(()), server, "https://lessons.example.org")

    def act() -> None:
        asyncio.run(sending.spread())
        asyncio.run(sending.send())

    def want(person: Person, mail: bool, language: str = "en") -> None:
        body = {"mail": mail, "language": language}
        headers = factories.bearer(keys, person)
        assert client.get(SETTINGS, headers=headers).status_code == 200
        address = person.email if person.email_proven else None
        assert client.put(SETTINGS, headers=headers, json=body).json() == body | {"address": address}

    def states() -> dict[str, set[str]]:
        with session_factory() as reading:
            found: dict[str, set[str]] = {}
            query = select(Person.email, NoticeLetter.state).join(Person, Person.id == NoticeLetter.person_id)
            for address, state in reading.execute(query):
                found.setdefault(str(address), set()).add(state.value)
            return found

    with mail_server() as inbox:
        sending = outbox(inbox.port)
        act()
        assert inbox.letters == [] and states() == {}, "nobody asked for mail"
        want(teacher, True, "zh")
        want(refused, True)
        want(later, True)
        bureau = factories.bearer(keys, county.bureau)
        for lesson in lessons:
            path, body = f"/api/v1/lessons/{lesson.id}/cancel", {"reason": "Snow"}
            assert client.post(path, headers=bureau, json=body).is_success
        act()
        (letter,) = letters_in(inbox)
        assert (letter["To"], letter["Subject"]) == ("teacher@x.org", "2 条课次通知")
        text = letter.get_content()
        assert text.count("课次已取消:Grade 3 English") == 2 and "https://lessons.example.org" in text
        gave_up = {"teacher@x.org": {"delivered"}, "refused@x.org": {"dead"}, "later@x.org": {"waiting"}}
        assert states() == gave_up
        lost = client.get("/api/v1/undelivered-letters?limit=1", headers=bureau).json()
        assert lost["next"] and lost["items"][0]["person_id"] == str(refused.id)
        assert "address" in lost["items"][0]["problem"] and lost["items"][0]["attempts"] == 1
        following = client.get(f"/api/v1/undelivered-letters?after={lost['next']}", headers=bureau).json()
        assert len(following["items"]) == 1 and following["next"] is None
        again = "/api/v1/undelivered-letters/send-again"
        assert client.post(again, headers=factories.bearer(keys, abroad)).json() == {"letters": 0}
        assert client.post(again, headers=bureau).json() == {"letters": 2}
        assert states()["refused@x.org"] == {"waiting"}
        act()
        assert states() == gave_up, "it was tried, and the server still does not take it"
        assert len(inbox.letters) == 1, "told once, and the other has to wait"

        inbox.taken.add("later@x.org")
        with session_factory.begin() as passing:
            passing.execute(update(NoticeLetter).values(next_at=datetime.now(UTC)))
        with (
            session_factory() as dying
        ):  # a server that dies after the mail server took it, before it is noted
            (post,) = mailing.claim(dying, datetime.now(UTC), "")
        act()
        assert letters_in(inbox)[1]["Message-ID"] == f"<{post.letter_ids[0]}@county.example>"

    want(teacher, False)
    sending = outbox(1)  # nobody listens there any more
    path, moved = f"/api/v1/lessons/{lessons[0].id}/make-up", {"date": str(lessons[0].date), "period": 2}
    assert client.post(path, headers=bureau, json=moved).is_success
    act()
    assert states()["teacher@x.org"] == {"delivered"}
    assert states()["later@x.org"] == {"delivered", "waiting"}
    want(later, False)
    with session_factory.begin() as passing:
        waiting = NoticeLetter.state == DeliveryState.WAITING
        passing.execute(update(NoticeLetter).where(waiting).values(next_at=datetime.now(UTC)))
    act()
    assert states()["later@x.org"] == {"delivered", "dead"}, "no longer wanted"
