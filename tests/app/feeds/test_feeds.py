"""Lessons in people's own calendars: the right ones, at the right time, and told of what changes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
import vobject
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Assignment, Person
from app.feeds.rules import span
from app.keys import Keys
from app.lessons.diary import Whose
from app.lessons.models import Lesson
from tests import counties, factories
from tests.counties import County

FEEDS = "/api/v1/calendar-feeds"


@dataclass
class Scene:
    """A county with a weekly lesson from tomorrow on, for three weeks."""

    client: TestClient
    keys: Keys
    county: County
    lessons: list[Lesson]

    def of(self, person: Person) -> dict[str, str]:
        return factories.bearer(self.keys, person)

    def make(self, whose: str, subject_id: object, person: Person | None = None, **more: str) -> str:
        """The address of a new feed, without the server's own."""
        body = {"whose": whose, "subject_id": str(subject_id), **more}
        answer = self.client.post(FEEDS, headers=self.of(person or self.county.bureau), json=body)
        assert answer.status_code == 201, answer.text
        return "/" + str(answer.json()["url"]).partition("//")[2].partition("/")[2]

    def cancel(self, lesson: Lesson) -> None:
        path = f"/api/v1/lessons/{lesson.id}/cancel"
        body = {"reason": "Snow; ice, fog"}
        answer = self.client.post(path, headers=self.of(self.county.bureau), json=body)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def scene(client: TestClient, session: Session, keys: Keys) -> Scene:
    first_day = counties.tomorrow()
    county = counties.county(session, first_day=first_day, weeks=3)
    title = "三年级英语 · Grade 3, part 1; " + "很长" * 40
    plan = county.schedule(session, weekday=first_day.isoweekday(), title=title)
    query = select(Lesson).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.starts_at)
    found = session.scalars(query).all()
    session.commit()
    return Scene(client, keys, county, list(found))


