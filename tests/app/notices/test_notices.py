"""People are told what others do to their lessons: once, in words, whatever crashes in between."""

import asyncio
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Person
from app.accounts.rules import Role
from app.database import SessionFactory, reading
from app.keys import Keys
from app.lessons.models import Lesson, LessonChange
from app.notices import service
from app.notices.outbox import Outbox
from app.notices.posting import Poster
from app.notices.spreading import spread
from tests import counties, factories
from tests.counties import County

NOTICES = "/api/v1/me/notices"


@dataclass
class Scene:
    """A county with a weekly lesson from tomorrow on, and who looks after where it is given."""

    client: TestClient
    keys: Keys
    county: County
    head: Person
    lessons: list[Lesson]

    def act(self, path: str, **body: Any) -> None:
        """Let the bureau do something to the lessons."""
        headers = factories.bearer(self.keys, self.county.bureau)
        answer = self.client.post(f"/api/v1/{path}", headers=headers, json=body)
        assert answer.is_success, answer.text

    def told(self, person: Person, query: str = "language=en") -> list[Any]:
        answer = self.client.get(f"{NOTICES}?{query}", headers=factories.bearer(self.keys, person))
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    def unread(self, person: Person) -> int:
        answer = self.client.get(f"{NOTICES}/unread", headers=factories.bearer(self.keys, person))
        return int(answer.json()["unread"])

    @property
    def everybody(self) -> list[Person]:
        return [self.county.teacher, self.head, *(site.assistant for site in self.county.sites)]


@pytest.fixture
def scene(client: TestClient, session: Session, keys: Keys) -> Scene:
    county = counties.county(session, first_day=counties.tomorrow(), weeks=3)
    head = factories.person(session, county.school, Role.SCHOOL_ADMIN)
    plan = county.schedule(session, weekday=counties.tomorrow().isoweekday())
    query = select(Lesson).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.starts_at)
    found = list(session.scalars(query))
    session.commit()
    return Scene(client, keys, county, head, found)


def waiting(factory: SessionFactory) -> int:
    with reading(factory) as session:
        return session.scalar(select(func.count()).where(LessonChange.taken_at.is_(None))) or 0


def test_everybody_concerned_is_told_once_and_in_words(
    app: FastAPI, scene: Scene, session: Session, session_factory: SessionFactory
) -> None:
    county, lesson = scene.county, scene.lessons[0]
    outsider = factories.person(session, factories.school(session, county.county), Role.SCHOOL_ADMIN)
    session.commit()
    scene.act(f"lessons/{lesson.id}/cancel", reason="Power cut")
    other = scene.lessons[1].date + timedelta(days=1)
    scene.act(f"lessons/{scene.lessons[1].id}/move", date=other.isoformat(), period=2, reason="Sports day")
    assert waiting(session_factory) == 3

    # A server that dies before its commit has told nobody and taken nothing.
    with session_factory() as dying:
        assert spread(dying, datetime.now(UTC)) == 3
    assert waiting(session_factory) == 3 and not scene.told(county.teacher)
    asyncio.run(app.state.outbox.spread())
    asyncio.run(app.state.outbox.spread())
    assert waiting(session_factory) == 0

    for person in scene.everybody:
        assert sorted(each["kind"] for each in scene.told(person)) == ["cancelled", "moved", "published"]
    assert scene.told(county.bureau) == [] == scene.told(outsider)
    by_kind = {each["kind"]: each for each in scene.told(county.teacher)}
    assert by_kind.keys() == {"published", "cancelled", "moved"}
    assert by_kind["cancelled"]["title"] == "Lesson cancelled: Grade 3 English"
    assert by_kind["cancelled"]["lines"] == [
        f"{lesson.date:%A} {lesson.date}, period 1, 08:00–08:40: Grade 3 English",
        "Reason: Power cut",
    ]
    assert f"was {scene.lessons[1].date:%A} {scene.lessons[1].date}, period 1" in by_kind["moved"]["lines"][0]
    chinese = {each["kind"]: each for each in scene.told(county.teacher, "language=zh")}
    assert chinese["cancelled"]["title"] == "课次已取消:Grade 3 English"
    assert chinese["cancelled"]["items"][0]["lesson_id"] == str(lesson.id)

    reader, newest = county.teacher, scene.told(county.teacher)[0]
    headers = factories.bearer(keys := scene.keys, reader)
    one = scene.client.post(f"{NOTICES}/{newest['id']}/read?language=en", headers=headers)
    assert one.json()["read_at"] and scene.unread(reader) == 2
    assert newest["id"] not in {each["id"] for each in scene.told(reader, "unread=true")}
    body = {"told_until": newest["told_at"]}
    assert scene.client.post(f"{NOTICES}/read", headers=headers, json=body).json() == {"unread": 0}
    assert scene.unread(scene.head) == 3, "everybody reads their own"
    stranger = scene.client.post(f"{NOTICES}/{newest['id']}/read", headers=factories.bearer(keys, scene.head))
    assert stranger.status_code == 404
    first = scene.client.get(f"{NOTICES}?limit=2", headers=headers).json()
    rest = scene.client.get(f"{NOTICES}?limit=2&after={first['next']}", headers=headers).json()
    assert len({each["id"] for each in first["items"] + rest["items"]}) == 3 and rest["next"] is None


