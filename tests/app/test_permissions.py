"""Every route with every role, in its place and out of it, compared with the table of permissions."""

import uuid
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.permissions import OF_ONESELF, PASSES, TABLE, Action
from app.accounts.rules import Pass, Role
from app.gatekeeping import WITHOUT_GATE, check, describe, guarded_routes
from app.keys import Keys
from app.lessons.models import Lesson
from app.main import ROUTERS
from app.openapi import NO_ADDRESS
from app.schools import groups, subjects
from app.schools.groups import GroupDraft
from app.schools.rules import RoomKind
from app.timetables import headcounts
from app.timetables import service as timetables
from app.timetables.service import BellDraft
from tests import consents, counties, factories
from tests.app.asks import Ask, Scene, asks
from tests.roles import Place, Who, everybody

ROUTES = [route for router in ROUTERS for route in router.routes]
GUARDED = [each for each in guarded_routes(ROUTES) if each.action is not None]


@pytest.fixture
def scene(session: Session) -> Scene:
    scene = made_scene(session)
    session.commit()
    return scene


def made_scene(session: Session) -> Scene:
    """One of everything that an address can name; `tests.fuzz.api` asks about it, too."""
    first_day = counties.tomorrow()
    county = counties.county(session, first_day=first_day, weeks=2)
    plan = county.schedule(session, weekday=first_day.isoweekday())
    lessons = select(Lesson.id).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.starts_at)
    once = BellDraft(county.school.id, "Once", date(2019, 1, 1), date(2019, 6, 1), counties.BACK_TO_BACK)
    teacher = factories.person(session, county.school, Role.TEACHER)
    headcounts.put_headcounts(session, county.term, county.school, {3: 40})
    english = next(
        each for each in subjects.list_subjects(session, county.county.id) if each.code == "English"
    )
    ids = {
        "subject_id": english.id,
        "person_id": teacher.id,
        "assignment_id": teacher.assignments[0].id,
        "access_token_id": factories.access_token(session, teacher).id,
        "sign_in_id": factories.program_sign_in(session, teacher).id,
        "org_unit_id": county.school.id,
        "pupil_id": consents.pupil(session, county.school, county.bureau).id,
        "pupil_group_id": groups.create_group(session, GroupDraft(county.school.id, "3", (3,), 40)).id,
        "room_id": county.main_room.id,
        "recording_room_id": factories.room(session, county.school, RoomKind.RECORDING).id,
        "pairing_id": county.sites[0].pairing.id,
        "term_id": county.term.id,
        "bell_schedule_id": timetables.create_bell_schedule(session, once).id,
        "entry_id": plan.entry.id,
        "lesson_id": (lesson_id := session.scalars(lessons).first() or uuid.UUID(int=0)),
        "terminal_id": factories.terminal(session, county.main_room, county.county.id).id,
        "link_id": factories.guest_link(session, county.county.id, lesson_id).id,
        "feed_id": factories.feed(session, county.bureau).id,
        "webhook_id": (webhook := factories.webhook(session, county.county)).id,
        "delivery_id": factories.delivery(session, webhook).id,
        "notice_id": factories.notice(session, teacher).id,
    }
    return Scene(county, ids, everybody(session, county))


@dataclass
class Walk:
    """What was seen to differ from the table."""

    scene: Scene
    keys: Keys
    client: TestClient
    wrong: list[str] = field(default_factory=list)

    def ask(self, who: Who, method: str, path: str, action: Action, how: Ask) -> None:
        address = path.format(**self.scene.ids, index=0, day="2020-01-01", kind="rooms", form="csv")
        sent = {"json": how.body} if how.file is None else {"content": how.file}
        answer = self.client.request(
            method,
            f"{address}?{how.query}",
            headers=who.headers(self.keys) | ({} if how.file is None else {"Content-Type": "text/csv"}),
            **sent,
        )
        addressed = path in NO_ADDRESS or "Location" in answer.headers
        self.note(f"{who}: {method} {path} tells no address", answer.status_code == 201 and not addressed)
        within = who.reaches(action) or (how.at_home and who.has(action))
        if how.finds:
            allowed = {200} if path != "/api/v1/lessons/current" else {200, 404}
            expected = allowed if who.has(action) else {403}
            found = str(self.scene.ids[how.finds]) in answer.text
            self.note(f"{who}: {method} {path} shows it: {found}", found and not within)
            if path != "/api/v1/lessons/current":
                self.note(f"{who}: {method} {path} does not show it", within and not found)
        else:
            # Once allowed, the answer may well be that it was done before, or that no relay runs in this test.
            expected = {200, 201, 204, 409, 422, 503} if within else {who.refusal(action)}
            expected |= {404} if within and how.gone else set()
        self.note(f"{who}: {method} {path}: {answer.status_code}", answer.status_code not in expected)
        if answer.status_code == 404 and "{" in path and who.place is Place.ABROAD:
            self.compare_with_nothing(who, method, path, how, answer.json())

    def compare_with_nothing(self, who: Who, method: str, path: str, how: Ask, hidden: Any) -> None:
        """What is hidden looks like what does not exist."""
        nothing = {name: uuid.UUID(int=7) for name in self.scene.ids}
        answer = self.client.request(
            method,
            f"{path.format(**nothing)}?{how.query}",
            json=how.body,
            headers=who.headers(self.keys),
        ).json()
        (name,) = (name for name in self.scene.ids if f"{{{name}}}" in path)
        same = str(hidden).replace(str(self.scene.ids[name]), str(nothing[name])) == str(answer)
        self.note(f"{who}: {method} {path}: {hidden} differs from {answer}", not same)

    def note(self, line: str, is_wrong: bool) -> None:
        if is_wrong:
            self.wrong.append(line)


