"""Planning by weeks and pupil groups, trying without storing, and drafts that only planners see."""

from datetime import date, time
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.database import SessionFactory
from app.errors import AppError
from app.keys import Keys
from app.lessons import changes
from app.lessons.models import Lesson, LessonGroup
from app.schools.models import OrgUnit, PupilGroup
from app.timetables import service as timetables
from app.timetables.models import TimetableEntry
from app.timetables.rules import Bell, LessonMode
from app.timetables.weeks import WeekPattern
from tests import counties, factories
from tests.counties import NOW, County
from tests.crowds import at_once

CLIENTS = 50


@pytest.fixture
def county(session: Session) -> County:
    return counties.county(session)


def group(session: Session, unit: OrgUnit, name: str = "3(1)") -> PupilGroup:
    made = PupilGroup(org_unit_id=unit.id, name=name, grades=[3], headcount=12)
    session.add(made)
    session.flush()
    return made


def refusal(session: Session, county: County, **changes: Any) -> AppError:
    with pytest.raises(AppError) as refused, session.begin_nested():
        county.schedule(session, **changes)
    return refused.value


def test_odd_even_and_listed_weeks_share_a_slot(session: Session, county: County) -> None:
    odd = county.schedule(session, week_pattern=WeekPattern.ODD)
    assert [each.day for each in odd.occurrences][:2] == [date(2026, 9, 7), date(2026, 9, 21)]
    listed = county.schedule(session, week_pattern=WeekPattern.LISTED, weeks=(2, 20))
    assert [each.day for each in listed.occurrences] == [date(2026, 9, 14), date(2027, 1, 18)]
    refused = refusal(session, county, week_pattern=WeekPattern.EVEN)
    assert (refused.code, refused.extra["total"]) == ("timetable.clash", 2 * (2 + len(county.sites)))
    beyond = refusal(session, county, week_pattern=WeekPattern.LISTED, weeks=(21,))
    assert (beyond.code, beyond.extra["weeks"]) == ("timetable.outside_term", 20)


def test_a_pupil_group_is_in_one_lesson_at_a_time(session: Session, county: County) -> None:
    """The same children cannot sit in another room with another teacher."""
    taught = group(session, county.sites[0].unit)
    county.schedule(session, pupil_group_ids=(taught.id,))
    assert session.scalar(select(func.count()).select_from(LessonGroup)) == 20
    elsewhere = _elsewhere(session, county)
    refused = refusal(session, county, **elsewhere, pupil_group_ids=(taught.id,))
    assert {each["resource"] for each in refused.extra["clashes"]} == {"pupil_group"}
    assert refused.extra["clashes"][0]["name"] == taught.name
    assert refused.extra["total"] == 20
    county.schedule(session, **elsewhere, pupil_group_ids=(taught.id,), period=2)


def _elsewhere(session: Session, county: County) -> dict[str, Any]:
    """Another main room and teacher, and another receiving room of the first site."""
    room = factories.room(session, county.school)
    site = county.sites[0]
    receiving = factories.room(session, site.unit, site.room.kind)
    counties.pair(session, room, receiving, county.term)
    teacher = factories.person(session, county.school, Role.TEACHER)
    return {"main_room_id": room.id, "teacher_id": teacher.id, "receiving_room_ids": (receiving.id,)}


def test_groups_belong_to_the_lesson_and_the_mode(session: Session, county: County) -> None:
    main, site = group(session, county.school), group(session, county.sites[0].unit)
    stranger = group(session, factories.school(session, county.county))
    assert refusal(session, county, pupil_group_ids=(stranger.id,)).code == "pupil_group.not_found"
    dedicated = {"mode": LessonMode.DEDICATED, "pupil_group_ids": (main.id, site.id)}
    assert refusal(session, county, **dedicated).code == "timetable.main_class_taught"
    county.schedule(session, mode=LessonMode.DEDICATED, pupil_group_ids=(site.id,))
    both = county.schedule(session, period=2, pupil_group_ids=(main.id, site.id))
    assert {each.pupil_group_id for each in both.entry.groups} == {main.id, site.id}


def test_free_alternatives_are_free(session: Session, county: County) -> None:
    county.schedule(session)
    county.schedule(session, weekday=2, period=1)
    alternatives = refusal(session, county).extra["alternatives"]
    assert alternatives[0] == {  # the nearest comes first
        "weekday": 1,
        "period": 2,
        "lessons": 20,
        "date": "2026-09-07",
        "starts_at": "2026-09-07T00:40:00Z",
        "ends_at": "2026-09-07T01:20:00Z",
    }
    assert len(alternatives) == 10
    for each in alternatives:
        county.schedule(session, weekday=each["weekday"], period=each["period"])


def test_alternatives_keep_to_the_bells_of_the_sites(session: Session) -> None:
    county = counties.county(session, sites=1)
    days = (county.term.first_day, county.term.last_day)
    late = {1: Bell(time(8, 41), time(9, 21))}  # a minute after the second period of the main school
    timetables.create_bell_schedule(
        session, timetables.BellDraft(county.sites[0].unit.id, "Late", *days, late)
    )
    refused = refusal(session, county)
    assert refused.code == "timetable.bells_apart"
    assert "no period by its own bells on 2026-09-07 from 08:00 to 08:40" in refused.detail
    assert {each["period"] for each in refused.extra["alternatives"]} == {2}
    assert county.schedule(session, period=2).occurrences


