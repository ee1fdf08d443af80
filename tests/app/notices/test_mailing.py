"""Notices by mail: to those who want it, gathered, tried until the server takes them, and told once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
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
from tests.counties import County
from tests.smtp import Inbox, mail_server

SETTINGS = "/api/v1/me/notices/settings"


def letters_in(inbox: Inbox) -> list[EmailMessage]:
    found = [message_from_bytes(each, policy=policy.default) for each in inbox.letters]
    assert all(isinstance(each, EmailMessage) for each in found)
    return found


@dataclass
class Story:
    """A county whose lessons are cancelled, and three people with addresses: one whom the mail server takes, one whom
    it refuses for good, and one whom it puts off."""

    county: County
    lessons: Sequence[Lesson]
    client: TestClient
    factory: SessionFactory
    keys: Keys

    @property
    def teacher(self) -> Person:
        return self.county.teacher

    @property
    def refused(self) -> Person:
        return self.county.sites[0].assistant

    @property
    def later(self) -> Person:
        return self.county.sites[1].assistant

    @property
    def bureau(self) -> dict[str, str]:
        return factories.bearer(self.keys, self.county.bureau)

    def want(self, person: Person, mail: bool, language: str = "en") -> None:
        """Somebody says whether they want mail."""
        body = {"mail": mail, "language": language}
        headers = factories.bearer(self.keys, person)
        assert self.client.get(SETTINGS, headers=headers).status_code == 200
        address = person.email if person.email_proven else None
        assert self.client.put(SETTINGS, headers=headers, json=body).json() == body | {"address": address}

    def cancel_all(self) -> None:
        """The bureau cancels every lesson."""
        for lesson in self.lessons:
            path, body = f"/api/v1/lessons/{lesson.id}/cancel", {"reason": "Snow"}
            assert self.client.post(path, headers=self.bureau, json=body).is_success

    def send(self, port: int) -> None:
        """What the server does every few seconds, with a mail server at this port."""
        server = MailServer("127.0.0.1", port, "tongtang@county.example", Security.NONE)
        home = "https://lessons.example.org"
        sending = Outbox(self.factory, CollectorRegistry(), self.keys, Poster(()), server, home)
        asyncio.run(sending.spread())
        asyncio.run(sending.send())

    def let_time_pass(self) -> None:
        """Everything that waits may be tried again."""
        with self.factory.begin() as passing:
            waiting = NoticeLetter.state == DeliveryState.WAITING
            passing.execute(update(NoticeLetter).where(waiting).values(next_at=datetime.now(UTC)))

    def states(self) -> dict[str, set[str]]:
        """What became of the letters to each address."""
        found: dict[str, set[str]] = {}
        query = select(Person.email, NoticeLetter.state).join(Person, Person.id == NoticeLetter.person_id)
        with self.factory() as reading:
            for address, state in reading.execute(query):
                found.setdefault(str(address), set()).add(state.value)
        return found


@pytest.fixture
def story(
    client: TestClient,
    session: Session,
    session_factory: SessionFactory,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> Story:
    monkeypatch.setattr(mailing, "GATHER", timedelta(0))
    county = counties.county(session, first_day=counties.tomorrow(), weeks=2)
    plan = county.schedule(session, weekday=counties.tomorrow().isoweekday())
    query = select(Lesson).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.starts_at)
    found = Story(county, session.scalars(query).all(), client, session_factory, keys)
    for name in ("teacher", "refused", "later"):
        getattr(found, name).email = f"{name}@x.org"
    session.commit()
    return found


GAVE_UP = {"teacher@x.org": {"delivered"}, "refused@x.org": {"dead"}, "later@x.org": {"waiting"}}


def test_whoever_wants_it_is_mailed_one_letter_of_all_that_happened(story: Story, session: Session) -> None:
    abroad = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    session.commit()
    client, bureau = story.client, story.bureau
    with mail_server() as inbox:
        story.send(inbox.port)
        assert inbox.letters == [] and story.states() == {}, "nobody asked for mail"
        story.want(story.teacher, True, "zh")
        story.want(story.refused, True)
        story.want(story.later, True)
        story.cancel_all()
        story.send(inbox.port)
        (letter,) = letters_in(inbox)
        assert (letter["To"], letter["Subject"]) == ("teacher@x.org", "2 条课次通知")
        text = letter.get_content()
        assert text.count("课次已取消:Grade 3 English") == 2 and "https://lessons.example.org" in text
        assert story.states() == GAVE_UP
        lost = client.get("/api/v1/undelivered-letters?limit=1", headers=bureau).json()
        assert lost["next"] and lost["items"][0]["person_id"] == str(story.refused.id)
        assert "address" in lost["items"][0]["problem"] and lost["items"][0]["attempts"] == 1
        following = client.get(f"/api/v1/undelivered-letters?after={lost['next']}", headers=bureau).json()
        assert len(following["items"]) == 1 and following["next"] is None
        again = "/api/v1/undelivered-letters/send-again"
        assert client.post(again, headers=factories.bearer(story.keys, abroad)).json() == {"letters": 0}
        assert client.post(again, headers=bureau).json() == {"letters": 2}
        assert story.states()["refused@x.org"] == {"waiting"}
        story.send(inbox.port)
        assert story.states() == GAVE_UP, "it was tried, and the server still does not take it"
        assert len(inbox.letters) == 1, "told once, and the other has to wait"


def test_what_waits_is_told_once_whatever_happens_in_between_and_not_to_whom_wants_it_no_longer(
    story: Story,
) -> None:
    with mail_server() as inbox:
        story.want(story.teacher, True)
        story.want(story.later, True)
        story.cancel_all()
        story.send(inbox.port)
        inbox.taken.add("later@x.org")
        story.let_time_pass()
        # A server that dies after the mail server took it, before it is noted.
        with story.factory() as dying:
            (post,) = mailing.claim(dying, datetime.now(UTC), "")
        story.send(inbox.port)
        assert letters_in(inbox)[1]["Message-ID"] == f"<{post.letter_ids[0]}@county.example>"

    story.want(story.teacher, False)
    lesson = story.lessons[0]
    path, moved = f"/api/v1/lessons/{lesson.id}/make-up", {"date": str(lesson.date), "period": 2}
    assert story.client.post(path, headers=story.bureau, json=moved).is_success
    nobody_listens = 1
    story.send(nobody_listens)
    assert story.states()["teacher@x.org"] == {"delivered"}
    assert story.states()["later@x.org"] == {"delivered", "waiting"}
    story.want(story.later, False)
    story.let_time_pass()
    story.send(nobody_listens)
    assert story.states()["later@x.org"] == {"delivered", "dead"}, "no longer wanted"
