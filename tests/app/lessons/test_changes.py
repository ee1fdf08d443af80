"""Changing lessons: one of them, a series, or those of days and agreements that changed behind them."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts import service as accounts
from app.accounts.rules import Principal, Role
from app.errors import AppError
from app.keys import Keys
from app.lessons import changes, on_the_day, replanning, series, service
from app.lessons.changes import Doing
from app.lessons.models import Lesson, LessonGroup
from app.lessons.rules import LessonState, SiteState
from app.lessons.series import Scope
from app.schools.models import PupilGroup
from app.timetables.calendar import DayKind
from app.timetables.models import CalendarDay
from tests import counties, factories
from tests.counties import FIRST_DAY, NOW, County

DOING = Doing(NOW, reason="Snow")
WEEK = timedelta(weeks=1)


@pytest.fixture
def county(session: Session) -> County:
    return counties.county(session, weeks=6)


@pytest.fixture
def bureau(session: Session, county: County) -> Principal:
    return accounts.principal_of(session, county.bureau.id, NOW)


def lessons_of(session: Session, entry_id: UUID, *states: LessonState) -> list[Lesson]:
    query = select(Lesson).where(Lesson.entry_id == entry_id).order_by(Lesson.date)
    session.expire_all()
    return [each for each in session.scalars(query) if not states or each.state in states]


def waiting(session: Session) -> list[str]:
    """What people have to be told, whatever the order within a moment."""
    return sorted(each.kind.value for each in changes.take_waiting(session, 100, NOW))


def code_of(what: Any, *args: Any) -> str:
    with pytest.raises(AppError) as refused:
        what(*args)
    return refused.value.code


# --- one lesson ---


def test_a_moved_lesson_keeps_its_place_in_calendars(
    session: Session, county: County, bureau: Principal
) -> None:
    first = lessons_of(session, county.schedule(session).entry.id)[0]
    assert waiting(session) == ["published"]
    tuesday = first.date + timedelta(days=1)
    new = on_the_day.move_lesson(session, bureau, first.id, tuesday, 2, DOING)
    old = service.get_lesson(session, first.id)
    assert (old.state, old.state_reason) == (LessonState.MOVED, "Snow")
    assert (new.calendar_uid, new.moved_from_id, new.sequence) == (first.calendar_uid, first.id, 1)
    assert (new.date, new.period, new.state) == (tuesday, 2, LessonState.PUBLISHED)
    county.schedule(session, last_week=1)  # the old time is free again, for room, teacher and sites
    again = on_the_day.move_lesson(session, bureau, new.id, tuesday, 1, DOING)
    assert (again.calendar_uid, again.sequence) == (first.calendar_uid, 2)
    (change, *_) = [each for each in changes.changes_of(session, new.id) if each.kind == "moved"]
    assert change.before is not None and change.after is not None
    assert (change.before["period"], change.after["period"], change.reason) == (1, 2, "Snow")
    with pytest.raises(AppError) as refused:
        on_the_day.move_lesson(session, bureau, first.id, tuesday, 2, DOING)
    assert (refused.value.code, refused.value.extra["lesson_id"]) == ("lesson.wrong_state", str(again.id))


def test_a_move_is_refused_as_a_new_lesson_is(session: Session, county: County, bureau: Principal) -> None:
    first, second, *_ = lessons_of(session, county.schedule(session).entry.id)
    refused = code_of(on_the_day.move_lesson, session, bureau, first.id, second.date, 1, DOING)
    assert refused == "timetable.clash"
    far = county.term.last_day + WEEK
    assert (
        code_of(on_the_day.move_lesson, session, bureau, second.id, far, 1, DOING) == "timetable.outside_term"
    )


def test_a_substitute_teaches_and_the_teacher_may_come_back(
    session: Session, county: County, bureau: Principal
) -> None:
    lesson = lessons_of(session, county.schedule(session).entry.id)[0]
    other = factories.person(session, county.school, Role.TEACHER)
    changed = on_the_day.substitute_teacher(session, bureau, lesson.id, other.id, DOING)
    assert (changed.teacher_id, changed.substitute_for, changed.sequence) == (other.id, county.teacher.id, 1)
    back = on_the_day.substitute_teacher(session, bureau, lesson.id, county.teacher.id, DOING)
    assert (back.teacher_id, back.substitute_for, back.sequence) == (county.teacher.id, None, 2)
    assert waiting(session) == ["published", "substituted", "substituted"]
    stranger = factories.person(session, county.school, Role.SITE_ASSISTANT)
    refused = code_of(on_the_day.substitute_teacher, session, bureau, lesson.id, stranger.id, DOING)
    assert refused == "timetable.not_a_teacher"


def test_rooms_give_way_to_rooms_of_the_same_places(
    session: Session, county: County, bureau: Principal
) -> None:
    lesson = lessons_of(session, county.schedule(session).entry.id)[0]
    site, main = county.sites[0], factories.room(session, county.school)
    refused = code_of(on_the_day.change_rooms, session, bureau, lesson.id, main.id, {}, DOING)
    assert refused == "pairing.not_active"
    second = factories.room(session, site.unit, site.room.kind)
    counties.pair(session, county.main_room, second, county.term)
    swap = {site.room.id: second.id}
    changed = on_the_day.change_rooms(session, bureau, lesson.id, None, swap, DOING)
    assert second.id in {each.receiving_room_id for each in changed.sites}
    strange = {site.room.id: second.id}
    assert code_of(on_the_day.change_rooms, session, bureau, lesson.id, None, strange, DOING) == (
        "lesson.no_such_room"
    )


def test_sites_come_and_go(session: Session, county: County, bureau: Principal) -> None:
    group = PupilGroup(org_unit_id=county.sites[0].unit.id, name="1", grades=[1], headcount=9)
    session.add(group)
    session.flush()
    entry = county.schedule(session, pupil_group_ids=(group.id,)).entry
    lesson = lessons_of(session, entry.id)[0]
    site = county.sites[0]
    fewer = on_the_day.change_sites(session, bureau, lesson.id, [], [site.unit.id], [], DOING)
    assert {each.site_id for each in fewer.sites if each.state is not SiteState.CANCELLED} == {
        county.sites[1].unit.id
    }
    assert [each.released for each in fewer.groups] == [True]
    more = on_the_day.change_sites(session, bureau, lesson.id, [site.room.id], [], [group.id], DOING)
    assert {each.state for each in more.sites} == {SiteState.INVITED}
    assert [each.released for each in more.groups] == [False]
    assert (more.sequence, waiting(session)) == (2, ["published", "site_added", "site_dropped"])
    both = [each.unit.id for each in county.sites]
    assert code_of(on_the_day.change_sites, session, bureau, lesson.id, [], both, [], DOING) == (
        "lesson.last_site"
    )


def test_a_lost_lesson_is_made_up_for_once(session: Session, county: County, bureau: Principal) -> None:
    lesson = lessons_of(session, county.schedule(session).entry.id)[0]
    day = lesson.date + timedelta(days=5)  # a Saturday: one lesson may be given on any day
    assert code_of(on_the_day.make_up, session, bureau, lesson.id, day, 1, DOING) == "lesson.wrong_state"
    on_the_day.cancel_lesson(session, bureau, lesson.id, DOING)
    made = on_the_day.make_up(session, bureau, lesson.id, day, 1, DOING)
    assert (made.makes_up_id, made.sequence, len(made.sites)) == (lesson.id, 0, 2)
    assert made.calendar_uid != lesson.calendar_uid
    assert code_of(on_the_day.make_up, session, bureau, lesson.id, day, 2, DOING) == "lesson.made_up_already"
    moved = on_the_day.move_lesson(session, bureau, made.id, day, 2, DOING)
    assert moved.makes_up_id == lesson.id


# --- series ---


def test_all_to_come_move_with_their_series(session: Session, county: County, bureau: Principal) -> None:
    entry = county.schedule(session).entry
    uids = [each.calendar_uid for each in lessons_of(session, entry.id)]
    later = replace(DOING, now=NOW + timedelta(days=2))  # the first lesson is over
    done = series.change_entry(session, bureau, entry.id, Scope.ALL, None, {"weekday": 3, "period": 2}, later)
    assert (done.changed, done.added, done.cancelled) == (5, 0, 0)
    lessons = lessons_of(session, entry.id)
    assert [each.calendar_uid for each in lessons] == uids
    assert [each.sequence for each in lessons] == [0, 1, 1, 1, 1, 1]
    assert lessons[0].date == FIRST_DAY
    assert [(each.date, each.period) for each in lessons[1:]] == [
        (FIRST_DAY + n * WEEK + timedelta(days=2), 2) for n in range(1, 6)
    ]
    assert waiting(session) == ["edited"] * 5 + ["published"]


def test_nobody_is_told_of_a_change_that_changes_nothing(
    session: Session, county: County, bureau: Principal
) -> None:
    entry = county.schedule(session).entry
    first, second, *_ = lessons_of(session, entry.id)
    other = factories.person(session, county.school, Role.TEACHER)
    on_the_day.substitute_teacher(session, bureau, second.id, other.id, DOING)
    assert waiting(session) == ["published", "substituted"]
    before = [each.sequence for each in lessons_of(session, entry.id)]
    on_the_day.substitute_teacher(session, bureau, first.id, county.teacher.id, DOING)
    on_the_day.change_sites(session, bureau, first.id, [county.sites[0].room.id], [], [], DOING)
    on_the_day.change_rooms(session, bureau, first.id, county.main_room.id, {}, DOING)
    series.change_entry(session, bureau, entry.id, Scope.THIS, first.date, {"title": first.title}, DOING)
    done = series.change_entry(session, bureau, entry.id, Scope.ALL, None, {"period": first.period}, DOING)
    assert (done.changed, waiting(session)) == (0, [])
    assert [each.sequence for each in lessons_of(session, entry.id)] == before
    done = series.change_entry(session, bureau, entry.id, Scope.ALL, None, {"teacher_id": other.id}, DOING)
    assert done.changed == 6
    assert {(each.teacher_id, each.substitute_for) for each in lessons_of(session, entry.id)} == {
        (other.id, None)
    }


def test_this_and_following_split_the_entry(session: Session, county: County, bureau: Principal) -> None:
    entry = county.schedule(session).entry
    other = factories.person(session, county.school, Role.TEACHER)
    third = FIRST_DAY + 2 * WEEK
    done = series.change_entry(
        session, bureau, entry.id, Scope.FOLLOWING, third, {"teacher_id": other.id}, DOING
    )
    assert (done.entry.id != entry.id, done.entry.first_day, done.changed) == (True, third, 4)
    assert entry.last_day == third - timedelta(days=1)
    assert {each.teacher_id for each in lessons_of(session, done.entry.id)} == {other.id}
    assert {each.teacher_id for each in lessons_of(session, entry.id)} == {county.teacher.id}
    assert len(lessons_of(session, entry.id)) == 2


def test_one_of_a_series_changes_alone(session: Session, county: County, bureau: Principal) -> None:
    entry = county.schedule(session).entry
    second = FIRST_DAY + WEEK
    wanted = {"weekday": 2, "title": "Revision"}
    series.change_entry(session, bureau, entry.id, Scope.THIS, second, wanted, DOING)
    lessons = lessons_of(session, entry.id, LessonState.PUBLISHED)
    assert [each.title for each in lessons].count("Revision") == 1
    assert [each.date for each in lessons][1] == second + timedelta(days=1)


def test_what_was_changed_on_one_lesson_outlives_the_series(
    session: Session, county: County, bureau: Principal
) -> None:
    entry = county.schedule(session).entry
    moved, substituted, *_ = lessons_of(session, entry.id)
    tuesday = moved.date + timedelta(days=1)
    on_the_day.move_lesson(session, bureau, moved.id, tuesday, 1, DOING)
    other, third = (factories.person(session, county.school, Role.TEACHER) for _ in range(2))
    on_the_day.substitute_teacher(session, bureau, substituted.id, other.id, DOING)
    series.change_entry(
        session, bureau, entry.id, Scope.ALL, None, {"teacher_id": third.id, "period": 2}, DOING
    )
    lessons = lessons_of(session, entry.id, LessonState.PUBLISHED)
    assert [(each.date, each.period) for each in lessons[:2]] == [(tuesday, 1), (substituted.date, 2)]
    assert [each.teacher_id for each in lessons] == [third.id, other.id, *[third.id] * 4]
    assert lessons[1].substitute_for == third.id


def test_a_series_is_refused_as_a_whole(session: Session, county: County, bureau: Principal) -> None:
    entry = county.schedule(session).entry
    county.schedule(session, period=2, first_week=6)
    with pytest.raises(AppError) as refused, session.begin_nested():
        series.change_entry(session, bureau, entry.id, Scope.ALL, None, {"period": 2}, DOING)
    assert refused.value.code == "timetable.clash"
    assert refused.value.extra["alternatives"]
    assert {each.period for each in lessons_of(session, entry.id)} == {1}


def test_a_withdrawn_entry_is_no_longer_listed(session: Session, county: County, bureau: Principal) -> None:
    entry = county.schedule(session).entry
    half = FIRST_DAY + 3 * WEEK
    done = series.withdraw_entry(session, bureau, entry.id, Scope.FOLLOWING, half, DOING)
    assert done.cancelled == 3
    assert len(lessons_of(session, entry.id, LessonState.PUBLISHED)) == 3
    assert entry.last_day == half - timedelta(days=1)
    series.withdraw_entry(session, bureau, entry.id, Scope.ALL, None, DOING)
    assert lessons_of(session, entry.id, LessonState.PUBLISHED) == []
    assert waiting(session) == ["cancelled"] * 6 + ["published"]
    county.schedule(session)  # everything is free again


# --- behind them ---


def test_lessons_follow_the_calendar(session: Session, county: County) -> None:
    plan = county.schedule(session)
    holiday, saturday = FIRST_DAY + 2 * WEEK, FIRST_DAY + 2 * WEEK + timedelta(days=5)
    mark = CalendarDay(county_id=county.county.id, date=holiday, kind=DayKind.HOLIDAY)
    makes_up = CalendarDay(
        county_id=county.county.id, date=saturday, kind=DayKind.MAKE_UP_DAY, follows_weekday=1
    )
    session.add_all([mark, makes_up])
    session.flush()
    server = Doing(NOW)
    done = replanning.replan_days(session, county.county.id, [holiday, saturday], server)
    assert (done.added, done.cancelled, done.unplanned) == (1, 1, ())
    dates = [each.date for each in lessons_of(session, plan.entry.id, LessonState.PUBLISHED)]
    assert holiday not in dates and saturday in dates
    assert waiting(session) == ["cancelled", "planned", "published"]
    again = replanning.replan_days(session, county.county.id, [holiday, saturday], server)
    assert (again.added, again.cancelled) == (0, 0)
    session.delete(mark)
    session.flush()
    back = replanning.replan_days(session, county.county.id, [holiday], server)
    assert (back.added, back.cancelled) == (1, 0)


def test_lessons_that_cannot_be_added_are_reported(
    session: Session, county: County, bureau: Principal
) -> None:
    saturday = FIRST_DAY + timedelta(days=5)
    lost = lessons_of(session, county.schedule(session).entry.id)[0]
    on_the_day.cancel_lesson(session, bureau, lost.id, DOING)
    on_the_day.make_up(session, bureau, lost.id, saturday, 1, DOING)
    session.add(
        CalendarDay(county_id=county.county.id, date=saturday, kind=DayKind.MAKE_UP_DAY, follows_weekday=1)
    )
    session.flush()
    done = replanning.replan_days(session, county.county.id, [saturday], Doing(NOW))
    assert (done.added, done.cancelled) == (0, 0)
    assert [(each.day, each.error.code) for each in done.unplanned] == [(saturday, "timetable.clash")]


# --- over HTTP ---


def test_changes_over_http(client: TestClient, session: Session, keys: Keys) -> None:
    county = counties.county(session, weeks=3, first_day=counties.tomorrow())
    plan = county.schedule(session, counties.NOW, weekday=county.term.first_day.isoweekday())
    header = factories.bearer(keys, county.bureau)
    lesson = lessons_of(session, plan.entry.id)[0]
    entry = f"/api/v1/timetable-entries/{plan.entry.id}"
    session.commit()
    body = {"date": lesson.date.isoformat(), "period": 2, "reason": "Snow"}
    moved = client.post(f"/api/v1/lessons/{lesson.id}/move", headers=header, json=body)
    assert moved.status_code == 200, moved.text
    assert (moved.status_code, moved.json()["calendar_uid"]) == (200, str(lesson.calendar_uid))
    assert moved.json()["moved_from_id"] == str(lesson.id)
    _asked_beforehand(client, header, entry, lesson.date + WEEK)
    renamed = client.patch(f"{entry}?scope=all", headers=header, json={"title": "Revision"})
    assert (renamed.status_code, renamed.json()["changed"]) == (200, 3)
    assert client.patch(f"{entry}?scope=this", headers=header, json={"title": "x"}).status_code == 422
    refused = client.patch(f"{entry}?scope=this&from=0", headers=header, json={"title": "x"})
    assert refused.json()["code"] == "request.invalid"  # no day: pydantic alone would take it for one of 1970
    assert client.patch(f"{entry}?scope=all", headers=header, json={}).status_code == 422
    gone = client.delete(f"{entry}?scope=all&reason=Closed", headers=header)
    assert (gone.status_code, gone.json()["cancelled"]) == (200, 3)
    assert client.get(entry, headers=header).status_code == 404


def _asked_beforehand(client: TestClient, header: dict[str, str], entry: str, second: date) -> None:
    """What a change would do is told before it is made, and then nothing has happened, nor been noted."""

    def ask(address: str, body: Any = None) -> tuple[dict[str, int], list[Any]]:
        answer = client.post(f"{entry}/{address}", headers=header, json=body)
        assert answer.status_code == 200, answer.text
        return {kind: n for kind, n in answer.json()["total"].items() if n}, answer.json()["lessons"]

    before = client.get(entry, headers=header).headers["ETag"]
    assert ask("effects?scope=all", {"title": "Revision"})[0] == {"changed": 3}
    total, lessons = ask(f"effects?scope=following&from={second}", {"weekday": second.isoweekday() % 7 + 1})
    assert total == {"moved": 2}
    assert [each["before"]["date"] for each in lessons] == [str(second), str(second + WEEK)]
    assert all(each["before"]["date"] < each["after"]["date"] for each in lessons)
    total, (lesson,) = ask(f"effects?scope=this&from={second}", {"period": 2})
    assert (total, lesson["before"]["period"], lesson["after"]["period"]) == ({"moved": 1}, 1, 2)
    assert ask("effects?scope=all", {"last_day": str(second)})[0] == {"cancelled": 1}
    assert ask(f"delete/effects?scope=following&from={second}")[0] == {"cancelled": 2}
    refused = client.post(f"{entry}/effects?scope=all", headers=header, json={"period": 9})
    assert (refused.status_code, refused.json()["code"]) == (422, "timetable.period_unknown")
    assert client.get(entry, headers=header).headers["ETag"] == before
    acts = client.get("/api/v1/audit-events?limit=200", headers=header).json()["items"]
    assert not {"entry.changed", "entry.withdrawn"} & {each["act"] for each in acts}


def test_a_week_is_seen_from_four_sides(
    client: TestClient, session: Session, keys: Keys, engine: Engine, app: Any
) -> None:
    county = counties.county(session, weeks=2, first_day=counties.tomorrow())
    group = PupilGroup(org_unit_id=county.school.id, name="3(1)", grades=[3], headcount=30)
    session.add(group)
    session.flush()
    for period in (1, 2):
        county.schedule(
            session,
            counties.NOW,
            weekday=county.term.first_day.isoweekday(),
            period=period,
            pupil_group_ids=(group.id,),
            receiving_room_ids=(county.sites[period - 1].room.id,),
        )
    session.commit()
    header = factories.bearer(keys, county.sites[1].assistant)
    seen: list[str] = []
    event.listen(app.state.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))

    def week(**whose: object) -> list[int]:
        seen.clear()
        query = {"term_id": str(county.term.id), "week": "1"} | {
            name: str(value) for name, value in whose.items()
        }
        answer = client.get("/api/v1/timetable", params=query, headers=header)
        assert answer.status_code == 200, answer.text
        assert len([each for each in seen if each.startswith("SELECT")]) <= 10, "\n".join(seen)
        return [lesson["period"] for lesson in answer.json()["lessons"]]

    assert week(room_id=county.main_room.id) == [1, 2]
    assert week(room_id=county.sites[0].room.id) == [1]
    assert week(site_id=county.sites[1].unit.id) == [2]
    assert week(teacher_id=county.teacher.id) == [1, 2]
    assert week(pupil_group_id=group.id) == [1, 2]
    assert week(pupil_group_id=county.teacher.id) == []
    for query in ("week=1", "week=1&room_id={0}&site_id={0}", "week=99&room_id={0}"):
        path = f"/api/v1/timetable?term_id={county.term.id}&{query.format(county.main_room.id)}"
        assert client.get(path, headers=header).status_code == 422
    assert session.scalars(select(LessonGroup.released)).all() == [False] * len(
        session.scalars(select(Lesson.id)).all()
    )


def test_site_schools_do_not_change_lessons(session: Session, county: County) -> None:
    lesson = lessons_of(session, county.schedule(session).entry.id)[0]
    admin = factories.person(session, county.sites[0].unit, Role.SCHOOL_ADMIN)
    principal = accounts.principal_of(session, admin.id, NOW)
    day = date(2026, 9, 8)
    assert code_of(on_the_day.move_lesson, session, principal, lesson.id, day, 1, DOING) == "access.denied"
