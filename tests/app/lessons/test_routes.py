"""The timetable and its lessons over REST, from the bureau's request to what each person sees."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Person
from app.accounts.rules import Role
from app.keys import Keys
from tests import counties, factories
from tests.counties import County
from tests.statements import recorded

Header = dict[str, str]

WEEKS = 4


@pytest.fixture
def county(session: Session) -> County:
    county = counties.county(session, first_day=counties.tomorrow(), weeks=WEEKS)
    session.commit()
    return county


@pytest.fixture
def bureau(keys: Keys, county: County) -> Header:
    return factories.bearer(keys, county.bureau)


def plan(client: TestClient, header: Header, county: County, **changes: Any) -> tuple[int, Any]:
    body = county.body(**changes)
    answer = client.post("/api/v1/timetable-entries", headers=header, json=body)
    return answer.status_code, answer.json()


def listed(client: TestClient, header: Header, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/lessons?{query}", headers=header)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_an_entry_planned_gives_lessons_to_everybody_in_it(
    client: TestClient, county: County, bureau: Header, keys: Keys
) -> None:
    status, entry = plan(client, bureau, county)
    assert (status, entry["lessons"], entry["skipped"]) == (201, WEEKS, [])
    assert entry["first_day"] == county.term.first_day.isoformat()
    shown = {key: value for key, value in entry.items() if key not in ("lessons", "skipped")}
    shown["called_off"] = False
    assert client.get(f"/api/v1/timetable-entries/{entry['id']}", headers=bureau).json() == shown
    everybody: list[Person] = [county.bureau, county.teacher, *(site.assistant for site in county.sites)]
    for person in everybody:
        lessons = listed(client, factories.bearer(keys, person))
        assert [lesson["entry_id"] for lesson in lessons] == [entry["id"]] * WEEKS
    lesson = lessons[0]
    assert lesson["teacher"] == {"id": str(county.teacher.id), "name": county.teacher.name}
    assert lesson["main_room"]["name"] == county.main_room.name
    assert lesson["school"]["name"] == county.school.name
    assert {(site["code"], site["name"], site["stream"]) for site in lesson["sites"]} == {
        (site.unit.code, site.unit.name, f"site-{site.unit.code}") for site in county.sites
    }
    assert lesson["starts_at"].endswith("T00:00:00Z")
    assert lesson["opens_at"].endswith("T23:45:00Z")
    assert client.get(f"/api/v1/lessons/{lesson['id']}", headers=bureau).json() == lesson


def test_a_clash_is_explained(client: TestClient, county: County, bureau: Header) -> None:
    plan(client, bureau, county)
    status, refused = plan(client, bureau, county, title="Another")
    assert (status, refused["code"], refused["total"]) == (409, "timetable.clash", 4 * WEEKS)
    assert {clash["resource"] for clash in refused["clashes"]} == {"teacher", "main_room", "receiving_room"}
    first = listed(client, bureau)[0]
    assert {
        "resource": "teacher",
        "id": first["teacher"]["id"],
        "name": first["teacher"]["name"],
    }.items() <= (refused["clashes"][0].items())
    assert {refused["clashes"][0][key] for key in ("lesson_id", "starts_at")} == {
        first["id"],
        first["starts_at"],
    }
    assert len(listed(client, bureau)) == WEEKS


def test_lessons_are_narrowed_and_paged(client: TestClient, county: County, bureau: Header) -> None:
    _, first = plan(client, bureau, county)
    plan(client, bureau, county, period=2)
    everything = listed(client, bureau)
    assert [each["starts_at"] for each in everything] == sorted(each["starts_at"] for each in everything)
    second_week = datetime.fromisoformat(everything[2]["starts_at"])
    until = second_week + timedelta(minutes=1)
    query = {"from": second_week.isoformat(), "to": until.isoformat()}
    narrowed = client.get("/api/v1/lessons", headers=bureau, params=query).json()["items"]
    assert narrowed == [everything[2]]
    assert listed(client, bureau, f"entry_id={first['id']}&state=published") == everything[::2]
    assert listed(client, bureau, "state=live&state=ended") == []
    assert listed(client, bureau, "mine=true") == []
    assert listed(client, bureau, "without_teacher=true") == []
    role = county.teacher.assignments[0].id
    last_day = everything[1]["date"]  # and so the weeks after the first stand without somebody
    ended = client.post(f"/api/v1/assignments/{role}/end", headers=bureau, json={"last_day": last_day})
    assert ended.status_code == 200
    assert listed(client, bureau, "without_teacher=true") == everything[2:]
    assert client.post(f"/api/v1/people/{county.teacher.id}/close", headers=bureau).status_code == 200
    assert listed(client, bureau, f"without_teacher=true&entry_id={first['id']}") == everything[::2]
    everything = listed(client, bureau)
    collected: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = client.get(f"/api/v1/lessons?limit=3{after and '&after=' + after}", headers=bureau).json()
        collected, after = collected + page["items"], page["next"]
    assert collected == everything


def test_entries_come_in_the_order_of_the_week(client: TestClient, county: County, bureau: Header) -> None:
    for weekday, period in ((2, 1), (1, 2), (1, 1)):
        assert plan(client, bureau, county, weekday=weekday, period=period)[0] == 201
    path = "/api/v1/timetable-entries"
    first = client.get(f"{path}?limit=2", headers=bureau).json()
    second = client.get(f"{path}?limit=2&after={first['next']}", headers=bureau).json()
    slots = [(each["weekday"], each["period"]) for each in first["items"] + second["items"]]
    assert (slots, second["next"]) == ([(1, 1), (1, 2), (2, 1)], None)
    of_teacher = client.get(f"{path}?teacher_id={county.teacher.id}&term_id={county.term.id}", headers=bureau)
    assert len(of_teacher.json()["items"]) == 3
    nobodys = client.get(f"{path}?main_room_id={county.teacher.id}", headers=bureau).json()
    assert nobodys["items"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"weekday": 0},
        {"weekday": 8},
        {"period": 10**30},
        {"period": 0},
        {"receiving_room_ids": []},
        {"title": " "},
        {"title": "two\nlines"},
        {"subject": "no\u0000where"},
        {"mode": "telepathy"},
        {"first_day": "2026-13-01"},
        {"first_week": 1, "last_day": "2026-12-01"},
        {"first_week": 0},
        {"teacher": "Wang"},
        {"teacher_id": "wang"},
    ],
)
def test_what_makes_no_sense_is_refused(
    client: TestClient, county: County, bureau: Header, changes: dict[str, Any]
) -> None:
    status, refused = plan(client, bureau, county, **changes)
    assert (status, refused["code"]) == (422, "request.invalid")
    assert refused["errors"]


def test_only_the_bureau_plans(
    client: TestClient, county: County, bureau: Header, session: Session, keys: Keys
) -> None:
    school_admin = factories.person(session, county.school, Role.SCHOOL_ADMIN)
    session.commit()
    for person in (county.teacher, county.sites[0].assistant, school_admin):
        assert plan(client, factories.bearer(keys, person), county)[1]["code"] == "access.denied"
    assert plan(client, {}, county)[0] == 401
    assert plan(client, bureau, county)[0] == 201


def test_lessons_are_nobody_elses_business(
    client: TestClient, county: County, bureau: Header, session: Session, keys: Keys
) -> None:
    plan(client, bureau, county)
    lesson_id = listed(client, bureau)[0]["id"]
    colleague = factories.bearer(keys, factories.person(session, county.school, Role.TEACHER))
    stranger = factories.bearer(keys, counties.county(session).bureau)
    session.commit()
    path = f"/api/v1/lessons/{lesson_id}"
    assert client.get(path).status_code == 401
    assert client.get(path, headers=colleague).json()["code"] == "lesson.not_found"
    assert client.get(path, headers=stranger).json()["code"] == "lesson.not_found"
    assert listed(client, colleague) == listed(client, stranger) == []
    unknown = client.get(f"/api/v1/lessons/{county.term.id}", headers=bureau)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "lesson.not_found")


def test_current_is_the_next_lesson_of_tomorrow(
    client: TestClient, county: County, bureau: Header, keys: Keys
) -> None:
    teacher = factories.bearer(keys, county.teacher)
    none = client.get("/api/v1/lessons/current", headers=teacher)
    assert (none.status_code, none.json()["code"]) == (404, "lesson.none_now")
    # Tomorrow at eight in the morning; planned for midnight it would be within 24 hours at any time of today.
    assert plan(client, bureau, county, weekday=county.term.first_day.isoweekday())[0] == 201
    starts_at = datetime.fromisoformat(listed(client, teacher)[0]["starts_at"])
    answer = client.get("/api/v1/lessons/current", headers=teacher)
    within_a_day = starts_at - datetime.now(starts_at.tzinfo) < timedelta(hours=24)
    assert answer.status_code == (200 if within_a_day else 404)


def test_a_lesson_is_cancelled_with_a_reason(
    client: TestClient, county: County, bureau: Header, keys: Keys
) -> None:
    plan(client, bureau, county)
    lesson_id = listed(client, bureau)[0]["id"]
    path = f"/api/v1/lessons/{lesson_id}/cancel"
    assert client.post(path, headers=bureau, json={"reason": " "}).status_code == 422
    teacher = factories.bearer(keys, county.teacher)
    assert client.post(path, headers=teacher, json={"reason": "Snow"}).json()["code"] == "access.denied"
    cancelled = client.post(path, headers=bureau, json={"reason": "大雪封路"}).json()
    assert (cancelled["state"], cancelled["state_reason"], cancelled["sequence"]) == (
        "cancelled",
        "大雪封路",
        1,
    )
    assert {site["state"] for site in cancelled["sites"]} == {"cancelled"}
    assert plan(client, bureau, county, last_week=1)[1].get("lessons", 0) <= 1


def test_a_list_costs_the_same_however_long(
    app: FastAPI, client: TestClient, county: County, bureau: Header
) -> None:
    plan(client, bureau, county)

    def cost(limit: int) -> int:
        with recorded(app.state.engine) as statements:
            assert len(listed(client, bureau, f"limit={limit}")) == limit
        return len(statements)

    assert cost(1) == cost(WEEKS) <= 4


def test_every_planning_route_is_documented_with_examples(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    tags = {"pairings", "timetables", "lessons"}
    refused = document["paths"]["/api/v1/timetable-entries"]["post"]["responses"]["409"]["content"]
    assert refused["application/problem+json"]["example"]["code"] == "timetable.clash"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not tags & set(operation.get("tags", ())) or path.endswith("/join"):
                continue
            assert operation["summary"] and operation["description"], (method, path)
            body = operation.get("requestBody")
            if body:
                name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
                assert "example" in document["components"]["schemas"][name], name