def events(answer: httpx2.Response) -> list[Any]:
    """The events of a feed, by a parser that is not the one that wrote it."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n")), "RFC 5545 §3.1"
    return list(getattr(vobject.readOne(answer.text), "vevent_list", []))


def test_a_calendar_program_sees_the_lessons_as_they_are(scene: Scene) -> None:
    county = scene.county
    found = events(scene.client.get(scene.make("person", county.teacher.id, county.teacher, language="en")))
    assert [event.uid.value for event in found] == [f"{each.calendar_uid}@tongtang" for each in scene.lessons]
    for event, lesson in zip(found, scene.lessons, strict=True):
        assert event.dtstart.value.astimezone(UTC) == lesson.starts_at
        assert event.dtend.value.astimezone(UTC) == lesson.ends_at
        assert event.dtstart.value.utcoffset() == timedelta(hours=8), "in the county's own time"
        assert event.summary.value == lesson.title
        assert event.status.value == "CONFIRMED"
        assert f"{county.school.name} {county.main_room.name}" in event.location.value
        site = county.sites[1]
        assert f"{site.unit.name} {site.room.name}" in event.location.value, "there is a room 1 at each"
        assert county.teacher.name in event.description.value


@pytest.mark.parametrize("whose", ["person", "room", "site", "county"])
def test_everybody_gets_their_own(scene: Scene, session: Session, whose: str) -> None:
    county = scene.county
    site = county.sites[0]
    mine = {
        "person": site.assistant.id,
        "room": site.room.id,
        "site": site.unit.id,
        "county": county.county.id,
    }
    person = site.assistant if whose == "person" else county.bureau
    assert len(events(scene.client.get(scene.make(whose, mine[whose], person)))) == len(scene.lessons)
    if whose == "person":  # who assists for some days only sees the lessons of these
        duty = session.scalars(select(Assignment).where(Assignment.person_id == person.id)).one()
        duty.valid_from, duty.valid_to = scene.lessons[1].date, scene.lessons[1].date
        session.commit()
        (event,) = events(scene.client.get(scene.make(whose, mine[whose], county.bureau)))
        assert event.uid.value == f"{scene.lessons[1].calendar_uid}@tongtang"
    idle = counties.site(session, county.county, factories.room(session, county.school), county.term)
    others = {"person": idle.assistant.id, "room": idle.room.id, "site": idle.unit.id}
    session.commit()
    if whose in others:
        person = idle.assistant if whose == "person" else county.bureau
        assert events(scene.client.get(scene.make(whose, others[whose], person))) == []


def test_a_cancelled_lesson_says_so_even_to_programs_that_ignore_its_status(scene: Scene) -> None:
    address = scene.make("room", scene.county.main_room.id, language="zh")
    before = events(scene.client.get(address))
    scene.cancel(scene.lessons[0])
    event, *others = events(scene.client.get(address))
    assert event.summary.value.startswith("【已取消】")
    assert event.categories.value == ["英语"] and "学科:英语" in event.description.value
    assert event.status.value == "CANCELLED" and event.transp.value == "TRANSPARENT"
    assert "Snow; ice, fog" in event.description.value
    assert int(event.sequence.value) > int(before[0].sequence.value)
    assert event.uid.value == before[0].uid.value
    assert [each.uid.value for each in others] == [each.uid.value for each in before[1:]]


def test_a_lesson_that_moves_stays_one_event(scene: Scene) -> None:
    address = scene.make("room", scene.county.main_room.id)
    lesson = scene.lessons[0]
    body = {"date": (lesson.date + timedelta(days=1)).isoformat(), "period": 2, "reason": "Power cut"}
    path = f"/api/v1/lessons/{lesson.id}/move"
    answer = scene.client.post(path, headers=scene.of(scene.county.bureau), json=body)
    assert answer.status_code == 200, answer.text
    uid = f"{lesson.calendar_uid}@tongtang"
    same = [event for event in events(scene.client.get(address)) if event.uid.value == uid]
    assert [event.dtstart.value.date() for event in same] == [lesson.date + timedelta(days=1)]
    assert int(same[0].sequence.value) > lesson.sequence


def test_nothing_is_sent_again_until_something_changes(scene: Scene) -> None:
    address = scene.make("county", scene.county.county.id)
    first = scene.client.get(address)
    tag = first.headers["etag"]
    assert scene.client.get(address).content == first.content
    assert b"\r\nX-PUBLISHED-TTL:PT1H\r\n" in first.content
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = scene.client.get(address, headers={"If-None-Match": condition})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    scene.cancel(scene.lessons[-1])
    changed = scene.client.get(address, headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag


def test_an_address_ends_with_its_revocation_and_with_the_right_to_it(scene: Scene) -> None:
    county = scene.county
    bureau = scene.of(county.bureau)
    own, revoked = (scene.make("person", county.teacher.id, county.teacher) for _ in range(2))
    listed = scene.client.get(FEEDS, headers=scene.of(county.teacher)).json()["items"]
    assert len(listed) == 2 and not any("url" in each or "secret" in each for each in listed)
    assert {each["name"] for each in listed} == {county.teacher.name}
    of_all, of_oneself = (
        scene.client.get(f"{FEEDS}{query}", headers=bureau).json()["items"] for query in ("", "?own=true")
    )
    assert of_all == listed and of_oneself == []
    for each in listed:
        if scene.client.get(revoked).status_code == 200:
            assert scene.client.delete(f"{FEEDS}/{each['id']}", headers=bureau).status_code == 204
            own, revoked = (own, revoked) if scene.client.get(own).status_code == 200 else (revoked, own)
            break
    assert scene.client.get(revoked).json()["code"] == "feed.not_found"
    assert scene.client.get(own).status_code == 200
    closed = scene.client.post(f"/api/v1/people/{county.teacher.id}/close", headers=bureau)
    assert closed.is_success
    assert scene.client.get(own).json()["code"] == "feed.not_found"
    assert scene.client.get("/calendars/guessed.ics").json()["code"] == "feed.not_found"


def test_nobody_keeps_more_than_a_program_could_need(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.feeds.service.MOST_FEEDS", 1)
    teacher = scene.county.teacher
    scene.make("person", teacher.id, teacher)
    body = {"whose": "person", "subject_id": str(teacher.id)}
    answer = scene.client.post(FEEDS, headers=scene.of(teacher), json=body)
    assert answer.json()["code"] == "feed.too_many"


def test_a_calendar_that_cannot_hold_all_lessons_says_until_when_it_reaches(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = scene.lessons
    feed = scene.make("county", scene.county.county.id, language="en")
    assert "DESCRIPTION:Too many" not in scene.client.get(feed).text
    monkeypatch.setattr("app.feeds.rules.MOST", 2)
    answer = scene.client.get(feed)
    assert [each.uid.value for each in events(answer)] == [
        f"{each.calendar_uid}@tongtang" for each in (first, second)
    ]
    told = vobject.readOne(answer.text)
    assert f"those before {third.date}" in told.description.value == told.x_wr_caldesc.value


def test_the_bells_ring_at_eight_before_and_after_the_clocks_change(
    client: TestClient, session: Session, keys: Keys
) -> None:
    first_day = counties.tomorrow()
    county = counties.county(session, first_day=first_day, weeks=26, time_zone="Europe/Berlin")
    plan = county.schedule(session, weekday=first_day.isoweekday())
    query = select(Lesson.starts_at).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.starts_at)
    starts = session.scalars(query).all()
    session.commit()
    scene = Scene(client, keys, county, [])
    found = events(client.get(scene.make("site", county.school.id)))
    assert [each.dtstart.value.astimezone(UTC) for each in found] == list(starts)
    assert {each.dtstart.value.strftime("%H:%M") for each in found} == {"08:00"}
    zone = ZoneInfo("Europe/Berlin")
    assert len({start.astimezone(zone).utcoffset() for start in starts}) == 2, "half a year has a change"


def test_the_span_changes_once_a_day_only() -> None:
    day = datetime(2026, 11, 22, tzinfo=UTC)
    assert span(day, Whose.PERSON) == span(day + timedelta(hours=23, minutes=59), Whose.PERSON)
