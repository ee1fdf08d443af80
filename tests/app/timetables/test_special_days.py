"""The school calendar over REST."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.keys import Keys
from app.timetables import service as timetables
from app.timetables.calendar import DayKind
from app.timetables.public_holidays import proposed_days
from app.timetables.service import TermDraft
from tests import counties, factories
from tests.counties import County

Header = dict[str, str]


@pytest.fixture
def county(session: Session) -> County:
    return counties.county(session, sites=1)  # twenty weeks from Monday 2026-09-07


@pytest.fixture
def bureau(session: Session, keys: Keys, county: County) -> Header:
    session.commit()
    return factories.bearer(keys, county.bureau)


def holiday(day: str, **changes: Any) -> dict[str, Any]:
    return {"date": day, "kind": "holiday", "follows_weekday": None, "name": None} | changes


def make_up(day: str, follows: int, **changes: Any) -> dict[str, Any]:
    return holiday(day, kind="make_up_day", follows_weekday=follows, **changes)


def mark(client: TestClient, header: Header, *days: dict[str, Any]) -> tuple[int, Any]:
    return put(client, header, {"days": days})


def put(client: TestClient, header: Header, body: dict[str, Any], query: str = "") -> tuple[int, Any]:
    answer = client.put(f"/api/v1/calendar-days{query}", headers=header, json=body)
    return answer.status_code, answer.json()


NOTHING = {"added": 0, "cancelled": 0, "unplanned": []}


def test_days_are_marked_shown_and_unmarked(client: TestClient, county: County, bureau: Header) -> None:
    national, saturday = holiday("2026-10-01", name="国庆节"), make_up("2026-10-10", 4)
    assert mark(client, bureau, saturday, national) == (
        200,
        {"days": [national, saturday], "lessons": NOTHING},
    )
    first = client.get("/api/v1/calendar-days?limit=1", headers=bureau).json()
    rest = client.get(f"/api/v1/calendar-days?limit=1&after={first['next']}", headers=bureau).json()
    assert (first["items"], rest) == ([national], {"items": [saturday], "next": None})
    days = client.get(f"/api/v1/terms/{county.term.id}/calendar", headers=bureau).json()["days"]
    shown = {day["date"]: day for day in days}
    assert len(days) == 140
    assert shown["2026-10-01"] == {
        "date": "2026-10-01", "week": 4, "weekday_taught": None, "special": national
    }  # fmt: skip
    assert (shown["2026-10-10"]["week"], shown["2026-10-10"]["weekday_taught"]) == (5, 4)
    assert mark(client, bureau, make_up("2026-10-10", 5))[0] == 200
    for _ in range(2):  # asking twice is no mistake
        assert client.delete("/api/v1/calendar-days/2026-10-01", headers=bureau).status_code == 204
    left = client.get("/api/v1/calendar-days?from=2026-09-30&to=2026-10-31", headers=bureau).json()
    assert [(day["date"], day["follows_weekday"]) for day in left["items"]] == [("2026-10-10", 5)]
    events = client.get("/api/v1/audit-events?act=calendar.marked", headers=bureau).json()["items"]
    assert [event["after"] for event in events] == [
        {"2026-10-10": "make_up_day:5"},
        {"2026-10-01": "holiday", "2026-10-10": "make_up_day:4"},
    ]


@pytest.mark.parametrize(
    ("day", "code"),
    [
        (make_up("2026-10-10", 6), "calendar.follows_itself"),
        (make_up("2026-08-30", 1), "calendar.outside_terms"),
        (holiday("2026-10-01", follows_weekday=1), "calendar.follows_without_need"),
        (holiday("2026-10-01", kind="make_up_day"), "calendar.follows_nothing"),
        (make_up("2026-10-10", 8), "request.invalid"),
        (holiday("2026-02-29"), "request.invalid"),
        (holiday("2026-10-01", kind="party"), "request.invalid"),
        (holiday("2026-10-01", color="red"), "request.invalid"),
    ],
)
def test_one_bad_day_and_none_is_marked(
    client: TestClient, bureau: Header, day: dict[str, Any], code: str
) -> None:
    status, refused = mark(client, bureau, holiday("2026-10-02"), day)
    assert (status, refused["code"]) == (422, code)
    assert client.get("/api/v1/calendar-days", headers=bureau).json()["items"] == []


def test_a_make_up_day_follows_a_weekday_with_lessons(
    client: TestClient, county: County, bureau: Header, session: Session
) -> None:
    timetables.create_term(
        session, county.county.id, TermDraft("Spring", date(2027, 3, 1), date(2027, 6, 30))
    )
    session.commit()
    status, refused = mark(client, bureau, make_up("2027-03-06", 7))
    assert (status, refused["code"]) == (422, "calendar.follows_a_free_day")
    assert mark(client, bureau, make_up("2027-03-06", 5), holiday("2027-08-01"))[0] == 200


def test_days_with_lessons_are_not_changed_under_them(
    client: TestClient, county: County, bureau: Header, session: Session
) -> None:
    plan = county.schedule(session)  # Mondays
    session.commit()
    wanted = (holiday("2026-10-05"), make_up("2026-10-10", 1))
    effects = client.post("/api/v1/calendar-days/effects", headers=bureau, json={"days": wanted}).json()
    status, refused = mark(client, bureau, *wanted)
    assert (status, refused["code"]) == (409, "calendar.lessons_planned")
    told = ("falling", "missing", "total_falling", "total_missing")
    assert effects == {**{each: refused[each] for each in told}, "unplanned": [], "total_unplanned": 0}
    assert [each["date"] for each in refused["falling"]] == ["2026-10-05"]
    assert [(each["date"], each["entry_id"]) for each in refused["missing"]] == [
        ("2026-10-10", str(plan.entry.id))
    ]
    assert "Grade 3 English" in refused["detail"]
    assert client.get("/api/v1/calendar-days", headers=bureau).json()["items"] == []
    assert mark(client, bureau, holiday("2026-10-06"))[0] == 200


def test_china_shifts_working_days() -> None:
    found = proposed_days("CN", "zh", date(2026, 9, 1), date(2027, 1, 22))
    kinds = {each.date: (each.wanted.kind, each.wanted.follows_weekday) for each in found}
    assert kinds[date(2026, 10, 1)] == (DayKind.HOLIDAY, None)
    assert kinds[date(2026, 9, 20)] == (DayKind.MAKE_UP_DAY, 2)  # for Tuesday 6 October
    assert kinds[date(2026, 10, 10)] == (DayKind.MAKE_UP_DAY, 3)  # for Wednesday 7 October
    assert {each.name for each in found if each.date == date(2026, 10, 1)} == {"国庆节"}


def test_a_proposal_is_confirmed_by_marking_it(client: TestClient, county: County, bureau: Header) -> None:
    address = f"/api/v1/terms/{county.term.id}/public-holidays"
    proposal = client.get(f"{address}?language=en", headers=bureau).json()["days"]
    assert ("2026-10-10", "make_up_day", 3) in [
        (d["date"], d["kind"], d["follows_weekday"]) for d in proposal
    ]
    assert client.get("/api/v1/calendar-days", headers=bureau).json()["items"] == []
    assert mark(client, bureau, *proposal) == (200, {"days": proposal, "lessons": NOTHING})
    assert client.get(f"{address}?country=CN", headers=bureau).json() == {"days": []}
    assert client.get(f"{address}?country=FR", headers=bureau).json()["days"]
    assert client.get(f"{address}?country=XX", headers=bureau).json()["code"] == "calendar.country_unknown"
