"""Rooms and units that change and close, over REST and in the database; how far places are from each other."""

import uuid
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
from tests.counties import FIRST_DAY

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


def test_rooms_and_units_change_and_close(client: TestClient, session: Session, keys: Keys) -> None:
    first_day = counties.tomorrow()
    county = counties.county(session, sites=2, first_day=first_day, weeks=4)
    site, other = county.sites
    county.schedule(session, weekday=first_day.isoweekday())
    head = factories.bearer(keys, factories.person(session, county.school, Role.SCHOOL_ADMIN))
    bureau = factories.bearer(keys, county.bureau)
    spare = factories.room(session, county.school)
    body = county.body(weekday=first_day.isoweekday(), period=2)
    session.commit()

    def ask(method: str, path: str, body: Any = None, header: dict[str, str] = bureau) -> tuple[int, Any]:
        answer = client.request(method, f"/api/v1/{path}", headers=header, json=body)
        return answer.status_code, answer.json() if answer.content else None

    def code(method: str, path: str, body: Any = None, header: dict[str, str] = bureau) -> str:
        return str(ask(method, path, body, header)[1].get("code"))

    # --- changing ---
    room, school = f"rooms/{county.main_room.id}", f"org-units/{county.school.id}"
    kinds = ["teacher_camera", "pupil_camera"]
    status, changed = ask(
        "PATCH", room, {"equipment_kinds": kinds, "seats": 45, "link_mbps_declared": 500}, head
    )
    assert (status, changed["equipment_kinds"], changed["seats"]) == (200, sorted(kinds), 45)
    assert ask("PATCH", room, {"link_mbps_declared": None}, head)[1]["link_mbps_declared"] is None
    place = {"latitude": 31.67, "longitude": 115.88}
    assert ask("PATCH", school, {"coordinates": place})[1]["coordinates"] == place
    assert (
        ask("PATCH", f"org-units/{site.unit.id}", {"coordinates": {"latitude": 31.73, "longitude": 115.93}})[
            0
        ]
        == 200
    )
    assert code("PATCH", school, {"name": "Mine"}, head) == "access.denied"
    for path, bad in (
        (room, {"equipment_kinds": ["magic"]}), (room, {"equipment_kinds": ["ups", "ups"]}), (room, {"name": None}),
        (room, {"seats": 0}), (room, {"code": "M2"}), (room, {}), (school, {"coordinates": {"latitude": 91}}),
        (school, {"coordinates": {"latitude": 1}}), (school, {"name": " "}),
    ):  # fmt: skip
        assert code("PATCH", path, bad) == "request.invalid", bad
    query = f"pairings/suggestions?site_id={site.unit.id}&term_id={county.term.id}&subject=English"
    reasons = {each["item"]: each for each in ask("GET", query)[1]["items"][0]["reasons"]}
    assert (reasons["distance"]["fact"], reasons["distance"]["points"]) == (8.2, 8)
    assert reasons["nearness"]["points"] == 0

    # --- closing ---
    day = {"closed_from": str(first_day + timedelta(weeks=2))}
    status, refused = ask("POST", f"{room}/close", day, head)
    assert (status, refused["code"], refused["total_lessons"], refused["total_pairings"]) == (
        409, "room.still_planned", 2, 2
    )  # fmt: skip
    assert [each["date"] for each in refused["lessons"]] == [
        str(first_day + timedelta(weeks=week)) for week in (2, 3)
    ]
    after = {"closed_from": str(county.term.last_day + timedelta(days=1))}
    assert ask("POST", f"{room}/close", after, head)[1]["closed_from"] == after["closed_from"]
    assert ask("POST", f"{room}/reopen", None, head)[1]["closed_from"] is None
    # A site closes in mid-term, once its agreement has ended and its lessons are given without it.
    unit = f"org-units/{other.unit.id}"
    assert code("POST", f"{unit}/close", day) == "room.still_planned"
    end = {"reason": "学校撤并", "stopped_from": day["closed_from"], "lessons": "drop"}
    assert ask("POST", f"pairings/{other.pairing.id}/end", end)[0] == 200
    assert ask("POST", f"{unit}/close", day)[1]["closed_from"] == day["closed_from"]
    assert ask("GET", f"rooms/{other.room.id}")[1]["closed_from"] == day["closed_from"]
    again = {
        "main_room_id": str(spare.id), "receiving_room_id": str(other.room.id), "subjects": [], "capacity": 3,
        "valid_from": str(first_day), "valid_to": str(county.term.last_day),
    }  # fmt: skip
    assert code("POST", "pairings", again) == "room.closed"
    assert code("POST", "timetable-entries", body) == "room.closed"
    new = {"org_unit_id": str(other.unit.id), "kind": "receiving", "code": "R2", "name": "2"}
    assert code("POST", "rooms", new) == "org_unit.closed"
    group = {"org_unit_id": str(other.unit.id), "name": "一年级", "grades": [1], "headcount": 9}
    assert code("POST", "pupil-groups", group) == "org_unit.closed"
    assert code("POST", f"rooms/{other.room.id}/reopen") == "org_unit.closed"
    assert ask("POST", f"{unit}/reopen")[1]["closed_from"] is None
    assert ask("POST", f"rooms/{other.room.id}/reopen")[1]["closed_from"] is None
    assert code("POST", f"org-units/{county.county.id}/close", day) == "org_unit.county_stays"
    assert ask("POST", f"rooms/{spare.id}/close", {"closed_from": str(first_day)})[0] == 200
    assert code("POST", "timetable-entries", body | {"main_room_id": str(spare.id)}) == "room.closed"


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
