"""Whoever changes something at once with others: of fifty who want the same, one gets it.

For planning an entry it is shown in test_overlaps. What stands around is written as rows, for there is much of it.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx2
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.database import SessionFactory, new_id
from app.keys import Keys
from app.lessons import booking_queries
from app.lessons.booking_queries import Rows
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import LessonState
from app.pairings.models import Pairing
from app.pairings.rules import PairingState
from app.schools.models import OrgUnit, Room
from app.schools.rules import OrgUnitKind, RoomKind, path_of
from app.timetables import curriculum
from app.timetables import service as timetables
from app.timetables.calendar import EVERY_DAY
from app.timetables.curriculum_rules import Periods
from app.timetables.models import CurriculumRequirement
from app.timetables.service import TermDraft
from tests import counties, factories
from tests.counties import BACK_TO_BACK, County
from tests.crowds import at_once

CLIENTS = 50


class Crowd:
    """Clients of one bureau admin, who all begin at the same moment."""

    def __init__(self, client: TestClient, header: dict[str, str]) -> None:
        self._client, self._header = client, header

    def ask(self, addresses: Sequence[str], bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """What each of them was answered, those who were not refused without a `code`."""
        asked = list(zip(addresses, bodies, strict=True))
        assert len(asked) == CLIENTS
        answers = at_once([partial(self._post, address, body) for address, body in asked])
        return [dict(each.json()) for each in answers]

    def one(self, address: str, body: dict[str, Any]) -> None:
        """One of them alone, who gets it."""
        answer = self._post(address, body)
        assert answer.is_success, answer.text

    def _post(self, address: str, body: dict[str, Any]) -> httpx2.Response:
        return self._client.post(f"/api/v1/{address}", headers=self._header, json=body)

    def refusals(self, addresses: Sequence[str], bodies: Sequence[dict[str, Any]]) -> set[str]:
        """Why all were refused but for one."""
        codes = [each.get("code") for each in self.ask(addresses, bodies)]
        assert codes.count(None) == 1, codes
        return {code for code in codes if code}


def places(session: Session, county: County) -> tuple[list[Room], list[Room]]:
    """Main rooms of the school, and receiving rooms of sites of their own."""
    main = [_room(county.school.id, RoomKind.MAIN, number) for number in range(CLIENTS)]
    sites = []
    for number in range(CLIENTS):
        unit_id = new_id()
        path = path_of([county.county.id, unit_id])
        session.add(
            OrgUnit(
                id=unit_id,
                kind=OrgUnitKind.TEACHING_SITE,
                parent_id=county.county.id,
                county_id=county.county.id,
                code=f"X{number}",
                name=f"Site {number}",
                path=path,
            )
        )
        sites.append(_room(unit_id, RoomKind.RECEIVING, number))
    session.flush()
    session.add_all([*main, *sites])
    session.flush()
    return main, sites


def _room(unit_id: UUID, kind: RoomKind, number: int) -> Room:
    return Room(id=new_id(), org_unit_id=unit_id, kind=kind, code=f"C{number}", name=f"{kind} {number}")


def agreed(county: County, main_id: UUID, receiving_id: UUID) -> Pairing:
    """An agreement for the whole term, in lessons of two sites."""
    days = {"valid_from": county.term.first_day, "valid_to": county.term.last_day}
    return Pairing(
        county_id=county.county.id, main_room_id=main_id, receiving_room_id=receiving_id, capacity=2, **days
    )


def lessons(session: Session, county: County, given: Sequence[tuple[UUID, UUID, date, int]]) -> list[str]:
    """Lessons of the main class alone: by teacher, main room, day and period."""
    rows = []
    for teacher_id, room_id, day, period in given:
        bell = BACK_TO_BACK[period]
        starts_at, ends_at = (
            datetime.combine(day, each, ZoneInfo("Asia/Shanghai")) for each in (bell.starts_at, bell.ends_at)
        )
        rows.append(
            {
                "id": new_id(), "county_id": county.county.id, "school_id": county.school.id,
                "term_id": county.term.id, "date": day, "period": period, "starts_at": starts_at,
                "ends_at": ends_at, "teacher_id": teacher_id, "main_room_id": room_id, "subject": "English",
                "title": "English", "mode": "synchronous", "state": LessonState.PUBLISHED,
            }
        )  # fmt: skip
    booking_queries.add_lessons(session, Rows(rows, [], []))
    return [str(row["id"]) for row in rows]


def test_of_fifty_who_want_the_same_one_gets_it(
    client: TestClient, session_factory: SessionFactory, keys: Keys
) -> None:
    """A stand-in, a room, a free hour, a site, the last place of an agreement; an agreement, each yes to it; a plan."""
    first_day = counties.tomorrow()
    with session_factory.begin() as session:
        county = counties.county(session, sites=2, weeks=8, first_day=first_day)
        main, receiving = places(session, county)
        teachers = [factories.person(session, county.school, Role.TEACHER).id for _ in range(CLIENTS)]
        same_hour = lessons(
            session,
            county,
            [(teacher, room.id, first_day, 2) for teacher, room in zip(teachers, main, strict=True)],
        )
        days = [first_day + timedelta(days=number) for number in range(1, CLIENTS + 1)]
        same_teacher = lessons(
            session, county, [(county.teacher.id, county.main_room.id, day, 2) for day in days]
        )
        one, site = same_teacher[0], county.sites[0].room
        session.add_all(agreed(county, room.id, site.id) for room in main)
        session.add_all(agreed(county, county.main_room.id, room.id) for room in receiving)
        stand_in, spare = (
            factories.person(session, county.school, Role.TEACHER),
            factories.room(session, county.school),
        )
        other = _another_term(session, county)
    crowd = Crowd(client, factories.bearer(keys, county.bureau))

    at_once = [f"lessons/{each}" for each in same_hour]
    wanted = [{"teacher_id": str(stand_in.id), "reason": "Ill"}] * CLIENTS
    assert crowd.refusals([f"{each}/substitute" for each in at_once], wanted) == {"timetable.clash"}
    wanted = [{"main_room_id": str(spare.id)}] * CLIENTS
    assert crowd.refusals([f"{each}/rooms" for each in at_once], wanted) == {"timetable.clash"}
    add: list[dict[str, Any]] = [{"add_room_ids": [str(site.id)]}] * CLIENTS
    refused = crowd.refusals([f"{each}/sites" for each in at_once], add)
    assert refused <= {"timetable.clash", "pairing.not_active"}
    crowd.one(f"lessons/{one}/sites", {"add_room_ids": [str(county.sites[1].room.id)]})
    add = [{"add_room_ids": [str(room.id)]} for room in receiving]
    assert crowd.refusals([f"lessons/{one}/sites"] * CLIENTS, add) == {"pairing.over_capacity"}
    move = [{"date": str(first_day), "period": 1}] * CLIENTS
    assert crowd.refusals([f"lessons/{each}/move" for each in same_teacher], move) == {"timetable.clash"}

    propose = {
        "main_room_id": str(spare.id), "receiving_room_id": str(site.id), "subjects": [], "capacity": 1,
        "valid_from": str(county.term.first_day), "valid_to": str(county.term.last_day), "state": "proposed",
    }  # fmt: skip
    assert crowd.refusals(["pairings"] * CLIENTS, [propose] * CLIENTS) == {"pairing.exists"}
    with session_factory() as session:
        query = select(Pairing.id).where(Pairing.state == PairingState.PROPOSED)
        proposed = f"pairings/{session.scalars(query).one()}"
    for step in ("accept", "approve"):
        assert crowd.refusals([f"{proposed}/{step}"] * CLIENTS, [{}] * CLIENTS) == {"pairing.wrong_state"}
    copies = crowd.ask(
        [f"terms/{other}/curriculum/copy"] * CLIENTS, [{"from_term_id": str(county.term.id)}] * CLIENTS
    )
    assert sorted((each["copied"], each["kept"]) for each in copies) == [(0, 1)] * (CLIENTS - 1) + [(1, 0)]
    with session_factory() as session:
        for won in (
            Lesson.teacher_id == stand_in.id,
            Lesson.main_room_id == spare.id,
            Lesson.moved_from_id.is_not(None),
        ):
            assert session.scalar(select(func.count()).select_from(Lesson).where(won)) == 1
        assert session.scalar(select(func.count()).where(LessonSite.receiving_room_id == site.id)) == 1
        assert session.scalar(select(func.count()).where(LessonSite.lesson_id == UUID(one))) == 2
        assert session.scalar(select(func.count()).select_from(CurriculumRequirement)) == 2


def _another_term(session: Session, county: County) -> UUID:
    """A later term, and what the county requires in the first one."""
    begins = county.term.last_day + timedelta(days=1)
    draft = TermDraft("Spring", begins, begins + timedelta(weeks=1), BACK_TO_BACK, EVERY_DAY)
    required = {(3, "English"): Periods(2)}
    curriculum.put_curriculum(session, county.term, county.county, required)
    return timetables.create_term(session, county.county.id, draft).id
