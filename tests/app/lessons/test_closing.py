"""Rooms and units that change and close, over REST and in the database; how far places are from each other."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.errors import Conflict
from app.keys import Keys
from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.rules import LessonState, SiteState
from app.lessons.scheduling import put_down, rows_of
from app.schools import groups
from app.schools.groups import GroupDraft
from app.schools.models import PupilGroup, Room
from app.schools.rules import EARTH_RADIUS_KM, RoomKind, distance_km
from app.timetables import planning
from tests import counties, factories
from tests.counties import FIRST_DAY, County

PLACES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(PLACES, PLACES, PLACES)
def test_a_way_is_as_long_there_as_back_and_no_way_round_is_shorter(
    one: tuple[float, float], two: tuple[float, float], three: tuple[float, float]
) -> None:
    assert distance_km(one, one) == 0
    assert distance_km(one, two) == pytest.approx(distance_km(two, one), abs=1e-6)
    assert distance_km(one, two) <= EARTH_RADIUS_KM * 3.15
    assert distance_km(one, three) <= distance_km(one, two) + distance_km(two, three) + 1e-3


def test_known_places_are_as_far_as_the_map_says() -> None:
    assert distance_km((31.67, 115.88), (31.73, 115.93)) == pytest.approx(
        8.2, abs=0.2
    )  # two towns of Jinzhai
    assert distance_km((0, 179.9), (0, -179.9)) == pytest.approx(22.2, abs=0.1)  # over the date line


@dataclass(frozen=True)
class Office:
    """A county with a term of four weeks, and those who close what is in it."""

    client: TestClient
    county: County
    spare: Room
    """A main room in which nothing is planned."""
    bureau: dict[str, str]
    head: dict[str, str]
    """The admin of the school."""

    def ask(
        self, method: str, path: str, body: Any = None, header: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        answer = self.client.request(method, f"/api/v1/{path}", headers=header or self.bureau, json=body)
        return answer.status_code, answer.json() if answer.content else None

    def code(self, method: str, path: str, body: Any = None, header: dict[str, str] | None = None) -> str:
        """Why it is refused."""
        return str(self.ask(method, path, body, header)[1].get("code"))

    def closed_from(self, path: str, body: Any = None, header: dict[str, str] | None = None) -> str | None:
        """From when on a thing is closed after a step that goes well."""
        status, thing = self.ask("POST", path, body, header)
        assert status == 200, thing
        day: str | None = thing["closed_from"]
        return day

    @property
    def room(self) -> str:
        return f"rooms/{self.county.main_room.id}"

    @property
    def school(self) -> str:
        return f"org-units/{self.county.school.id}"

    @property
    def mid_term(self) -> dict[str, str]:
        """From then on two of four lessons are still to come."""
        return {"closed_from": str(self.county.term.first_day + timedelta(weeks=2))}

    def lesson_in_period_two(self, **changes: Any) -> dict[str, Any]:
        return self.county.body(weekday=self.county.term.first_day.isoweekday(), period=2, **changes)


def test_rooms_and_units_change_and_close(client: TestClient, session: Session, keys: Keys) -> None:
    first_day = counties.tomorrow()
    county = counties.county(session, sites=2, first_day=first_day, weeks=4)
    county.schedule(session, weekday=first_day.isoweekday())
    head = factories.bearer(keys, factories.person(session, county.school, Role.SCHOOL_ADMIN))
    spare = factories.room(session, county.school)
    session.commit()
    office = Office(client, county, spare, factories.bearer(keys, county.bureau), head)
    rooms_and_units_change(office)
    the_way_to_a_site_counts(office)
    a_room_closes_after_its_last_lesson(office)
    a_site_closes_once_all_is_given_without_it(office)
    nothing_begins_where_it_is_closed(office)
    what_was_closed_opens_again_from_above(office)


def rooms_and_units_change(office: Office) -> None:
    room, school, head = office.room, office.school, office.head
    kinds = ["teacher_camera", "pupil_camera"]
    equipped = {"equipment_kinds": kinds, "seats": 45, "link_mbps_declared": 500}
    status, changed = office.ask("PATCH", room, equipped, head)
    assert (status, changed["equipment_kinds"], changed["seats"]) == (200, sorted(kinds), 45)
    assert office.ask("PATCH", room, {"link_mbps_declared": None}, head)[1]["link_mbps_declared"] is None
    assert office.code("PATCH", school, {"name": "Mine"}, head) == "access.denied"
    for path, bad in (
        (room, {"equipment_kinds": ["magic"]}), (room, {"equipment_kinds": ["ups", "ups"]}), (room, {"name": None}),
        (room, {"seats": 0}), (room, {"code": "M2"}), (room, {}), (school, {"coordinates": {"latitude": 91}}),
        (school, {"coordinates": {"latitude": 1}}), (school, {"name": " "}),
    ):  # fmt: skip
        assert office.code("PATCH", path, bad) == "request.invalid", bad


def the_way_to_a_site_counts(office: Office) -> None:
    site = office.county.sites[0].unit
    for unit, place in (
        (office.school, {"latitude": 31.67, "longitude": 115.88}),
        (f"org-units/{site.id}", {"latitude": 31.73, "longitude": 115.93}),
    ):
        assert office.ask("PATCH", unit, {"coordinates": place})[1]["coordinates"] == place
    query = f"pairings/suggestions?site_id={site.id}&term_id={office.county.term.id}&subject=English"
    reasons = {each["item"]: each for each in office.ask("GET", query)[1]["items"][0]["reasons"]}
    assert (reasons["distance"]["fact"], reasons["distance"]["points"]) == (8.2, 8)
    assert reasons["nearness"]["points"] == 0


def a_room_closes_after_its_last_lesson(office: Office) -> None:
    first_day, last_day = office.county.term.first_day, office.county.term.last_day
    status, refused = office.ask("POST", f"{office.room}/close", office.mid_term, office.head)
    assert (status, refused["code"], refused["total_lessons"], refused["total_pairings"]) == (
        409, "room.still_planned", 2, 2
    )  # fmt: skip
    to_come = [str(first_day + timedelta(weeks=week)) for week in (2, 3)]
    assert [each["date"] for each in refused["lessons"]] == to_come
    after = str(last_day + timedelta(days=1))
    assert office.closed_from(f"{office.room}/close", {"closed_from": after}, office.head) == after
    assert office.closed_from(f"{office.room}/reopen", None, office.head) is None


def a_site_closes_once_all_is_given_without_it(office: Office) -> None:
    other = office.county.sites[1]
    unit, day = f"org-units/{other.unit.id}", office.mid_term["closed_from"]
    assert office.code("POST", f"{unit}/close", office.mid_term) == "room.still_planned"
    end = {"reason": "学校撤并", "stopped_from": day, "lessons": "drop"}
    assert office.ask("POST", f"pairings/{other.pairing.id}/end", end)[0] == 200
    assert office.closed_from(f"{unit}/close", office.mid_term) == day
    assert office.ask("GET", f"rooms/{other.room.id}")[1]["closed_from"] == day


def nothing_begins_where_it_is_closed(office: Office) -> None:
    county, other = office.county, office.county.sites[1]
    again = {
        "main_room_id": str(office.spare.id), "receiving_room_id": str(other.room.id), "subjects": [], "capacity": 3,
        "valid_from": str(county.term.first_day), "valid_to": str(county.term.last_day),
    }  # fmt: skip
    assert office.code("POST", "pairings", again) == "room.closed"
    assert office.code("POST", "timetable-entries", office.lesson_in_period_two()) == "room.closed"
    new = {"org_unit_id": str(other.unit.id), "kind": "receiving", "code": "R2", "name": "2"}
    assert office.code("POST", "rooms", new) == "org_unit.closed"
    group = {"org_unit_id": str(other.unit.id), "name": "一年级", "grades": [1], "headcount": 9}
    assert office.code("POST", "pupil-groups", group) == "org_unit.closed"
    begins = {"closed_from": str(county.term.first_day)}
    assert office.closed_from(f"rooms/{office.spare.id}/close", begins) == begins["closed_from"]
    in_spare = office.lesson_in_period_two(main_room_id=str(office.spare.id))
    assert office.code("POST", "timetable-entries", in_spare) == "room.closed"


def what_was_closed_opens_again_from_above(office: Office) -> None:
    other = office.county.sites[1]
    assert office.code("POST", f"rooms/{other.room.id}/reopen") == "org_unit.closed"
    assert office.closed_from(f"org-units/{other.unit.id}/reopen") is None
    assert office.closed_from(f"rooms/{other.room.id}/reopen") is None
    county = f"org-units/{office.county.county.id}"
    assert office.code("POST", f"{county}/close", office.mid_term) == "org_unit.county_stays"


def test_a_class_that_leaves_is_planned_for_no_more(client: TestClient, session: Session, keys: Keys) -> None:
    """By the service with the lessons in its way, and by the database whoever comes last."""
    first_day = counties.tomorrow()
    county = counties.county(session, sites=1, first_day=first_day, weeks=3)
    group = groups.create_group(session, GroupDraft(county.school.id, "三(1)", (3,), 40))
    body = county.body(weekday=first_day.isoweekday(), pupil_group_ids=[str(group.id)])
    bureau, address = factories.bearer(keys, county.bureau), f"/api/v1/pupil-groups/{group.id}"
    day, after = first_day + timedelta(weeks=1), county.term.last_day + timedelta(days=1)
    coverage = f"/api/v1/org-units/{county.school.id}/headcounts?term_id={county.term.id}"
    new = {"org_unit_id": str(county.school.id), "name": "三(1)", "grades": [3], "headcount": 38}
    session.commit()

    def post(path: str, body: Any = None) -> Any:
        return client.post(path, headers=bureau, json=body).json()

    entry = post("/api/v1/timetable-entries", body)
    refused = post(f"{address}/close", {"closed_from": str(day)})
    assert (refused["code"], refused["total_lessons"]) == ("pupil_group.still_planned", 2)
    assert [each["date"] for each in refused["lessons"]] == [str(day), str(day + timedelta(weeks=1))]
    with pytest.raises(DBAPIError, match=r"group_closed|group that is not closed"), session.begin_nested():
        group.closed_from = day
        session.flush()
    session.rollback()
    assert post(f"{address}/close", {"closed_from": str(after)})["closed_from"] == str(after)
    assert post(f"{address}/reopen")["closed_from"] is None
    gone = client.delete(f"/api/v1/timetable-entries/{entry['id']}?scope=all", headers=bureau)
    assert gone.json()["cancelled"] == 3
    assert client.get(coverage, headers=bureau).json()["bands"]
    assert post(f"{address}/close", {"closed_from": str(first_day)})["closed_from"] == str(first_day)
    assert client.get(coverage, headers=bureau).json()["bands"] == []
    assert post("/api/v1/timetable-entries", body | {"period": 2})["code"] == "pupil_group.closed"
    # The next class has the name of the one that left, which is asked for another one if it comes back.
    assert post("/api/v1/pupil-groups", new)["headcount"] == 38
    assert post("/api/v1/pupil-groups", new)["code"] == "pupil_group.name_taken"
    assert post(f"{address}/reopen")["code"] == "pupil_group.name_taken"
    assert client.patch(address, headers=bureau, json={"name": "三(1) 2026"}).json()["name"] == "三(1) 2026"
    assert post(f"{address}/reopen")["closed_from"] is None
    assert (
        client.patch(address, headers=bureau, json={"name": "三(1)"}).json()["code"]
        == "pupil_group.name_taken"
    )
    assert post(f"{address}/close", {"closed_from": str(first_day)})["closed_from"] == str(first_day)
    others = post("/api/v1/timetable-entries", body | {"period": 2, "pupil_group_ids": []})["id"]
    lesson = session.scalars(select(Lesson).where(Lesson.entry_id == uuid.UUID(others))).first()
    assert lesson is not None
    held = LessonGroup(
        lesson_id=lesson.id,
        pupil_group_id=group.id,
        org_unit_id=county.school.id,
        starts_at=lesson.starts_at,
        ends_at=lesson.ends_at,
    )
    with pytest.raises(DBAPIError, match=r"group_closed|group that is not closed"), session.begin_nested():
        session.add(held)
        session.flush()


@pytest.mark.parametrize("what", ["room", "pupil_group"])
def test_whoever_plans_while_it_is_closed_is_told_so(session: Session, what: str) -> None:
    """A plan was made while all was open; by the time of storing it is not."""
    county = counties.county(session, sites=1)
    group = groups.create_group(session, GroupDraft(county.school.id, "三(1)", (3,), 40))
    plan = planning.plan_entry(session, county.draft(pupil_group_ids=(group.id,)), counties.NOW)
    planning.store(session, plan)
    closing: Room | PupilGroup = county.main_room if what == "room" else group
    closing.closed_from = FIRST_DAY
    session.flush()
    with pytest.raises(Conflict) as refused:
        put_down(session, plan, rows_of(plan, LessonState.PUBLISHED))
    assert refused.value.code == f"{what}.closed"


def test_the_database_keeps_lessons_out_of_closed_rooms(session: Session) -> None:
    county = counties.county(session, sites=1)
    county.schedule(session)
    free = factories.room(session, county.school)
    second = factories.room(session, county.sites[0].unit, RoomKind.RECEIVING)
    agreed = counties.pair(session, county.main_room, second, county.term)
    free.closed_from = second.closed_from = FIRST_DAY + timedelta(days=1)
    session.flush()
    lesson = session.scalars(select(Lesson).order_by(Lesson.date).offset(1)).first()
    assert lesson is not None
    site = session.scalars(select(LessonSite).where(LessonSite.lesson_id == lesson.id)).one()

    def refused(thing: Any, **changes: Any) -> None:
        with pytest.raises(DBAPIError, match=r"room_closed|room that is open"), session.begin_nested():
            for name, value in changes.items():
                setattr(thing, name, value)
            session.flush()
        session.expire_all()

    refused(site, receiving_room_id=second.id, pairing_id=agreed.id)
    refused(county.main_room, closed_from=lesson.date)
    refused(county.sites[0].room, closed_from=lesson.date)
    site.state = SiteState.CANCELLED  # its agreement is about the other main room
    session.flush()
    refused(lesson, main_room_id=free.id)
    lesson.state, lesson.sequence = LessonState.CANCELLED, 1
    session.flush()
    lesson.main_room_id, lesson.sequence = free.id, 2
    session.flush()  # what does not take place may stand anywhere
    refused(lesson, state=LessonState.PUBLISHED)
    assert isinstance(lesson.id, uuid.UUID)
