"""The database refuses overlaps by itself, whoever writes and whatever the service believed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.database import SessionFactory, new_id, violated
from app.errors import Conflict
from app.keys import Keys
from app.lessons import booking_queries as queries
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import LessonState, SiteState
from app.pairings.models import Pairing
from app.schools.models import Room
from tests import counties, factories
from tests.counties import County, Site
from tests.crowds import at_once
from tests.waiting import wait_for_a_waiting_writer

CLIENTS = 50


@pytest.fixture
def county(session: Session) -> County:
    return counties.county(session, sites=1, weeks=2)


class Planner:
    """Writes lessons without asking any service."""

    def __init__(self, session: Session, county: County) -> None:
        self.session, self.county = session, county
        self.start = datetime.fromisoformat("2026-09-07T00:00:00+00:00")
        site = county.sites[0]
        self._agreed = {county.main_room.id: site.pairing}

    def lesson(self, start: int, length: int = 40, **changes: Any) -> UUID:
        """A lesson so many minutes after the start, with a teacher and a room that nobody else has."""
        row: dict[str, Any] = {
            "id": new_id(),
            "county_id": self.county.county.id,
            "school_id": self.county.school.id,
            "term_id": self.county.term.id,
            "date": self.start.date(),
            "period": 1,
            "starts_at": self.start + timedelta(minutes=start),
            "ends_at": self.start + timedelta(minutes=start + length),
            "subject": "English",
            "title": "English",
            "mode": "synchronous",
            "sequence": 0,
            "state": "published",
        }
        row |= changes
        if "teacher_id" not in row:
            row["teacher_id"] = factories.person(self.session, self.county.school, Role.TEACHER).id
        if "main_room_id" not in row:
            row["main_room_id"] = factories.room(self.session, self.county.school).id
        with self.session.begin_nested():
            queries.add_lessons(self.session, queries.Rows([row], [], []))
        return UUID(str(row["id"]))

    def site(self, lesson_id: UUID, code: str = "S", **changes: Any) -> None:
        """The part of the county's only site in a lesson."""
        lesson = self.session.get_one(Lesson, lesson_id)
        site = self.county.sites[0]
        if (pairing := self._agreed.get(lesson.main_room_id)) is None:
            room = self.session.get_one(Room, lesson.main_room_id)
            pairing = counties.pair(self.session, room, site.room, self.county.term)
            self._agreed[room.id] = pairing
        row = {
            "pairing_id": pairing.id,
            "receiving_room_id": site.room.id,
            "site_id": site.unit.id,
            "site_code": code,
            "starts_at": lesson.starts_at,
            "ends_at": lesson.ends_at,
        }
        with self.session.begin_nested():
            self.session.add(LessonSite(lesson_id=lesson_id, **(row | changes)))


@pytest.fixture
def planner(session: Session, county: County) -> Planner:
    return Planner(session, county)


def refused_by(write: Callable[[], object]) -> str:
    with pytest.raises(IntegrityError) as refused:
        write()
    return violated(refused.value)


@pytest.mark.parametrize("start, length", [(0, 40), (39, 10), (-39, 40), (10, 5), (-10, 120)])
def test_teacher_and_main_room_are_in_one_lesson_at_a_time(planner: Planner, start: int, length: int) -> None:
    teacher, room = planner.county.teacher.id, planner.county.main_room.id
    planner.lesson(0, teacher_id=teacher)
    planner.lesson(0, main_room_id=room)
    assert refused_by(lambda: planner.lesson(start, length, teacher_id=teacher)) == "ex_lessons_teacher"
    assert refused_by(lambda: planner.lesson(start, length, main_room_id=room)) == "ex_lessons_main_room"


def test_a_receiving_room_is_in_one_lesson_at_a_time(planner: Planner) -> None:
    planner.site(planner.lesson(0))
    second = planner.lesson(20)
    assert refused_by(lambda: planner.site(second)) == "ex_lesson_sites_receiving_room"


def test_back_to_back_is_legal(planner: Planner) -> None:
    for start in (40, 0, 80):
        planner.site(planner.lesson(start, teacher_id=planner.county.teacher.id))


@pytest.mark.parametrize("state", [LessonState.CANCELLED, LessonState.MOVED])
def test_cancelled_and_moved_lessons_hold_nothing(planner: Planner, state: LessonState) -> None:
    teacher = planner.county.teacher.id
    freed = planner.lesson(0, teacher_id=teacher, state=state)
    planner.lesson(0, teacher_id=teacher)
    revive = update(Lesson).where(Lesson.id == freed).values(state=LessonState.PUBLISHED, sequence=1)
    assert refused_by(lambda: nested(planner.session, revive)) == "ex_lessons_teacher"


def nested(session: Session, statement: Any) -> None:
    with session.begin_nested():
        session.execute(statement)


def test_a_site_that_was_called_off_frees_its_room(planner: Planner) -> None:
    planner.site(planner.lesson(0), state=SiteState.CANCELLED)
    planner.site(planner.lesson(0))


def test_changes_are_refused_like_new_lessons(planner: Planner) -> None:
    teacher, session = planner.county.teacher.id, planner.session
    planner.lesson(0, teacher_id=teacher)
    other = planner.lesson(0)
    late = planner.lesson(60, teacher_id=teacher)
    substitute = update(Lesson).where(Lesson.id == other).values(teacher_id=teacher, sequence=1)
    assert refused_by(lambda: nested(session, substitute)) == "ex_lessons_teacher"
    earlier = update(Lesson).where(Lesson.id == late).values(sequence=1)
    clashing = earlier.values(starts_at=planner.start + timedelta(minutes=39))
    assert refused_by(lambda: nested(session, clashing)) == "ex_lessons_teacher"
    nested(session, earlier.values(starts_at=planner.start + timedelta(minutes=40)))