def test_trying_an_entry_stores_nothing(client: TestClient, session: Session, keys: Keys) -> None:
    county = counties.county(session, first_day=counties.tomorrow())
    session.commit()
    header = factories.bearer(keys, county.bureau)
    body = county.body(weekday=county.term.first_day.isoweekday())

    def ask(path: str = "/check", **changes: Any) -> Any:
        return client.post(f"/api/v1/timetable-entries{path}", headers=header, json=body | changes)

    tried = ask()
    assert (tried.status_code, tried.json()["free"], tried.json()["lessons"]) == (200, True, 20)
    assert session.scalar(select(func.count()).select_from(TimetableEntry)) == 0
    session.commit()
    assert ask("").status_code == 201
    found = ask().json()
    assert (found["free"], found["total"], len(found["clashes"])) == (False, 80, 50)
    assert found["clashes"][0]["resource"] in ("teacher", "main_room", "receiving_room")
    free = found["alternatives"][0]
    assert (free["period"], free["date"]) == (2, str(county.term.first_day))
    assert free["starts_at"] == f"{county.term.first_day}T00:40:00Z", "what the clock shows there, too"
    assert ask(period=9).json()["code"] == "timetable.period_unknown"
    assert ask(weeks=[1]).json()["errors"][0]["code"] == "weeks_listed"
    assert ask(first_week=2, last_week=25).json()["code"] == "timetable.outside_term"
    assert ask(publish=False).status_code == 422  # nothing is published by trying


def test_drafts_are_seen_by_planners_only(client: TestClient, session: Session, keys: Keys) -> None:
    county = counties.county(session, first_day=counties.tomorrow(), weeks=2)
    session.commit()
    bureau, teacher = factories.bearer(keys, county.bureau), factories.bearer(keys, county.teacher)
    body = county.body(weekday=county.term.first_day.isoweekday(), publish=False)
    made = client.post("/api/v1/timetable-entries", headers=bureau, json=body).json()
    assert made["published"] is False
    entry = f"/api/v1/timetable-entries/{made['id']}"
    listed = client.get("/api/v1/lessons", headers=bureau).json()["items"]
    assert {each["state"] for each in listed} == {"draft"}
    lesson = f"/api/v1/lessons/{listed[0]['id']}"
    hidden = (entry, lesson, f"{lesson}/join", f"{lesson}/quality")
    assert [client.get(path, headers=teacher).status_code for path in hidden] == [404] * 4
    for path in ("/api/v1/lessons", "/api/v1/timetable-entries"):
        assert client.get(path, headers=teacher).json()["items"] == []
    assert changes.take_waiting(session, 10, NOW) == []
    session.commit()
    wanted = {"term_id": str(county.term.id), "school_id": str(county.school.id)}
    published = client.post("/api/v1/timetable/publish", headers=bureau, json=wanted)
    assert published.json() == {"entries": 1, "lessons": 2}
    assert client.post("/api/v1/timetable/publish", headers=bureau, json=wanted).json()["entries"] == 0
    assert client.get(lesson, headers=teacher).json()["sequence"] == 0
    waiting = changes.take_waiting(session, 10, NOW)
    assert [(each.kind, str(each.entry_id)) for each in waiting] == [("published", made["id"])]
    assert changes.take_waiting(session, 10, NOW) == []


def test_of_many_clients_that_want_the_same_pupils_exactly_one_wins(
    client: TestClient, session_factory: SessionFactory, keys: Keys
) -> None:
    """Each brings a teacher, a main room and a receiving room of its own; the children are the same."""
    with session_factory.begin() as session:
        county = counties.county(session, sites=1, weeks=4, first_day=counties.tomorrow())
        pupils = group(session, county.sites[0].unit)
        bodies = []
        for _ in range(CLIENTS):
            each = _elsewhere(session, county)
            rooms = [str(room_id) for room_id in each.pop("receiving_room_ids")]
            ids = {name: str(value) for name, value in each.items()}
            bodies.append(county.body(**ids, receiving_room_ids=rooms, pupil_group_ids=[str(pupils.id)]))
    header = factories.bearer(keys, county.bureau)
    plan = partial(client.post, "/api/v1/timetable-entries", headers=header)
    answers = at_once([partial(plan, json=body) for body in bodies])
    assert sorted(each.status_code for each in answers) == [201] + [409] * (CLIENTS - 1)
    losers = [each.json() for each in answers if each.status_code == 409]
    assert {(body["code"], body["total"]) for body in losers} == {("timetable.clash", 4)}
    assert {clash["resource"] for body in losers for clash in body["clashes"]} == {"pupil_group"}
    with session_factory() as session:
        assert session.scalar(select(func.count()).select_from(Lesson)) == 4
