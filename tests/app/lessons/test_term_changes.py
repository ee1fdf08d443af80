"""A term becomes longer or shorter, and its timetable follows: entries, lessons and bells."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.keys import Keys
from app.lessons.models import Lesson, LessonChange
from app.lessons.rules import ChangeKind, LessonState
from app.lessons.term_changes import OTHER_DAYS
from tests import counties, factories

WEEK = timedelta(weeks=1)


@dataclass(frozen=True)
class Scene:
    """A term of four weeks with weekly lessons of several fates, changed over REST by the bureau."""

    client: TestClient
    session: Session
    header: dict[str, str]
    term: str
    ids: Mapping[str, UUID]
    """Of entries, by their fates."""
    first_day: date
    end: date

    def ask(self, method: str, path: str, **wanted: Any) -> tuple[int, Any]:
        answer = self.client.request(method, path, headers=self.header, json=wanted)
        return answer.status_code, answer.json()

    def change(self, **wanted: Any) -> tuple[int, Any]:
        return self.ask("PATCH", self.term, **wanted)

    def follow(self, last_day: date) -> Any:
        """Change the last day and let the timetable follow; what comes of it is what was foreseen."""
        foreseen = self.ask("POST", f"{self.term}/effects", last_day=str(last_day))
        status, done = self.ask("PATCH", f"{self.term}?lessons=follow", last_day=str(last_day))
        assert (status, done["last_day"]) == (200, str(last_day))
        assert foreseen == (200, done["timetable"])
        return done["timetable"]

    def last_days(self) -> dict[str, date]:
        answers = {
            name: self.ask("GET", f"/api/v1/timetable-entries/{each}")[1] for name, each in self.ids.items()
        }
        return {name: date.fromisoformat(answer["last_day"]) for name, answer in answers.items()}

    def lasting_days(self) -> list[date]:
        """The days of the entry that goes on."""
        query = select(Lesson.date).where(
            Lesson.entry_id == self.ids["goes on"], Lesson.state == LessonState.PUBLISHED
        )
        found = list(self.session.scalars(query.order_by(Lesson.date)))
        self.session.commit()
        return found

    def weeks(self, number: int) -> list[date]:
        return [self.first_day + n * WEEK for n in range(number)]


@pytest.fixture
def scene(client: TestClient, session: Session, keys: Keys) -> Scene:
    first_day = counties.tomorrow()
    county = counties.county(session, sites=1, first_day=first_day, weeks=4)
    end = county.term.last_day
    agreed = {"valid_to": end + 4 * WEEK}
    lasting = counties.site(session, county.county, county.main_room, county.term, **agreed).room.id
    to_it: dict[str, Any] = {"receiving_room_ids": (lasting,)}
    weekday = first_day.isoweekday()
    plans = {
        "goes on": county.schedule(session, weekday=weekday, **to_it),
        "no agreement": county.schedule(session, weekday=weekday % 7 + 1),
        "called off": county.schedule(session, weekday=weekday, period=2, title="Art", **to_it),
        "ended": county.schedule(session, weekday=(weekday + 1) % 7 + 1, last_day=end - WEEK, **to_it),
    }
    ids = {name: plan.entry.id for name, plan in plans.items()}
    path = f"/api/v1/terms/{county.term.id}"
    art = [str(each) for each in session.scalars(select(Lesson.id).where(Lesson.title == "Art"))]
    session.commit()
    scene = Scene(client, session, factories.bearer(keys, county.bureau), path, ids, first_day, end)
    assert scene.ask("POST", "/api/v1/lessons/cancel", lesson_ids=art, reason="No teacher")[0] == 200
    return scene


def test_a_timetable_follows_its_term(scene: Scene, session: Session) -> None:
    end = scene.end
    listed = scene.ask("GET", "/api/v1/timetable-entries")[1]["items"]
    assert [each["id"] for each in listed if each["called_off"]] == [str(scene.ids["called off"])]

    longer = scene.follow(end + WEEK)
    (unplanned,) = longer.pop("unplanned")
    assert (unplanned["entry_id"], unplanned["code"]) == (
        str(scene.ids["no agreement"]),
        "pairing.not_active",
    )
    assert longer == {
        "entries_extended": 1, "entries_ended": 0, "bell_schedules_extended": 1,
        "added": 1, "cancelled": 0, "total_unplanned": 1,
    }  # fmt: skip
    assert scene.last_days() == {
        "goes on": end + WEEK, "no agreement": end, "called off": end, "ended": end - WEEK,
    }  # fmt: skip
    assert scene.lasting_days() == scene.weeks(5)

    status, refused = scene.change(last_day=str(end - 2 * WEEK))
    assert (status, refused["code"]) == (409, "term.still_planned")
    shorter = scene.follow(end - 2 * WEEK)
    assert (shorter["entries_ended"], shorter["cancelled"], shorter["added"]) == (4, 6, 0)
    assert set(scene.last_days().values()) == {end - 2 * WEEK}
    assert scene.lasting_days() == scene.weeks(2)

    back = scene.follow(end)
    assert (back["entries_extended"], back["added"], back["bell_schedules_extended"]) == (3, 6, 0)
    assert scene.lasting_days() == scene.weeks(4)
    told = select(LessonChange.kind).where(LessonChange.reason == OTHER_DAYS)
    assert sorted(session.scalars(told)) == [ChangeKind.CANCELLED] * 6 + [ChangeKind.PLANNED] * 7

    last = update(Lesson).where(Lesson.date > end - WEEK, Lesson.state == LessonState.PUBLISHED)
    session.execute(last.values(state=LessonState.ENDED))
    session.commit()
    status, refused = scene.ask("PATCH", f"{scene.term}?lessons=follow", last_day=str(end - WEEK))
    assert (status, refused["code"]) == (409, "term.still_planned")
    assert "were held" in refused["detail"]
    status, kept = scene.change(last_day=str(end + WEEK), name="Longer")
    assert (status, kept["timetable"], kept["name"]) == (200, None, "Longer")
    assert scene.last_days()["goes on"] == end
