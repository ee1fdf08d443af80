"""A calendar that changes over planned lessons: a holiday announced late, and a Saturday that makes up for it."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

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


@dataclass(frozen=True)
class Autumn:
    """Four weeks of English on one weekday and music on the next, and a holiday that is announced late."""

    client: TestClient
    session: Session
    bureau: dict[str, str]
    first_day: date
    english: UUID
    music: UUID
    """The entries of these lessons."""

    @property
    def holiday(self) -> date:
        """A day of English."""
        return self.first_day + timedelta(weeks=1)

    @property
    def day_after(self) -> date:
        """A day of music."""
        return self.holiday + timedelta(days=1)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = self.client.request(method, f"/api/v1/{path}", headers=self.bureau, json=body)
        return answer.status_code, answer.json() if answer.content else None

    def a_lesson(self, since: date, state: str = "published") -> str:
        """The address of the first lesson from a day on that stands so."""
        found = self.ask("GET", f"lessons?from={since}T00:00:00Z&limit=1&state={state}")[1]["items"]
        return f"lessons/{found[0]['id']}"

    def states(self, entry_id: UUID, day: date) -> list[str]:
        """How an entry's lessons of a day stand."""
        query = select(Lesson.state).where(Lesson.entry_id == entry_id, Lesson.date == day)
        found = sorted(each.value for each in self.session.scalars(query))
        self.session.commit()  # SQLite has one writer
        return found


def test_a_holiday_announced_late(client: TestClient, session: Session, keys: Keys) -> None:
    first_day = counties.tomorrow()
    county = counties.county(session, sites=1, first_day=first_day, weeks=4)
    next_weekday = (first_day + timedelta(days=1)).isoweekday()
    english = county.schedule(session, weekday=first_day.isoweekday()).entry.id
    music = county.schedule(session, weekday=next_weekday, subject="Music", title="Music").entry.id
    bureau = factories.bearer(keys, county.bureau)
    session.commit()
    autumn = Autumn(client, session, bureau, first_day, english, music)
    what_was_cancelled_by_itself_stays_so(autumn)
    what_a_holiday_takes_is_told_before(autumn)
    lessons_of_a_holiday_are_cancelled(autumn)
    nobody_moves_a_lesson_to_a_holiday_by_mistake(autumn)
    a_day_that_follows_another_weekday_has_its_lessons(autumn)
    what_the_calendar_took_it_gives_back(autumn)
    days_are_named_once(autumn)


def what_was_cancelled_by_itself_stays_so(autumn: Autumn) -> None:
    """A lesson that was cancelled without a reason, whatever the calendar says of its day."""
    day = autumn.first_day + timedelta(weeks=3)
    off = update(Lesson).where(Lesson.entry_id == autumn.english, Lesson.date == day)
    autumn.session.execute(off.values(state=LessonState.CANCELLED, sequence=1))
    autumn.session.commit()
    mark = {"days": [{"date": str(day), "kind": "holiday", "name": "大风"}]}
    assert autumn.ask("PUT", "calendar-days?lessons=follow", mark)[0] == 200
    assert autumn.ask("DELETE", f"calendar-days/{day}?lessons=follow")[0] == 204
    assert autumn.states(autumn.english, day) == ["cancelled"]


def _typhoon(autumn: Autumn) -> dict[str, Any]:
    return {"days": [{"date": str(autumn.holiday), "kind": "holiday", "name": "台风"}]}


def what_a_holiday_takes_is_told_before(autumn: Autumn) -> None:
    """Another date's lesson, too, that was moved to the day."""
    second = autumn.a_lesson(autumn.first_day + timedelta(weeks=2))
    move = {"date": str(autumn.holiday), "period": 2}
    assert autumn.ask("POST", f"{second}/move", move)[0] == 200
    status, refused = autumn.ask("PUT", "calendar-days", _typhoon(autumn))
    assert (status, refused["code"], refused["total_falling"]) == (409, "calendar.lessons_planned", 2)
    assert "台风" not in str(autumn.ask("GET", "calendar-days")[1])
    effects = autumn.ask("POST", "calendar-days/effects", _typhoon(autumn))[1]
    assert [each["date"] for each in effects["falling"]] == [str(autumn.holiday)] * 2
    assert effects["missing"] == []
    assert autumn.states(autumn.english, autumn.holiday) == ["published"] * 2  # asking changes nothing


