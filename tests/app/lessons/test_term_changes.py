"""A term becomes longer or shorter, and its timetable follows: entries, lessons and bells."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.keys import Keys
from app.lessons.models import Lesson, LessonChange
from app.lessons.rules import ChangeKind, LessonState
from app.lessons.term_changes import OTHER_DAYS
from tests import counties, factories

WEEK = timedelta(weeks=1)


def test_a_timetable_follows_its_term(client: TestClient, session: Session, keys: Keys) -> None:
    first_day = counties.tomorrow()
    county = counties.county(session, sites=1, first_day=first_day, weeks=4)
    end = county.term.last_day
    agreed = {"valid_to": end + 4 * WEEK}
    lasting = counties.site(session, county.county, county.main_room, county.term, **agreed).room.id
    weekday = first_day.isoweekday()
    plans = {
        "goes on": county.schedule(session, weekday=weekday, receiving_room_ids=(lasting,)),
        "no agreement": county.schedule(session, weekday=weekday % 7 + 1),
        "called off": county.schedule(
            session, weekday=weekday, period=2, receiving_room_ids=(lasting,), title="Art"
        ),
        "ended": county.schedule(
            session,
            weekday=(weekday + 1) % 7 + 1,
            receiving_room_ids=(lasting,),
            last_day=end - WEEK,
        ),
    }
    ids = {name: plan.entry.id for name, plan in plans.items()}
    header = factories.bearer(keys, county.bureau)
    path = f"/api/v1/terms/{county.term.id}"
    session.commit()

    def ask(method: str, path: str, **wanted: Any) -> tuple[int, Any]:
        answer = client.request(method, path, headers=header, json=wanted)
        return answer.status_code, answer.json()

    def follow(last_day: date) -> Any:
        foreseen = ask("POST", f"{path}/effects", last_day=str(last_day))
        status, done = ask("PATCH", f"{path}?lessons=follow", last_day=str(last_day))
        assert (status, done["last_day"]) == (200, str(last_day))
        assert foreseen == (200, done["timetable"])
        return done["timetable"]

    def last_days() -> dict[str, date]:
        answers = {
            name: client.get(f"/api/v1/timetable-entries/{each}", headers=header).json()
            for name, each in ids.items()
        }
        return {name: date.fromisoformat(answer["last_day"]) for name, answer in answers.items()}

    def held(name: str) -> list[date]:
        query = select(Lesson.date).where(Lesson.entry_id == ids[name], Lesson.state == LessonState.PUBLISHED)
        found = list(session.scalars(query.order_by(Lesson.date)))
        session.commit()
        return found

    art = [str(each) for each in session.scalars(select(Lesson.id).where(Lesson.title == "Art"))]
    session.commit()
    assert ask("POST", "/api/v1/lessons/cancel", lesson_ids=art, reason="No teacher")[0] == 200

    listed = client.get("/api/v1/timetable-entries", headers=header).json()["items"]
    assert [each["id"] for each in listed if each["called_off"]] == [str(ids["called off"])]

    longer = follow(end + WEEK)
    (unplanned,) = longer.pop("unplanned")
    assert (unplanned["entry_id"], unplanned["code"]) == (str(ids["no agreement"]), "pairing.not_active")
    assert longer == {
        "entries_extended": 1, "entries_ended": 0, "bell_schedules_extended": 1,
        "added": 1, "cancelled": 0, "total_unplanned": 1,
    }  # fmt: skip
    assert last_days() == {
        "goes on": end + WEEK, "no agreement": end, "called off": end, "ended": end - WEEK,
    }  # fmt: skip
    assert held("goes on") == [first_day + n * WEEK for n in range(5)]

    status, refused = ask("PATCH", path, last_day=str(end - 2 * WEEK))
    assert (status, refused["code"]) == (409, "term.still_planned")
    shorter = follow(end - 2 * WEEK)
    assert (shorter["entries_ended"], shorter["cancelled"], shorter["added"]) == (4, 6, 0)
    assert set(last_days().values()) == {end - 2 * WEEK}
    assert held("goes on") == [first_day, first_day + WEEK]

    back = follow(end)
    assert (back["entries_extended"], back["added"], back["bell_schedules_extended"]) == (3, 6, 0)
    assert held("goes on") == [first_day + n * WEEK for n in range(4)]
    told = select(LessonChange.kind).where(LessonChange.reason == OTHER_DAYS)
    assert sorted(session.scalars(told)) == [ChangeKind.CANCELLED] * 6 + [ChangeKind.PLANNED] * 7

    last = update(Lesson).where(Lesson.date > end - WEEK, Lesson.state == LessonState.PUBLISHED)
    session.execute(last.values(state=LessonState.ENDED))
    session.commit()
    status, refused = ask("PATCH", f"{path}?lessons=follow", last_day=str(end - WEEK))
    assert (status, refused["code"]) == (409, "term.still_planned")
    assert "were held" in refused["detail"]
    status, kept = ask("PATCH", path, last_day=str(end + WEEK), name="Longer")
    assert (status, kept["timetable"], kept["name"]) == (200, None, "Longer")
    assert last_days()["goes on"] == end