def test_an_act_is_one_notice_however_it_is_taken_up_and_old_ones_go(
    scene: Scene, session_factory: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, now = scene.lessons[0].entry_id, datetime.now(UTC)
    assert entry is not None
    with session_factory.begin() as taking:
        spread(taking, now)
    headers = factories.bearer(scene.keys, scene.county.bureau)
    answer = scene.client.patch(
        f"/api/v1/timetable-entries/{entry}?scope=all", headers=headers, json={"title": "Phonics"}
    )
    assert answer.is_success, answer.text
    monkeypatch.setattr("app.notices.spreading.MOST_ITEMS", 2)
    for _ in scene.lessons:
        with session_factory.begin() as taking:
            assert spread(taking, now + timedelta(seconds=1), limit=1) == 1
    edited = scene.told(scene.head)[0]
    assert (edited["kind"], edited["changes"], len(edited["items"])) == ("edited", 3, 2)
    assert edited["title"] == "Lesson changed: 3 changes" and edited["lines"][-1] == "and 1 more"
    assert "was called Grade 3 English" in edited["lines"][0]

    monkeypatch.setattr(service, "MOST_KEPT", 1)
    with session_factory.begin() as pruning:
        assert service.forget(pruning, now - timedelta(days=1)) == len(scene.everybody)
    assert [each["id"] for each in scene.told(scene.head)] == [edited["id"]]
    with session_factory.begin() as pruning:
        assert service.forget(pruning, now + timedelta(days=1)) == len(scene.everybody)
    assert scene.unread(scene.head) == 0


def test_the_outbox_goes_on_after_a_failure_and_ends_when_told(
    session_factory: SessionFactory, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OSError("disk full")])
    done = threading.Event()

    def flaky(*args: Any, **more: Any) -> int:
        for failure in failures:
            raise failure
        done.set()
        return spread(*args, **more)

    monkeypatch.setattr("app.notices.spreading.spread", flaky)
    monkeypatch.setattr("app.notices.outbox.AFTER_FAILURE", timedelta(milliseconds=5))
    registry = CollectorRegistry()

    async def scenario() -> None:
        keeping = asyncio.create_task(
            Outbox(session_factory, registry, scene.keys, Poster(()), every=timedelta(milliseconds=5)).keep()
        )
        assert await asyncio.to_thread(done.wait, 60)
        keeping.cancel()
        await asyncio.wait((keeping,))

    asyncio.run(scenario())
    assert registry.get_sample_value("tongtang_outbox_failures_total") == 1
    assert waiting(session_factory) == 0 and scene.unread(scene.head) == 1
