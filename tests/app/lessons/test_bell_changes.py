"""Bells that change under a timetable: the rules one by one, and a school that goes over to winter."""

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.keys import Keys
from app.lessons.bell_effects import Concerned, steps
from app.lessons.models import Lesson, LessonChange
from app.timetables.rules import Interval, days_left
from tests import counties, factories
from tests.counties import County

MORNING = datetime(2026, 9, 7, tzinfo=UTC)
DAYS = st.integers(0, 30).map(lambda number: date(2028, 2, 15) + timedelta(days=number))  # over a leap day
SPANS = st.tuples(DAYS, DAYS).map(lambda pair: (min(pair), max(pair)))


@given(SPANS, SPANS)
def test_days_that_are_taken_are_taken_and_all_others_left(
    span: tuple[date, date], taken: tuple[date, date]
) -> None:
    def days(span: tuple[date, date]) -> set[date]:
        return {span[0] + timedelta(days=number) for number in range((span[1] - span[0]).days + 1)}

    left = days_left(span, taken)
    assert set().union(*map(days, left)) == days(span) - days(taken)
    assert sum(len(days(piece)) for piece in left) == len(days(span) - days(taken))


@st.composite
def shifts(draw: st.DrawFn) -> list[Concerned]:
    """Lessons of one teacher on a day, each in another slot afterwards, in whatever order."""
    count = draw(st.integers(1, 7))

    def day() -> list[Interval]:
        starts = sorted(draw(st.sets(st.integers(0, 12), min_size=count, max_size=count)))
        found = [MORNING + timedelta(minutes=40 * start) for start in starts]
        return [Interval(start, start + timedelta(minutes=40)) for start in found]

    was, becomes = day(), draw(st.permutations(day()))
    return [
        Concerned(uuid.uuid4(), MORNING.date(), 1, "", old, new)
        for old, new in zip(was, becomes, strict=True)
        if old != new
    ]


@given(shifts())
def test_no_lesson_lands_on_another_on_its_way(moving: list[Concerned]) -> None:
    now = {each.lesson_id: each.was for each in moving}
    for lesson_id, interval in steps(moving):
        assert not any(interval.overlaps(other) for key, other in now.items() if key != lesson_id)
        now[lesson_id] = interval
    assert now == {each.lesson_id: each.becomes for each in moving}


def periods(*times: tuple[int, str, str]) -> list[dict[str, Any]]:
    return [{"number": n, "starts_at": start, "ends_at": end} for n, start, end in times]


SUMMER = periods((1, "08:00", "08:40"), (2, "08:40", "09:20"))
WINTER = periods((1, "08:30", "09:10"), (2, "09:10", "09:50"))
SWAPPED = periods((2, "08:30", "09:10"), (1, "09:10", "09:50"))
SHORT = periods((1, "09:10", "09:50"))


@dataclass(frozen=True)
class Winter:
    """A county whose bells change in the middle of a term of four weeks, and two weekly lessons in a row."""

    client: TestClient
    session: Session
    county: County
    first: uuid.UUID
    second: uuid.UUID
    """The entries of these lessons."""
    bureau: dict[str, str]

    @property
    def begins(self) -> date:
        return self.county.term.first_day + timedelta(weeks=2)

    @property
    def days(self) -> dict[str, Any]:
        """What winter's bells are called, and when they ring."""
        return {
            "name": "冬季",
            "valid_from": str(self.begins),
            "valid_to": str(self.county.term.last_day),
            "periods": WINTER,
        }

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        address = f"/api/v1/bell-schedules{path}"
        answer = self.client.request(method, address, headers={**self.bureau, **headers}, json=body)
        return answer.status_code, answer.json() if answer.content else None

    def code(self, method: str, path: str, body: Any, **headers: str) -> str:
        """Why it is refused."""
        return str(self.ask(method, path, body, **headers)[1]["code"])

    def schedules(self) -> list[dict[str, Any]]:
        """Those of the county, the earliest first."""
        found: list[dict[str, Any]] = self.ask("GET", f"?org_unit_id={self.county.county.id}")[1]["items"]
        return found

    def times(self, entry_id: uuid.UUID) -> list[tuple[str, str]]:
        """When an entry's lessons begin, and how they stand."""
        query = select(Lesson).where(Lesson.entry_id == entry_id).order_by(Lesson.date)
        query = query.execution_options(populate_existing=True)
        found = [
            (f"{each.starts_at + timedelta(hours=8):%H:%M}", each.state.value)
            for each in self.session.scalars(query)
        ]
        self.session.commit()  # SQLite has one writer
        return found