def test_sites_follow_their_lesson_and_are_checked_again(planner: Planner) -> None:
    first, second = planner.lesson(0), planner.lesson(60)
    planner.site(first)
    planner.site(second)
    session = planner.session
    later = update(Lesson).where(Lesson.id == first).values(sequence=Lesson.sequence + 1)
    start = planner.start + timedelta(minutes=20)
    nested(session, later.values(starts_at=start, ends_at=start + timedelta(minutes=40)))
    moved = session.scalars(select(LessonSite.starts_at).where(LessonSite.lesson_id == first)).one()
    assert moved == start
    into = later.values(ends_at=start + timedelta(minutes=41))
    assert refused_by(lambda: nested(session, into)) == "ex_lesson_sites_receiving_room"


def test_a_lesson_keeps_its_place_in_calendars(planner: Planner) -> None:
    lesson = update(Lesson).where(Lesson.id == planner.lesson(0, sequence=2))
    for values in ({"calendar_uid": new_id()}, {"sequence": 1}):
        breach = partial(nested, planner.session, lesson.values(values))
        assert refused_by(breach) == "lesson_keeps_its_place"
    nested(planner.session, lesson.values(sequence=3))


def test_a_lesson_ends_after_it_starts(planner: Planner) -> None:
    assert refused_by(lambda: planner.lesson(0, 0)) == "ck_lessons_times_in_order"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(spans=st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20), st.booleans()), max_size=8))
def test_what_is_stored_never_overlaps(planner: Planner, spans: list[tuple[int, int, bool]]) -> None:
    """Against the obvious: keep a list, and accept what shares no minute with it."""
    teacher = factories.person(planner.session, planner.county.school, Role.TEACHER).id
    kept: list[range] = []
    for start, length, counts in spans:
        minutes = range(start, start + length)
        free = not any(set(minutes) & set(other) for other in kept)
        state = LessonState.PUBLISHED if counts else LessonState.CANCELLED
        try:
            planner.lesson(start, length, teacher_id=teacher, state=state)
            accepted = True
        except IntegrityError:
            accepted = False
        assert accepted == (free or not counts)
        if accepted and counts:
            kept.append(minutes)


def test_of_many_clients_at_once_exactly_one_wins(
    client: TestClient, session_factory: SessionFactory, keys: Keys
) -> None:
    """All want the same teacher in the same period, each with a main room and a site of their own."""
    with session_factory.begin() as session:
        county = counties.county(session, sites=1, weeks=20, first_day=counties.tomorrow())
        bodies = []
        for _ in range(CLIENTS):
            room = factories.room(session, county.school)
            site = counties.site(session, county.county, room, county.term)
            bodies.append(county.body(main_room_id=str(room.id), receiving_room_ids=[str(site.room.id)]))
    header = factories.bearer(keys, county.bureau)
    plan = partial(client.post, "/api/v1/timetable-entries", headers=header)
    answers = at_once([partial(plan, json=body) for body in bodies])
    assert sorted(each.status_code for each in answers) == [201] + [409] * (CLIENTS - 1)
    losers = [each.json() for each in answers if each.status_code == 409]
    assert {body["code"] for body in losers} == {"timetable.clash"}
    assert {body["total"] for body in losers} == {20}
    assert {clash["name"] for body in losers for clash in body["clashes"]} == {county.teacher.name}
    with session_factory() as session:
        assert session.scalar(select(func.count()).select_from(Lesson)) == 20


def test_the_database_decides_when_somebody_takes_no_turns(
    session_factory: SessionFactory, engine: Engine
) -> None:
    """Such a lesson is not there yet when the planner looks; the constraint refuses, and the answer explains."""
    with session_factory.begin() as session:
        county = counties.county(session, sites=1, weeks=2)

    def schedule() -> None:
        with session_factory.begin() as session:
            county.schedule(session)

    with ThreadPoolExecutor(1) as pool:
        with session_factory.begin() as session:
            Planner(session, county).lesson(0, teacher_id=county.teacher.id, title="Unannounced")
            scheduling = pool.submit(schedule)
            wait_for_a_waiting_writer(engine)
        with pytest.raises(Conflict) as refused:
            scheduling.result()
    assert [clash["title"] for clash in refused.value.extra["clashes"]] == ["Unannounced"]


def test_two_who_add_the_last_site_at_once_take_turns(
    session_factory: SessionFactory, engine: Engine
) -> None:
    with session_factory.begin() as session:
        county = counties.county(session, sites=2, weeks=2)
        lesson = session.get_one(Lesson, Planner(session, county).lesson(0, main_room_id=county.main_room.id))
        session.execute(update(Pairing).values(capacity=1))
        times = {"starts_at": lesson.starts_at, "ends_at": lesson.ends_at}

    def part(site: Site) -> LessonSite:
        places = {"receiving_room_id": site.room.id, "site_id": site.unit.id, "site_code": site.unit.code}
        return LessonSite(lesson_id=lesson.id, pairing_id=site.pairing.id, **places, **times)

    def add() -> None:
        with session_factory.begin() as session:
            session.add(part(county.sites[1]))

    with ThreadPoolExecutor(1) as pool:
        with session_factory.begin() as session:
            session.add(part(county.sites[0]))
            session.flush()
            adding = pool.submit(add)
            wait_for_a_waiting_writer(engine)
        assert refused_by(adding.result) == "pairing_over_capacity"
