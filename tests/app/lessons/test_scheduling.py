"""Scheduling: an entry becomes its dated lessons, or is refused with what is in the way."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from app.accounts.rules import Role
from app.database import SessionFactory
from app.errors import AppError, Conflict
from app.lessons import scheduling
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import LessonState, SiteState
from app.pairings.rules import PairingState
from app.timetables import service as timetables
from app.timetables.models import TimetableEntry
from app.timetables.planning import SkipReason
from app.timetables.rules import Bell
from tests import counties, factories
from tests.counties import NOW, County


@pytest.fixture
def county(session: Session) -> County:
    return counties.county(session)


def lessons_of(session: Session, **equals: Any) -> list[Lesson]:
    return list(session.scalars(select(Lesson).filter_by(**equals).order_by(Lesson.starts_at)))


def refusal(session: Session, county: County, **changes: Any) -> AppError:
    with pytest.raises(AppError) as refused, session.begin_nested():
        county.schedule(session, **changes)
    return refused.value


def test_an_entry_becomes_a_lesson_for_every_week_and_site(session: Session, county: County) -> None:
    plan = county.schedule(session)
    lessons = lessons_of(session, entry_id=plan.entry.id)
    assert [lesson.date for lesson in lessons] == [
        counties.FIRST_DAY + timedelta(weeks=week) for week in range(20)
    ]
    first = lessons[0]
    assert first.starts_at == datetime(2026, 9, 7, 0, 0, tzinfo=UTC)  # eight o'clock in Shanghai
    assert first.ends_at - first.starts_at == timedelta(minutes=40)
    assert (first.state, first.sequence, first.school_id) == (LessonState.PUBLISHED, 0, county.school.id)
    sites = session.scalars(select(LessonSite).filter_by(lesson_id=first.id)).all()
    assert {site.site_code for site in sites} == {site.unit.code for site in county.sites}
    assert {(site.starts_at, site.ends_at, site.state) for site in sites} == {
        (first.starts_at, first.ends_at, SiteState.INVITED)
    }
    assert session.scalar(select(func.count()).select_from(LessonSite)) == 40


def test_weeks_and_days_narrow_the_pattern(session: Session, county: County) -> None:
    third_to_fifth = county.schedule(session, first_week=3, last_week=5)
    assert [each.day for each in third_to_fifth.occurrences] == [
        date(2026, 9, 21),
        date(2026, 9, 28),
        date(2026, 10, 5),
    ]
    one_day = county.schedule(session, first_day=date(2026, 11, 2), last_day=date(2026, 11, 8))
    assert [each.day for each in one_day.occurrences] == [date(2026, 11, 2)]


def test_lessons_that_are_over_are_left_out_and_named(session: Session, county: County) -> None:
    during_the_second = datetime(2026, 9, 14, 0, 20, tzinfo=UTC)
    plan = county.schedule(session, during_the_second)
    assert plan.occurrences[0].day == date(2026, 9, 14)
    assert [(each.day, each.reason) for each in plan.skipped] == [(date(2026, 9, 7), SkipReason.PAST)]
    after_the_term = datetime(2027, 9, 1, tzinfo=UTC)
    refused = refusal(session, county, now=after_the_term, period=2)
    assert refused.code == "timetable.no_lessons"


def test_a_school_in_another_zone_keeps_its_own_bells(session: Session, county: County) -> None:
    west = factories.org_unit(session, county.county, time_zone="Asia/Urumqi")
    room = factories.room(session, west)
    counties.pair(session, room, county.sites[0].room, county.term)
    teacher = factories.person(session, west, Role.TEACHER)
    receiving = (county.sites[0].room.id,)
    bells = timetables.BellDraft(
        west.id, "Late", county.term.first_day, county.term.last_day, {1: Bell(time(9), time(9, 45))}
    )
    timetables.create_bell_schedule(session, bells)
    wanted: dict[str, Any] = {
        "main_room_id": room.id,
        "teacher_id": teacher.id,
        "receiving_room_ids": receiving,
    }
    refused = refusal(session, county, **wanted)  # eleven o'clock at the site, which has no period then
    assert (refused.code, len(refused.extra["bells_apart"])) == ("timetable.bells_apart", 20)
    at_eleven = {1: Bell(time(11), time(11, 40))}
    days = (county.term.first_day, county.term.last_day)
    site = timetables.BellDraft(county.sites[0].unit.id, "Site", *days, at_eleven)
    timetables.create_bell_schedule(session, site)
    plan = county.schedule(session, **wanted)
    assert plan.occurrences[0].interval.starts_at == datetime(2026, 9, 7, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("resource", ["teacher", "main_room", "receiving_room"])
def test_a_clash_names_resource_lesson_and_time(session: Session, county: County, resource: str) -> None:
    taken = county.schedule(session)
    other_room = factories.room(session, county.school)
    other_teacher = factories.person(session, county.school, Role.TEACHER)
    other_site = counties.site(session, county.county, county.main_room, county.term)
    counties.pair(session, other_room, county.sites[0].room, county.term)
    counties.pair(session, other_room, other_site.room, county.term)
    free: dict[str, Any] = {
        "teacher_id": other_teacher.id,
        "main_room_id": other_room.id,
        "receiving_room_ids": (other_site.room.id,),
    }
    held: dict[str, dict[str, Any]] = {
        "teacher": {"teacher_id": county.teacher.id},
        "main_room": {"main_room_id": county.main_room.id},
        "receiving_room": {"receiving_room_ids": (county.sites[0].room.id,)},
    }
    names = {
        "teacher": county.teacher.name,
        "main_room": county.main_room.name,
        "receiving_room": county.sites[0].room.name,
    }
    refused = refusal(session, county, **(free | held[resource]), first_week=4)
    assert (refused.status, refused.code) == (409, "timetable.clash")
    fourth = lessons_of(session, entry_id=taken.entry.id)[3]
    assert refused.extra["total"] == 17
    assert refused.extra["clashes"][0] == {
        "resource": resource,
        "id": str(
            next(iter(held[resource].values())) if resource != "receiving_room" else county.sites[0].room.id
        ),
        "name": names[resource],
        "lesson_id": str(fourth.id),
        "title": "Grade 3 English",
        "starts_at": "2026-09-28T00:00:00Z",
        "ends_at": "2026-09-28T00:40:00Z",
    }
    assert (
        f"{names[resource]} is taken by “Grade 3 English” on 2026-09-28 from 08:00 to 08:40" in refused.detail
    )
    assert county.schedule(session, **free).occurrences


def test_back_to_back_is_legal_and_a_minute_less_is_not(session: Session) -> None:
    county = counties.county(session, periods=counties.BACK_TO_BACK)
    county.schedule(session)
    county.schedule(session, period=2)
    overlapping = {1: Bell(time(8, 39), time(9, 0))}
    early = factories.school(session, county.county)
    bells = timetables.BellDraft(early.id, "x", county.term.first_day, county.term.last_day, overlapping)
    timetables.create_bell_schedule(session, bells)
    room = factories.room(session, early)
    counties.pair(session, room, county.sites[0].room, county.term)
    receiving = (county.sites[0].room.id,)
    refused = refusal(session, county, main_room_id=room.id, receiving_room_ids=receiving)
    kinds = {(each["resource"], each["starts_at"][11:16]) for each in refused.extra["clashes"]}
    assert kinds == {
        ("teacher", "00:00"), ("teacher", "00:40"), ("receiving_room", "00:00"), ("receiving_room", "00:40"),
    }  # fmt: skip


def test_a_refused_entry_leaves_nothing_behind(session_factory: SessionFactory) -> None:
    with session_factory.begin() as session:
        county = counties.county(session)
        county.schedule(session, first_week=20)
    with pytest.raises(Conflict), session_factory.begin() as session:
        county.schedule(session)
    with session_factory() as session:
        assert session.scalar(select(func.count()).select_from(TimetableEntry)) == 1
        assert session.scalar(select(func.count()).select_from(Lesson)) == 1


def test_rules_broken_are_named(session: Session, county: County) -> None:
    stranger = factories.person(session, county.school, Role.SCHOOL_ADMIN)
    leaver = factories.person(session, county.school, Role.TEACHER, valid_to=date(2026, 9, 20))
    closed = factories.person(session, county.school, Role.TEACHER, active=False)
    unpaired = counties.site(session, county.county, factories.room(session, county.school), county.term)
    receiving = county.sites[0].room
    second_room = factories.room(session, county.sites[0].unit, receiving.kind)
    twice = (receiving.id, second_room.id)
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"teacher_id": stranger.id}, 409, "timetable.not_a_teacher"),
        ({"teacher_id": leaver.id}, 409, "timetable.not_a_teacher"),
        ({"teacher_id": closed.id}, 409, "timetable.not_a_teacher"),
        ({"teacher_id": receiving.id}, 404, "person.not_found"),
        ({"main_room_id": receiving.id}, 422, "timetable.not_a_main_room"),
        ({"main_room_id": stranger.id}, 404, "room.not_found"),
        ({"receiving_room_ids": (stranger.id,)}, 404, "room.not_found"),
        ({"receiving_room_ids": twice}, 422, "timetable.site_twice"),
        ({"receiving_room_ids": (unpaired.room.id,)}, 409, "pairing.not_active"),
        ({"term_id": stranger.id}, 404, "term.not_found"),
        ({"period": 9}, 422, "timetable.period_unknown"),
        ({"first_day": date(2026, 9, 1)}, 422, "timetable.outside_term"),
        ({"last_day": date(2027, 9, 1)}, 422, "timetable.outside_term"),
        ({"first_week": 21}, 422, "timetable.outside_term"),
        ({"first_week": 5, "last_week": 4}, 422, "timetable.outside_term"),
        ({"first_day": date(2026, 9, 8), "last_day": date(2026, 9, 13)}, 422, "timetable.no_lessons"),
    ]
    for changes, status, code in cases:
        refused = refusal(session, county, **changes)
        assert (refused.status, refused.code) == (status, code), changes
    assert refusal(session, county, teacher_id=leaver.id).extra["date"] == "2026-09-21"
    assert refusal(session, county, period=9).extra["periods"] == [1, 2]


def test_pairings_decide_which_sites_may_take_part(session: Session, county: County) -> None:
    first, second = county.sites
    first.pairing.state, first.pairing.stopped_from = PairingState.SUSPENDED, county.term.first_day
    session.flush()
    assert refusal(session, county).extra["receiving_room_id"] == str(first.room.id)
    first.pairing.state, first.pairing.stopped_from = PairingState.APPROVED, None
    second.pairing.valid_to = date(2026, 10, 11)
    session.flush()
    refused = refusal(session, county)
    assert (refused.code, refused.extra["date"]) == ("pairing.not_active", "2026-10-12")
    renewed = counties.pair(
        session, county.main_room, second.room, county.term, valid_from=date(2026, 10, 12)
    )
    assert refusal(session, county).code == "pairing.changes"
    county.schedule(session, last_week=5)
    assert county.schedule(session, first_week=6).sites[1].pairing_id == renewed.id


def test_subjects_and_capacity_of_a_pairing_hold(session: Session, county: County) -> None:
    counties_site = counties.site(session, county.county, county.main_room, county.term, subjects=("Music",))
    receiving = (counties_site.room.id,)
    assert refusal(session, county, receiving_room_ids=receiving).code == "pairing.not_active"
    county.schedule(session, receiving_room_ids=receiving, subject="Music", period=2)
    narrow = counties.site(session, county.county, county.main_room, county.term, capacity=1)
    both = (narrow.room.id, county.sites[0].room.id)
    refused = refusal(session, county, receiving_room_ids=both)
    assert (refused.code, refused.extra) == ("pairing.over_capacity", {"capacity": 1, "wanted": 2})


def test_days_without_bells_are_refused(session: Session) -> None:
    county = counties.county(session)
    bare = factories.county(session)
    school = factories.school(session, bare)
    room = factories.room(session, school)
    term = timetables.create_term(
        session, bare.id, timetables.TermDraft("Bare", county.term.first_day, county.term.last_day)
    )
    site = counties.site(session, bare, room, term)
    teacher = factories.person(session, school, Role.TEACHER)
    refused = refusal(
        session,
        county,
        term_id=term.id,
        main_room_id=room.id,
        teacher_id=teacher.id,
        receiving_room_ids=(site.room.id,),
    )
    assert (refused.code, refused.extra) == ("timetable.no_bells", {"date": "2026-09-07"})


@pytest.mark.parametrize(
    ("foreign", "code"),
    [
        ("term_id", "term.not_found"),
        ("teacher_id", "person.not_found"),
        ("receiving_room_ids", "room.not_found"),
    ],
)
def test_counties_do_not_mix(session: Session, county: County, foreign: str, code: str) -> None:
    other = counties.county(session)
    refused = refusal(session, county, **{foreign: getattr(other.draft(), foreign)})
    assert (refused.status, refused.code) == (404, code)


def test_cost_does_not_grow_with_weeks_and_sites(session: Session, engine: Engine) -> None:
    def statements(weeks: int, sites: int) -> int:
        county = counties.county(session, weeks=weeks, sites=sites)
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        scheduling.create_entry(session, county.draft(), NOW)
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    assert statements(weeks=20, sites=3) == statements(weeks=2, sites=1) <= 25