def test_a_county_goes_over_to_winter(client: TestClient, session: Session, keys: Keys) -> None:
    first_day = counties.tomorrow()
    county = counties.county(session, sites=1, first_day=first_day, weeks=4)
    weekday = first_day.isoweekday()
    first = county.schedule(session, weekday=weekday).entry.id
    second = county.schedule(session, weekday=weekday, period=2).entry.id
    winter = Winter(client, session, county, first, second, factories.bearer(keys, county.bureau))
    session.commit()
    what_it_would_mean_is_told_before(winter)
    cold = lessons_move_once_they_shall_follow(winter)
    periods_change_places(winter, cold)
    what_no_schedule_can_be_is_refused(winter, cold)
    a_site_with_bells_of_its_own_stands_against_another_time(winter, cold)
    lessons_without_their_period_fall_out(winter, cold)
    the_trail_knows_each_schedule(winter)


def what_it_would_mean_is_told_before(winter: Winter) -> None:
    new = {"org_unit_id": str(winter.county.county.id), **winter.days}
    assert winter.code("POST", "", new) == "bells.overlap"
    status, effects = winter.ask("POST", "/effects", new | {"cut_others": True})
    assert (status, effects["total_moving"], effects["total_falling"]) == (200, 4, 0)
    assert {each["new_starts_at"][11:16] for each in effects["moving"]} == {"00:30", "01:10"}
    summer, copy = f"/{winter.schedules()[0]['id']}", winter.days | {"cut_others": True}
    status, refused = winter.ask("POST", f"{summer}/copy", copy)
    assert (status, refused["code"]) == (409, "bells.lessons_planned")
    assert refused["moving"] == effects["moving"]
    assert winter.ask("POST", f"{summer}/copy/effects", copy)[1] == effects
    assert (
        winter.times(winter.first) == [("08:00", "published")] * 4
    )  # asking and being refused change nothing


def lessons_move_once_they_shall_follow(winter: Winter) -> str:
    """The address of winter's bells."""
    summer, copy = f"/{winter.schedules()[0]['id']}", winter.days | {"cut_others": True}
    status, cold = winter.ask("POST", f"{summer}/copy?lessons=follow", copy)
    assert (status, cold["periods"]) == (201, WINTER)
    assert winter.times(winter.first) == [("08:00", "published")] * 2 + [("08:30", "published")] * 2
    assert winter.times(winter.second) == [("08:40", "published")] * 2 + [("09:10", "published")] * 2
    assert winter.schedules()[0]["valid_to"] == str(winter.begins - timedelta(days=1))
    changed = winter.session.scalars(select(LessonChange).where(LessonChange.lesson_id.is_not(None))).all()
    winter.session.commit()
    assert (len(changed), {each.sequence for each in changed}) == (4, {1})
    assert len({each.act_id for each in changed}) == 1  # so that one notice can tell them all
    return f"/{cold['id']}"


def periods_change_places(winter: Winter, cold: str) -> None:
    """Each lesson goes where the other one is."""
    assert winter.ask("PATCH", f"{cold}?lessons=follow", {"periods": SWAPPED})[0] == 200
    last = winter.times(winter.first)[3], winter.times(winter.second)[3]
    assert last == (("09:10", "published"), ("08:30", "published"))


def what_no_schedule_can_be_is_refused(winter: Winter, cold: str) -> None:
    named, first_day = {"name": "Winter"}, str(winter.county.term.first_day)
    assert winter.code("PATCH", cold, named, **{"If-Match": '"1"'}) == "version.stale"
    assert winter.ask("PATCH", cold, named)[1]["name"] == "Winter"
    assert winter.code("PATCH", cold, {"periods": [*SHORT, *SHORT]}) == "request.invalid"
    assert winter.code("PATCH", cold, {"valid_from": first_day}) == "bells.overlap"
    assert winter.code("PATCH", cold, {"valid_to": "2000-01-01"}) == "days.reversed"


def a_site_with_bells_of_its_own_stands_against_another_time(winter: Winter, cold: str) -> None:
    site_id = str(winter.county.sites[0].unit.id)
    own = {"org_unit_id": site_id, **winter.days, "periods": SWAPPED}
    status, alone = winter.ask("POST", "", own)
    assert status == 201
    late = {"periods": periods((1, "10:00", "10:40"))}
    status, refused = winter.ask("PATCH", f"{cold}?lessons=follow", late)
    assert (status, refused["code"], refused["total_apart"]) == (409, "bells.sites_apart", 2)
    assert refused["apart"][0]["site_id"] == site_id
    assert winter.ask("DELETE", f"/{alone['id']}")[0] == 204