def one_of_each_kind(cast: list[Who], action: Action) -> list[Who]:
    """Somebody for each scope that the table gives an action, by account or without, within it and beyond.

    These are the ways in which a route asks the database who may.
    """
    having = [who for who in reversed(cast) if who.has(action)]
    return list({(type(who.role), who.scope(action), who.reaches(action)): who for who in having}.values())


def everybody_who_differs(cast: list[Who], action: Action, turn: int) -> list[Who]:
    """Whoever has an action, wherever that is; of those who have it nowhere one of each role, and one who once had it.

    The gate turns all of these away before it is known what they ask about. Who of them asks changes by turns.
    """
    without: dict[Role | Pass | Place | None, list[Who]] = {}
    for who in cast:
        if who.place is Place.FORMERLY and who.role in TABLE.get(action, {}):
            without.setdefault(Place.FORMERLY, []).append(who)
        elif who.place is not Place.FORMERLY and not who.has(action):
            without.setdefault(who.role, []).append(who)
    return [who for who in cast if who.has(action)] + [each[turn % len(each)] for each in without.values()]


# On PostgreSQL each route is asked in each way that it asks the database, a thousand requests; on SQLite by all.
def test_every_route_does_what_the_table_says(
    client: TestClient, scene: Scene, keys: Keys, engine: Engine
) -> None:
    walk, known = Walk(scene, keys, client), asks(scene)
    assert {(each.method, each.path) for each in GUARDED} == known.keys(), "each route needs an `Ask`"
    # What changes the lesson and its teacher comes last.
    last = {Action.LESSON_CANCEL, Action.PERSON_CLOSE, Action.PERSON_RESET, Action.PUPIL_ERASE}
    last |= {Action.WEBHOOK_REMOVE}
    for turn, each in enumerate(sorted(GUARDED, key=lambda each: (each.action in last, each.path))):
        assert each.action is not None
        if engine.dialect.name == "sqlite":
            asking = everybody_who_differs(scene.cast, each.action, turn)
        else:
            asking = one_of_each_kind(scene.cast, each.action)
        for who in asking:
            walk.ask(who, each.method, each.path, each.action, known[each.method, each.path])
    assert not walk.wrong, "\n".join(walk.wrong)


MEDIA = {
    ("whip", "main"): {Action.LESSON_TEACH},
    ("whip", "board"): {Action.LESSON_TEACH},
    ("whip", "site"): {Action.LESSON_ANSWER},
    ("whep", "main"): {Action.LESSON_ANSWER, Action.LESSON_OBSERVE},
    ("whep", "board"): {Action.LESSON_ANSWER, Action.LESSON_OBSERVE},
    ("whep", "site"): {Action.LESSON_TEACH},
}


def test_the_media_doors_do_what_the_table_says(client: TestClient, scene: Scene, keys: Keys) -> None:
    for (door, stream), actions in MEDIA.items():
        name = stream if stream != "site" else f"site-{scene.county.sites[0].unit.code}"
        for who in scene.cast:
            headers = {**who.headers(keys), "Content-Type": "application/sdp"}
            answer = client.post(f"/{door}/{scene.ids['lesson_id']}/{name}", content="v=0", headers=headers)
            if any(who.reaches(action) for action in actions):
                expected = "lesson.not_on_air"
            else:
                expected = "stream.not_yours" if who.reaches(Action.LESSON_JOIN) else "lesson.not_found"
            assert answer.json()["code"] == expected, f"{who}: {door} {stream}"


def test_a_route_without_a_line_keeps_the_application_from_starting() -> None:
    forgetful = APIRouter()
    forgetful.add_api_route("/api/v1/secrets", lambda: {})
    api = FastAPI(docs_url=None, redoc_url=None)
    api.include_router(forgetful)
    with pytest.raises(LookupError, match="/api/v1/secrets"):
        check(api.routes)


def test_every_line_without_a_gate_is_a_route(app: FastAPI) -> None:
    paths = {each.path for each in guarded_routes(app.routes) if each.action is None}
    assert paths == WITHOUT_GATE.keys()


def test_every_action_is_in_the_table_and_asked_for() -> None:
    media = {Action.LESSON_TEACH, Action.LESSON_ANSWER, Action.LESSON_OBSERVE, Action.LESSON_PRESENT}
    assert TABLE.keys() | PASSES.keys() | OF_ONESELF == set(Action)
    assert {each.action for each in GUARDED} | media == set(Action)


def test_the_document_shows_the_table_as_it_is() -> None:
    shown = Path("docs/permissions.md").read_text(encoding="utf-8")
    assert shown == describe(ROUTES), "run `python -m app permissions > docs/permissions.md`"


def test_the_cast_is_complete(scene: Scene) -> None:
    for place in (Place.THERE, Place.ABROAD, Place.FORMERLY):
        assert {who.role for who in scene.cast if who.place is place} >= set(Role)
    for place in (Place.THERE, Place.ABROAD):
        assert {who.role for who in scene.cast if who.place is place} >= set(Pass)
