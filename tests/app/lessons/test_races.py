"""Whoever changes lessons at once with others: of those who want the same, one gets it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.database import SessionFactory
from app.keys import Keys
from app.lessons.models import Lesson
from app.lessons.rules import LessonState
from tests import counties, factories

CLIENTS = 8
"""For planning it is fifty, in test_overlaps."""


def test_of_those_who_want_the_same_change_one_gets_it(
    client: TestClient, session_factory: SessionFactory, keys: Keys
) -> None:
    """A free hour, a stand-in, and the last place of an agreement, on which `CLIENTS` people hit at the same moment."""
    first_day = counties.tomorrow()
    with session_factory.begin() as session:
        county = counties.county(session, sites=0, weeks=CLIENTS, first_day=first_day)
        first, *others = (
            counties.site(session, county.county, county.main_room, county.term, capacity=2).room.id
            for _ in range(CLIENTS + 1)
        )
        stand_in = factories.person(session, county.school, Role.TEACHER)
        weekday = first_day.isoweekday()
        entry = county.schedule(session, weekday=weekday, receiving_room_ids=(first,)).entry
        lessons = list(session.scalars(select(Lesson.id).where(Lesson.entry_id == entry.id)))
        same_hour = []
        for _ in range(CLIENTS):  # each at a school of its own, all in the same hour
            main, teacher = (
                factories.room(session, county.school),
                factories.person(session, county.school, Role.TEACHER),
            )
            site = counties.site(session, county.county, main, county.term)
            plan = county.schedule(
                session,
                weekday=weekday,
                period=2,
                main_room_id=main.id,
                teacher_id=teacher.id,
                receiving_room_ids=(site.room.id,),
                last_day=first_day,
            )
            same_hour.append(session.scalars(select(Lesson.id).where(Lesson.entry_id == plan.entry.id)).one())
    assert len(lessons) == CLIENTS
    header = factories.bearer(keys, county.bureau)

    def rush(addresses: Sequence[str], bodies: Sequence[dict[str, Any]]) -> list[str]:
        together = Barrier(CLIENTS)

        def ask(address: str, body: dict[str, Any]) -> str:
            together.wait()
            answer = client.post(f"/api/v1/lessons/{address}", headers=header, json=body)
            return "won" if answer.is_success else str(answer.json()["code"])

        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = sorted(pool.map(ask, addresses, bodies))
        assert answers.count("won") == 1, answers
        return sorted({each for each in answers if each != "won"})

    ill = [{"teacher_id": str(stand_in.id), "reason": "Ill"}] * CLIENTS
    assert rush([f"{each}/substitute" for each in same_hour], ill) == ["timetable.clash"]
    add = [{"add_room_ids": [str(room)]} for room in others]
    assert rush([f"{lessons[0]}/sites"] * CLIENTS, add) == ["pairing.over_capacity"]
    free = first_day + timedelta(days=1)
    move = [{"date": str(free), "period": 1}] * CLIENTS
    assert rush([f"{each}/move" for each in lessons], move) == ["timetable.clash"]
    with session_factory() as session:
        for won in (Lesson.teacher_id == stand_in.id, Lesson.date == free):
            query = select(func.count()).select_from(Lesson).where(won, Lesson.state == LessonState.PUBLISHED)
            assert session.scalar(query) == 1