def lessons_without_their_period_fall_out(winter: Winter, cold: str) -> None:
    assert winter.ask("POST", f"{cold}/effects", {"periods": SHORT})[1]["total_falling"] == 2
    assert winter.ask("PATCH", f"{cold}?lessons=follow", {"periods": SHORT})[0] == 200
    assert winter.times(winter.second)[2:] == [("08:30", "cancelled")] * 2
    assert winter.ask("POST", f"{cold}/delete/effects")[1]["total_falling"] == 2
    assert winter.ask("DELETE", f"{cold}?lessons=follow")[0] == 204  # no bells are left on these days
    assert winter.times(winter.first) == [("08:00", "published")] * 2 + [("09:10", "cancelled")] * 2


def the_trail_knows_each_schedule(winter: Winter) -> None:
    acts = winter.client.get("/api/v1/audit-events?limit=200", headers=winter.bureau).json()["items"]
    assert {"bells.put_in_force", "bells.changed", "bells.removed"} <= {each["act"] for each in acts}
    (summer,) = winter.schedules()
    (cut,) = [each for each in acts if each["subject_id"] == summer["id"] and each["act"] == "bells.changed"]
    ends = cut["before"]["valid_to"], cut["after"]["valid_to"]
    assert ends == (str(winter.county.term.last_day), str(winter.begins - timedelta(days=1)))


def test_a_lesson_that_would_meet_another_is_named_before(
    client: TestClient, session: Session, keys: Keys
) -> None:
    first_day = counties.tomorrow()
    county = counties.county(session, sites=1, first_day=first_day, weeks=2)
    weekday = first_day.isoweekday()
    early = county.schedule(session, weekday=weekday).entry.id
    other = factories.room(session, factories.school(session, county.county))
    late = county.schedule(
        session, weekday=weekday, period=2, main_room_id=other.id, receiving_room_ids=(), title="Elsewhere"
    ).entry.id
    bureau, teacher = factories.bearer(keys, county.bureau), county.teacher
    session.commit()

    def ask(path: str, **changes: Any) -> Any:
        days = {"valid_from": str(first_day), "valid_to": str(first_day)}
        own = {"org_unit_id": str(county.school.id), "name": "Own", **days, "periods": WINTER, **changes}
        return client.post(f"/api/v1/bell-schedules{path}", headers=bureau, json=own).json()

    foreseen = ask("/effects")
    (clash,) = foreseen["clashes"]
    assert (foreseen["total_clashes"], foreseen["total_moving"]) == (1, 1)
    lesson, in_the_way = session.scalars(
        select(Lesson)
        .where(Lesson.date == first_day, Lesson.entry_id.in_([early, late]))
        .order_by(Lesson.starts_at)
    )
    assert clash["moving"] == foreseen["moving"][0]
    assert clash["moving"]["lesson_id"] == str(lesson.id)
    assert (clash["resource"], clash["id"], clash["name"]) == ("teacher", str(teacher.id), teacher.name)
    assert (clash["lesson_id"], clash["title"]) == (str(in_the_way.id), "Elsewhere")
    assert clash["starts_at"] == in_the_way.starts_at.isoformat().replace("+00:00", "Z")
    session.commit()  # SQLite has one writer
    for path in ("", "?lessons=follow"):  # what was foreseen is what is refused
        refused = ask(path)
        assert (refused["code"], {key: refused[key] for key in foreseen}) == ("bells.clash", foreseen)

    # At the other school's bells they move together and meet as little as before.
    everywhere = ask("/effects", org_unit_id=str(county.county.id), cut_others=True)
    assert (everywhere["total_moving"], everywhere["clashes"]) == (2, [])


def test_bells_that_have_rung_stay(client: TestClient, session: Session, keys: Keys) -> None:
    county = counties.county(session, sites=0, first_day=counties.tomorrow() - timedelta(days=7), weeks=2)
    bureau = factories.bearer(keys, county.bureau)
    session.commit()
    (bells,) = client.get("/api/v1/bell-schedules", headers=bureau).json()["items"]
    refused = client.delete(f"/api/v1/bell-schedules/{bells['id']}", headers=bureau)
    assert (refused.status_code, refused.json()["code"]) == (409, "bells.begun")
    all_days = {each: bells[each] for each in ("org_unit_id", "name", "valid_from", "valid_to", "periods")}
    all_days["cut_others"] = True
    refused = client.post("/api/v1/bell-schedules", headers=bureau, json=all_days)
    assert (refused.status_code, refused.json()["code"]) == (409, "bells.begun")
    some_days = {**all_days, "valid_from": str(counties.tomorrow())}
    assert client.post("/api/v1/bell-schedules", headers=bureau, json=some_days).status_code == 201
