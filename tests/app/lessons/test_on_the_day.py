"""Lessons on their day: who takes part, when media are let through, and what the records say."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.models import Person
from app.accounts.rules import Principal, Role
from app.errors import AppError, Conflict, Forbidden, NotFound
from app.lessons import finding, on_the_day, service
from app.lessons.changes import Doing
from app.lessons.finding import Wanted
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import LessonState, ParticipantRole, SiteState, state_by_the_clock
from tests import counties, factories
from tests.counties import NOW, County

STARTS = datetime(2026, 9, 7, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SNOW = Doing(NOW, reason="Snow")


@pytest.fixture
def county(session: Session) -> County:
    return counties.county(session)


@pytest.fixture
def lesson(session: Session, county: County) -> Lesson:
    plan = county.schedule(session)
    found = session.scalars(select(Lesson.id).filter_by(entry_id=plan.entry.id, date=date(2026, 9, 7)))
    return service.get_lesson(session, found.one())


def principal(session: Session, person: Person, now: datetime = STARTS) -> Principal:
    return accounts.principal_of(session, person.id, now)


def refusal(session: Session, lesson: Lesson, person: Person) -> AppError:
    with pytest.raises(NotFound) as refused:
        service.participation(session, lesson, principal(session, person))
    return refused.value


# --- who ---


def test_teacher_assistants_and_administrators_have_a_part(
    session: Session, county: County, lesson: Lesson
) -> None:
    codes = sorted(site.unit.code for site in county.sites)
    teacher = service.participation(session, lesson, principal(session, county.teacher))
    assert (teacher.role, teacher.publish) == (ParticipantRole.TEACHER, ("main", "board"))
    assert teacher.watch == tuple(f"site-{code}" for code in codes)
    for site in county.sites:
        part = service.participation(session, lesson, principal(session, site.assistant))
        assert (part.publish, part.watch) == ((f"site-{site.unit.code}",), ("main", "board"))
    admins = [
        county.bureau,
        factories.person(session, county.school, Role.SCHOOL_ADMIN),
    ]
    for admin in admins:
        part = service.participation(session, lesson, principal(session, admin))
        assert (part.role, part.publish) == (ParticipantRole.OBSERVER, ())


def test_an_assistant_of_the_school_above_serves_its_sites(session: Session) -> None:
    county = counties.county(session, sites=0)
    site = counties.site(session, county.school, county.main_room, county.term)
    county.schedule(session, receiving_room_ids=(site.room.id,))
    lesson = service.get_lesson(session, session.scalars(select(Lesson.id)).all()[0])
    helper = factories.person(session, county.school, Role.SITE_ASSISTANT)
    part = service.participation(session, lesson, principal(session, helper))
    assert part.publish == (f"site-{site.unit.code}",)


def test_nobody_else_has_a_part(session: Session, county: County, lesson: Lesson) -> None:
    other_school = factories.school(session, county.county)
    strangers = [
        factories.person(session, county.school, Role.TEACHER),
        factories.person(session, other_school, Role.SCHOOL_ADMIN),
        factories.person(session, other_school, Role.SITE_ASSISTANT),
        factories.person(session, county.school, None),
        factories.person(session, county.sites[0].unit, Role.SITE_ASSISTANT, valid_to=date(2026, 9, 6)),
        factories.person(session, county.sites[0].unit, Role.SITE_ASSISTANT, valid_from=date(2026, 9, 8)),
    ]
    for stranger in strangers:
        assert refusal(session, lesson, stranger).code == "lesson.not_found"
    abroad = counties.county(session)
    assert refusal(session, lesson, abroad.bureau).code == "lesson.not_found"


def test_a_site_that_was_dropped_has_no_part(session: Session, county: County, lesson: Lesson) -> None:
    dropped = county.sites[0]
    site = next(each for each in lesson.sites if each.site_id == dropped.unit.id)
    site.state = SiteState.CANCELLED
    session.flush()
    assert refusal(session, lesson, dropped.assistant).code == "lesson.not_found"
    who = principal(session, dropped.assistant)
    listed = finding.list_lessons(session, who, Wanted()).items
    assert len(listed) == 19
    assert lesson.id not in {each.id for each in listed}
    teacher = service.participation(session, lesson, principal(session, county.teacher))
    assert teacher.watch == (f"site-{county.sites[1].unit.code}",)


# --- when ---


def test_media_are_let_through_around_the_lesson_only(lesson: Lesson) -> None:
    for minutes in (-15, 0, 39, 49):
        assert service.check_on_air(lesson, STARTS + minutes * MINUTE).starts_at == STARTS
    for minutes in (-16, 50):
        with pytest.raises(Conflict) as refused:
            service.check_on_air(lesson, STARTS + minutes * MINUTE)
        assert refused.value.code == "lesson.not_on_air"
        assert refused.value.extra == {
            "state": "published",
            "opens_at": "2026-09-06T23:45:00+00:00",
            "starts_at": "2026-09-07T00:00:00+00:00",
            "ends_at": "2026-09-07T00:40:00+00:00",
            "closes_at": "2026-09-07T00:50:00+00:00",
        }


@pytest.mark.parametrize("state", ["draft", "ended", "archived", "cancelled", "moved"])
def test_a_lesson_that_does_not_take_place_takes_no_media(lesson: Lesson, state: str) -> None:
    lesson.state = LessonState(state)
    with pytest.raises(Conflict, match=state):
        service.check_on_air(lesson, STARTS)


# --- what happens ---


def state_of(session: Session, lesson: Lesson) -> LessonState:
    return session.scalars(select(Lesson.state).where(Lesson.id == lesson.id)).one()


def site_of(session: Session, lesson: Lesson, code: str) -> LessonSite:
    query = select(LessonSite).where(LessonSite.lesson_id == lesson.id, LessonSite.site_code == code)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def test_the_teachers_picture_makes_a_lesson_live(session: Session, lesson: Lesson) -> None:
    assert not service.mark_interrupted(session, lesson.id, STARTS)
    assert service.mark_publishing(session, lesson.id, STARTS + MINUTE)
    assert state_of(session, lesson) is LessonState.LIVE
    assert service.mark_interrupted(session, lesson.id, STARTS + 2 * MINUTE)
    assert state_of(session, lesson) is LessonState.INTERRUPTED
    assert service.mark_publishing(session, lesson.id, STARTS + 3 * MINUTE)
    session.refresh(lesson)
    assert (lesson.state, lesson.went_live_at) == (LessonState.LIVE, STARTS + MINUTE)


def test_a_late_teacher_still_teaches(session: Session, lesson: Lesson) -> None:
    service.follow_clock(session, STARTS + 11 * MINUTE)
    assert state_of(session, lesson) is LessonState.MISSED
    assert service.mark_publishing(session, lesson.id, STARTS + 12 * MINUTE)
    assert state_of(session, lesson) is LessonState.LIVE


def test_sites_come_and_go(session: Session, county: County, lesson: Lesson) -> None:
    code = county.sites[0].unit.code
    assert not service.mark_site_left(session, lesson.id, code, STARTS)
    assert service.mark_site_joined(session, lesson.id, code, STARTS)
    assert service.mark_site_left(session, lesson.id, code, STARTS + MINUTE)
    left = site_of(session, lesson, code)
    assert (left.state, left.left_at) == (SiteState.LEFT, STARTS + MINUTE)
    assert service.mark_site_joined(session, lesson.id, code, STARTS + 2 * MINUTE)
    back = site_of(session, lesson, code)
    assert (back.state, back.joined_at, back.left_at) == (SiteState.JOINED, STARTS, None)
    assert not service.mark_site_joined(session, lesson.id, "nobody", STARTS)


def test_minutes_count_only_while_teacher_and_site_are_both_there(
    session: Session, county: County, lesson: Lesson
) -> None:
    """Whatever comes and goes in whatever order, before and after the planned time too: minute by minute."""
    code = county.sites[0].unit.code
    chance = Random(5)
    for _ in range(12):
        with session.begin_nested() as story:
            on_air = there = False
            live = received = 0
            for minute in range(-12, 52):
                now = STARTS + minute * MINUTE
                if chance.random() < 0.15:
                    on_air = not on_air
                    mark = service.mark_publishing if on_air else service.mark_interrupted
                    assert mark(session, lesson.id, now)
                if chance.random() < 0.15:
                    there = not there
                    mark_site = service.mark_site_joined if there else service.mark_site_left
                    assert mark_site(session, lesson.id, code, now)
                in_time = STARTS <= now < lesson.ends_at
                live += on_air and in_time
                received += on_air and there and in_time
            service.follow_clock(session, STARTS + 52 * MINUTE)
            session.refresh(lesson)
            site = site_of(session, lesson, code)
            assert (lesson.live_seconds, site.received_seconds) == (60 * live, 60 * received)
            assert (lesson.live_since, site.received_since) == (None, None)
            story.rollback()


def test_a_lesson_ends_when_its_doors_close(session: Session, county: County, lesson: Lesson) -> None:
    code = county.sites[0].unit.code
    service.mark_publishing(session, lesson.id, STARTS)
    service.mark_site_joined(session, lesson.id, code, STARTS)
    assert service.follow_clock(session, STARTS + 49 * MINUTE) == []
    now = STARTS + 50 * MINUTE
    assert service.follow_clock(session, now) == [lesson.id]
    session.refresh(lesson)
    assert (lesson.state, lesson.ended_at) == (LessonState.ENDED, now)
    site = site_of(session, lesson, code)
    assert (site.state, site.left_at) == (SiteState.LEFT, now)
    assert not service.mark_publishing(session, lesson.id, now)


@pytest.mark.parametrize("state", list(LessonState))
def test_the_clock_treats_all_lessons_as_the_rule_says(
    session: Session, county: County, lesson: Lesson, state: LessonState
) -> None:
    for minutes in (-16, -15, 0, 9, 10, 49, 50, 300):
        session.refresh(lesson)
        lesson.state, lesson.sequence = state, lesson.sequence + 1
        session.flush()
        now = STARTS + minutes * MINUTE
        service.follow_clock(session, now)
        expected = state_by_the_clock(state, lesson.starts_at, lesson.ends_at, now)
        assert state_of(session, lesson) == expected, minutes


# --- finding one's own ---


def test_current_is_the_lesson_now_then_the_next_within_a_day(
    session: Session, county: County, lesson: Lesson
) -> None:
    people = [county.teacher, county.sites[0].assistant]
    for person in people:
        who = principal(session, person)
        assert finding.current_lesson(session, who, STARTS - timedelta(hours=23)).id == lesson.id
        assert finding.current_lesson(session, who, STARTS + 20 * MINUTE).id == lesson.id
        assert finding.current_lesson(session, who, STARTS + 49 * MINUTE).id == lesson.id
        for moment in (STARTS + 50 * MINUTE, STARTS - timedelta(hours=25)):
            with pytest.raises(NotFound) as none:
                finding.current_lesson(session, who, moment)
            assert none.value.code == "lesson.none_now"


def test_a_cancelled_lesson_is_not_current(session: Session, county: County, lesson: Lesson) -> None:
    second = county.schedule(session, period=2, last_week=1)
    bureau = principal(session, county.bureau)
    on_the_day.cancel_lesson(session, bureau, lesson.id, SNOW)
    found = finding.current_lesson(session, principal(session, county.teacher), STARTS + MINUTE)
    assert found.entry_id == second.entry.id


def test_everybody_lists_the_lessons_they_have_a_part_in(session: Session, county: County) -> None:
    county.schedule(session, last_week=2)
    other_room = factories.room(session, factories.school(session, county.county))
    other = counties.site(session, county.county, other_room, county.term)
    colleague = factories.person(session, county.school, Role.TEACHER)
    county.schedule(
        session,
        main_room_id=other_room.id,
        teacher_id=colleague.id,
        receiving_room_ids=(other.room.id,),
        last_week=3,
    )

    def count(person: Person, mine: bool = False) -> int:
        page = finding.list_lessons(session, principal(session, person), Wanted(mine=mine)).items
        return len(page)

    assert count(county.teacher) == 2
    assert count(colleague) == 3
    assert count(county.sites[0].assistant) == 2
    assert count(other.assistant) == 3
    assert (count(county.bureau), count(county.bureau, mine=True)) == (5, 0)
    school_admin = factories.person(session, county.school, Role.SCHOOL_ADMIN)
    assert (count(school_admin), count(school_admin, mine=True)) == (2, 0)
    assert count(counties.county(session).bureau) == 0


# --- cancelling ---


def test_a_cancelled_lesson_frees_everybody(session: Session, county: County, lesson: Lesson) -> None:
    with pytest.raises(Conflict):
        county.schedule(session, last_week=1)
    bureau = principal(session, county.bureau)
    cancelled = on_the_day.cancel_lesson(session, bureau, lesson.id, SNOW)
    assert (cancelled.state, cancelled.state_reason, cancelled.sequence) == ("cancelled", "Snow", 1)
    assert {site.state for site in cancelled.sites} == {SiteState.CANCELLED}
    for site in county.sites:
        who = principal(session, site.assistant)
        assert finding.show_lesson(session, who, lesson.id).state_reason == "Snow"
        assert finding.list_lessons(session, who, Wanted(mine=True)).items[0].id == cancelled.id
    assert len(county.schedule(session, last_week=1, now=NOW).occurrences) == 1
    with pytest.raises(Conflict) as again:
        on_the_day.cancel_lesson(session, bureau, lesson.id, SNOW)
    assert again.value.code == "lesson.wrong_state"


def test_a_lesson_on_air_is_not_cancelled(session: Session, county: County, lesson: Lesson) -> None:
    service.mark_publishing(session, lesson.id, STARTS)
    with pytest.raises(Conflict) as refused:
        on_the_day.cancel_lesson(session, principal(session, county.bureau), lesson.id, SNOW)
    assert refused.value.extra["state"] == "live"


def test_only_administrators_cancel(session: Session, county: County, lesson: Lesson) -> None:
    for person in (county.teacher, county.sites[0].assistant):
        with pytest.raises(Forbidden):
            on_the_day.cancel_lesson(session, principal(session, person), lesson.id, SNOW)