def lessons_of_a_holiday_are_cancelled(autumn: Autumn) -> None:
    status, done = autumn.ask("PUT", "calendar-days?lessons=follow", _typhoon(autumn))
    assert (status, done["lessons"]) == (200, {"added": 0, "cancelled": 2, "unplanned": []})
    assert autumn.states(autumn.english, autumn.holiday) == ["cancelled"] * 2
    told = autumn.session.scalars(select(LessonChange).where(LessonChange.kind == "cancelled")).all()
    autumn.session.commit()
    assert len(told) == 2 and all(each.reason for each in told)


def nobody_moves_a_lesson_to_a_holiday_by_mistake(autumn: Autumn) -> None:
    """Or makes up for one on it."""
    there = {"date": str(autumn.holiday), "period": 2}
    planned, lost = autumn.a_lesson(autumn.first_day), autumn.a_lesson(autumn.first_day, "cancelled")
    for path in (f"{planned}/move", f"{lost}/make-up"):
        answer = autumn.ask("POST", path, there)[1]
        assert answer["code"] == "calendar.holiday" and "台风" in answer["detail"]


def _made_up_for(autumn: Autumn) -> dict[str, Any]:
    """The day after follows the weekday of the holiday, which is none any more."""
    weekday = autumn.holiday.isoweekday()
    after = {"date": str(autumn.day_after), "kind": "make_up_day", "follows_weekday": weekday}
    return {"days": [after], "unmark": [str(autumn.holiday)]}


def a_day_that_follows_another_weekday_has_its_lessons(autumn: Autumn) -> None:
    """Its own lessons go; what would come is in nobody's way."""
    effects = autumn.ask("POST", "calendar-days/effects", _made_up_for(autumn))[1]
    assert [each["title"] for each in effects["falling"]] == ["Music"]
    assert [each["date"] for each in effects["missing"]] == [str(autumn.holiday), str(autumn.day_after)]
    assert effects["unplanned"] == []
    status, done = autumn.ask("PUT", "calendar-days?lessons=follow", _made_up_for(autumn))
    assert (status, done["lessons"]) == (200, {"added": 2, "cancelled": 1, "unplanned": []})
    assert autumn.states(autumn.english, autumn.holiday).count("published") == 1
    assert autumn.states(autumn.english, autumn.day_after) == ["published"]
    assert autumn.states(autumn.music, autumn.day_after) == ["cancelled"]
    events = autumn.ask("GET", "audit-events?act=calendar.marked")[1]["items"]
    assert events[0]["after"]["lessons"] == {"added": 2, "cancelled": 1, "not_added": 0}


def what_the_calendar_took_it_gives_back(autumn: Autumn) -> None:
    """As far as nothing is there by then."""
    day = f"calendar-days/{autumn.day_after}"
    assert autumn.ask("DELETE", day)[1]["code"] == "calendar.lessons_planned"
    assert autumn.ask("DELETE", f"{day}?lessons=follow")[0] == 204
    assert autumn.states(autumn.music, autumn.day_after) == ["cancelled", "published"]
    assert autumn.states(autumn.english, autumn.day_after) == ["cancelled"]


def days_are_named_once(autumn: Autumn) -> None:
    twice = _made_up_for(autumn) | {"unmark": [str(autumn.day_after)]}
    nothing: dict[str, Any] = {"days": []}
    for body in (nothing, twice):
        assert autumn.ask("PUT", "calendar-days", body)[1]["code"] == "request.invalid"


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
