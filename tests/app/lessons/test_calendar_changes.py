"""A calendar that changes over planned lessons: a holiday announced late, and a Saturday that makes up for it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts import service as accounts
from app.accounts.models import Person
from app.accounts.rules import Role
from app.keys import Keys
from app.lessons import calendar_changes, scheduling
from app.lessons.changes import Doing
from app.lessons.models import Lesson, LessonChange
from app.lessons.replanning import Replanned
from app.lessons.rules import LessonState
from app.timetables.calendar import DayKind, SpecialDay
from app.timetables.special_days import DayDraft
from tests import counties, factories
from tests.counties import NOW
from tests.statements import recorded


def test_a_holiday_announced_late(client: TestClient, session: Session, keys: Keys) -> None:
    first_day = counties.tomorrow()
    county = counties.county(session, sites=1, first_day=first_day, weeks=4)
    weekday = first_day.isoweekday()
    english = county.schedule(session, weekday=weekday).entry.id
    holiday = first_day + timedelta(weeks=1)
    other_day = holiday + timedelta(days=1)
    music = county.schedule(session, weekday=other_day.isoweekday(), subject="Music", title="Music").entry.id
    bureau = factories.bearer(keys, county.bureau)
    session.commit()

    def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = client.request(method, f"/api/v1/{path}", headers=bureau, json=body)
        return answer.status_code, answer.json() if answer.content else None

    def states(entry: Any) -> dict[str, list[str]]:
        query = select(Lesson).where(Lesson.entry_id == entry).order_by(Lesson.date, Lesson.sequence)
        found: dict[str, list[str]] = {}
        for each in session.scalars(query.execution_options(populate_existing=True)):
            found.setdefault(each.date.isoformat(), []).append(each.state.value)
        session.commit()
        return {day: sorted(there) for day, there in found.items()}

    # A lesson that was cancelled without a reason stays so, whatever the calendar says of its day.
    off = first_day + timedelta(weeks=3)
    session.execute(
        update(Lesson)
        .where(Lesson.entry_id == english, Lesson.date == off)
        .values(state=LessonState.CANCELLED, sequence=1)
    )
    session.commit()
    mark = {"days": [{"date": str(off), "kind": "holiday", "name": "大风"}]}
    assert ask("PUT", "calendar-days?lessons=follow", mark)[0] == 200
    assert ask("DELETE", f"calendar-days/{off}?lessons=follow")[0] == 204
    assert states(english)[str(off)] == ["cancelled"]

    # Another date's lesson was moved to the day that becomes a holiday.
    second = ask("GET", f"lessons?from={first_day + timedelta(weeks=2)}T00:00:00Z&limit=1")[1]["items"][0]
    assert ask("POST", f"lessons/{second['id']}/move", {"date": str(holiday), "period": 2})[0] == 200
    wanted = {"days": [{"date": str(holiday), "kind": "holiday", "name": "台风"}]}
    status, refused = ask("PUT", "calendar-days", wanted)
    assert (status, refused["code"], refused["total_falling"]) == (409, "calendar.lessons_planned", 2)
    assert "台风" not in str(ask("GET", "calendar-days")[1])
    effects = ask("POST", "calendar-days/effects", wanted)[1]
    assert ([each["date"] for each in effects["falling"]], effects["missing"]) == ([str(holiday)] * 2, [])
    assert states(english)[str(holiday)] == ["published", "published"]  # asking changes nothing

    status, done = ask("PUT", "calendar-days?lessons=follow", wanted)
    assert (status, done["lessons"]) == (200, {"added": 0, "cancelled": 2, "unplanned": []})
    assert states(english)[str(holiday)] == ["cancelled", "cancelled"]
    # Nobody moves a lesson to a holiday by mistake, or makes up for one on it.
    third = ask("GET", f"lessons?from={first_day}T00:00:00Z&limit=1&state=published")[1]["items"][0]
    lost = ask("GET", f"lessons?from={first_day}T00:00:00Z&limit=1&state=cancelled")[1]["items"][0]
    for lesson, act in ((third, "move"), (lost, "make-up")):
        answer = ask("POST", f"lessons/{lesson['id']}/{act}", {"date": str(holiday), "period": 2})[1]
        assert answer["code"] == "calendar.holiday" and "台风" in answer["detail"]
    told = session.scalars(select(LessonChange).where(LessonChange.kind == "cancelled")).all()
    assert len(told) == 2 and all(each.reason for each in told)
    session.commit()

    # The day after shall follow the weekday of the holiday: its own lessons go, what would come is in nobody's way.
    makes_up = {
        "days": [{"date": str(other_day), "kind": "make_up_day", "follows_weekday": weekday}],
        "unmark": [str(holiday)],
    }
    effects = ask("POST", "calendar-days/effects", makes_up)[1]
    assert [each["title"] for each in effects["falling"]] == ["Music"]
    assert [each["date"] for each in effects["missing"]] == [str(holiday), str(other_day)]
    assert effects["unplanned"] == []
    status, done = ask("PUT", "calendar-days?lessons=follow", makes_up)
    assert (status, done["lessons"]) == (200, {"added": 2, "cancelled": 1, "unplanned": []})
    assert states(english)[str(holiday)].count("published") == 1
    assert states(english)[str(other_day)] == ["published"]
    assert states(music)[str(other_day)] == ["cancelled"]
    # Taken back, what the calendar took comes again, as far as nothing is there by then.
    assert ask("DELETE", f"calendar-days/{other_day}")[1]["code"] == "calendar.lessons_planned"
    assert ask("DELETE", f"calendar-days/{other_day}?lessons=follow")[0] == 204
    assert states(music)[str(other_day)] == ["cancelled", "published"]
    assert states(english)[str(other_day)] == ["cancelled"]
    events = ask("GET", "audit-events?act=calendar.marked")[1]["items"]
    assert events[0]["after"]["lessons"] == {"added": 2, "cancelled": 1, "not_added": 0}
    assert ask("PUT", "calendar-days", {"days": []})[1]["code"] == "request.invalid"
    twice = makes_up | {"unmark": [str(other_day)]}
    assert ask("PUT", "calendar-days", twice)[1]["code"] == "request.invalid"


def test_what_is_in_the_way_is_told_and_what_was_held_stays(
    client: TestClient, session: Session, keys: Keys
) -> None:
    first_day = counties.tomorrow()
    county = counties.county(session, sites=1, first_day=first_day, weeks=4)
    day = first_day + timedelta(days=8)
    county.schedule(session, weekday=first_day.isoweekday())
    held = session.scalars(select(Lesson).order_by(Lesson.date)).first()
    assert held is not None
    held.state = LessonState.LIVE
    # A lesson of another series was moved to the day already, in the same period.
    other = county.schedule(session, weekday=first_day.isoweekday(), period=2, first_day=first_day).entry
    moved = session.scalars(select(Lesson).where(Lesson.entry_id == other.id).order_by(Lesson.date)).all()[2]
    bureau = factories.bearer(keys, county.bureau)
    session.commit()
    body = {"date": str(day), "period": 1}
    assert client.post(f"/api/v1/lessons/{moved.id}/move", headers=bureau, json=body).status_code == 200

    def put(**marked: Any) -> tuple[int, Any]:
        answer = client.put("/api/v1/calendar-days?lessons=follow", headers=bureau, json={"days": [marked]})
        return answer.status_code, answer.json()

    status, done = put(date=str(day), kind="make_up_day", follows_weekday=first_day.isoweekday())
    assert (status, done["lessons"]["added"], done["lessons"]["cancelled"]) == (200, 1, 0)
    assert [each["code"] for each in done["lessons"]["unplanned"]] == ["timetable.clash"]
    status, refused = put(date=str(first_day), kind="holiday")
    assert (status, refused["code"], refused["total"]) == (409, "calendar.lessons_held", 1)
    assert refused["lessons"][0]["lesson_id"] == str(held.id)


def test_a_day_of_many_lessons_takes_the_statements_of_one(session: Session) -> None:
    """Drafts stay drafts; whoever is no teacher any more is left out with the reason, and alone."""
    county = counties.county(session, sites=0, weeks=3)
    principal = accounts.principal_of(session, county.bureau.id, counties.NOW)

    def series(**changes: Any) -> Any:
        main = factories.room(session, county.school)
        teacher = factories.person(session, county.school, Role.TEACHER)
        rooms = (counties.site(session, county.county, main, county.term).room.id,)
        wanted = {"main_room_id": main.id, "teacher_id": teacher.id, "receiving_room_ids": rooms}
        return county.schedule(session, **{**wanted, **changes})

    def saturday(week: int) -> tuple[int, Replanned]:
        day = counties.FIRST_DAY + timedelta(weeks=week, days=5)
        special = DayDraft(SpecialDay(DayKind.MAKE_UP_DAY, 1))
        session.flush()
        session.expunge_all()
        engine = session.get_bind()
        assert isinstance(engine, Engine)
        with recorded(engine) as statements:
            done = calendar_changes.mark_days(session, principal, {day: special}, Doing(NOW), follow=True)
            session.flush()
        return len(statements), done.lessons

    series()
    alone, done = saturday(0)
    assert (done.added, done.unplanned) == (1, ())
    for _ in range(3):
        series()
    draft = scheduling.create_entry(
        session, replace(county.draft(), receiving_room_ids=()), NOW, publish=False
    )
    together, done = saturday(1)
    assert (done.added, done.unplanned, together) == (5, (), alone)
    query = select(Lesson.state).where(
        Lesson.entry_id == draft.entry.id, Lesson.date == NOW.date() + timedelta(days=13)
    )
    assert session.scalars(query).all() == [LessonState.DRAFT]
    session.execute(update(Person).where(Person.id == draft.teacher.id).values(active=False))
    _, done = saturday(2)
    assert (done.added, [each.error.code for each in done.unplanned]) == (4, ["timetable.not_a_teacher"])
