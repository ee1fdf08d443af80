"""What the bureau finds in the trail after people have used the product, and what it takes away."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.keys import Keys
from app.schools.rules import RoomKind
from tests import counties, factories
from tests.counties import County

Header = dict[str, str]


@pytest.fixture
def county(session: Session) -> County:
    county = counties.county(session, first_day=counties.tomorrow(), weeks=2)
    session.commit()
    return county


@pytest.fixture
def bureau(keys: Keys, county: County) -> Header:
    return factories.bearer(keys, county.bureau)


def found(client: TestClient, bureau: Header, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/audit-events?{query}", headers=bureau)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_every_change_of_people_schools_pairings_and_timetable_is_there(
    client: TestClient, county: County, bureau: Header, session: Session
) -> None:
    unit = {"kind": "school", "parent_id": str(county.county.id), "code": "N1", "name": "新学校"}
    school = client.post("/api/v1/org-units", headers=bureau, json=unit).json()["id"]
    room = {"org_unit_id": school, "kind": RoomKind.RECEIVING, "code": "R", "name": "R"}
    receiving = client.post("/api/v1/rooms", headers=bureau, json=room).json()["id"]
    duty = {"role": "teacher", "org_unit_id": school}
    person = {"login": "li", "name": "李老师", "password": "a long password", "assignments": [duty]}
    assert client.post("/api/v1/people", headers=bureau, json=person).status_code == 201
    days = {"valid_from": "2026-09-01", "valid_to": "2027-01-31"}
    pair = {"main_room_id": str(county.main_room.id), "receiving_room_id": receiving, "capacity": 3, **days}
    assert client.post("/api/v1/pairings", headers=bureau, json=pair | {"subjects": []}).status_code == 201
    period = [{"number": 1, "starts_at": "08:00", "ends_at": "08:40"}]
    bells = {"org_unit_id": school, "name": "Bells", "periods": period, **days}
    assert client.post("/api/v1/bell-schedules", headers=bureau, json=bells).status_code == 201
    term = {"name": "Spring", "first_day": "2020-02-01", "last_day": "2020-06-01"}
    assert client.post("/api/v1/terms", headers=bureau, json=term).status_code == 201
    entry = county.body(weekday=county.term.first_day.isoweekday())
    assert client.post("/api/v1/timetable-entries", headers=bureau, json=entry).status_code == 201
    lesson = client.get("/api/v1/lessons", headers=bureau).json()["items"][0]["id"]
    cancelled = client.post(f"/api/v1/lessons/{lesson}/cancel", headers=bureau, json={"reason": "Snow"})
    assert cancelled.status_code == 200
    events = found(client, bureau)
    assert [event["act"] for event in reversed(events)] == [
        "org_unit.added",
        "room.added",
        "person.admitted",
        "pairing.made",
        "bells.put_in_force",
        "term.opened",
        "entry.planned",
        "lesson.cancelled",
    ]
    assert {event["person_id"] for event in events} == {str(county.bureau.id)}
    assert {event["address"] for event in events} == {"127.0.0.1"}
    assert events[0]["before"]["state"] == "published"
    assert {"state": "cancelled", "reason": "Snow"}.items() <= events[0]["after"].items()
    assert events[0]["subject_id"] == lesson
    admitted = events[5]
    assert admitted["after"]["assignments"][0]["role"] == "teacher"
    assert "李老师" not in str(events) and "a long password" not in str(events)


def test_sign_ins_are_there_good_and_refused(
    client: TestClient, county: County, bureau: Header, session: Session
) -> None:
    login = county.teacher.login
    for password in ("wrong", factories.PASSWORD):
        client.post("/api/v1/token", data={"username": login, "password": password})
    client.post("/api/v1/token", data={"username": "nobody", "password": "wrong"})
    client.post("/api/v1/token", data={"username": "my secret\x00password", "password": "x"})
    accepted, refused = found(client, bureau)
    assert (accepted["act"], accepted["person_id"]) == ("sign_in.accepted", str(county.teacher.id))
    assert (refused["act"], refused["person_id"]) == ("sign_in.refused", None)
    assert refused["subject_id"] == str(county.teacher.id)
    with session:
        reports = {each.name: each for each in audit.verify(session)}
    # A login that nobody has belongs to no county; and what was typed may be a password.
    assert reports["server"].head.number == 2
    assert all(not report.faults for report in reports.values())


def test_what_is_refused_or_fails_leaves_no_event(client: TestClient, county: County, keys: Keys) -> None:
    bureau = factories.bearer(keys, county.bureau)
    room = {"org_unit_id": str(county.school.id), "kind": "main", "code": county.main_room.code, "name": "R"}
    assert client.post("/api/v1/rooms", headers=bureau, json=room).status_code == 409
    teacher = factories.bearer(keys, county.teacher)
    assert client.post("/api/v1/rooms", headers=teacher, json=room | {"code": "N"}).status_code == 403
    assert found(client, bureau) == []


def fill(session: Session, county: County, count: int = 5) -> None:
    for number in range(count):
        subject = Subject("room", county.main_room.id if number % 2 else county.school.id)
        act = Act.ROOM_ADDED if number % 2 else Act.ORG_UNIT_ADDED
        audit.note(session, act, county.county.id, county.teacher.id, subject, after={"n": number})
    session.commit()


def test_pages_follow_each_other_from_the_newest_on(
    client: TestClient, county: County, bureau: Header, session: Session
) -> None:
    fill(session, county)
    seen, query = [], {"limit": "2"}
    while True:
        page = client.get("/api/v1/audit-events", headers=bureau, params=query).json()
        seen += [event["number"] for event in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert seen == [5, 4, 3, 2, 1]
    bad = client.get("/api/v1/audit-events?after=WyJ4Il0", headers=bureau)
    assert (bad.status_code, bad.json()["code"]) == (422, "page.bad_cursor")


def test_a_search_is_narrowed(client: TestClient, county: County, bureau: Header, session: Session) -> None:
    fill(session, county)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    expected = {
        "act=room.added": [4, 2],
        "act=room.added&act=org_unit.added": [5, 4, 3, 2, 1],
        f"subject_id={county.main_room.id}": [4, 2],
        f"person_id={county.teacher.id}": [5, 4, 3, 2, 1],
        f"person_id={county.bureau.id}": [],
        f"from={tomorrow}": [],
        f"to={tomorrow}&limit=2": [5, 4],
    }
    for query, numbers in expected.items():
        assert [event["number"] for event in found(client, bureau, query)] == numbers, query
    assert client.get("/api/v1/audit-events?act=nonsense", headers=bureau).status_code == 422


def test_the_trail_of_another_county_is_not_shown(
    client: TestClient, county: County, session: Session, keys: Keys
) -> None:
    fill(session, county)
    abroad = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    session.commit()
    assert found(client, factories.bearer(keys, abroad)) == []


def test_an_export_for_spreadsheets_holds_no_formula(
    client: TestClient, county: County, bureau: Header, session: Session
) -> None:
    subject = Subject("=cmd|' /C calc'!A0", county.school.id)
    audit.note(session, Act.ROOM_ADDED, county.county.id, None, subject, after={"name": '教室 "1"'})
    session.commit()
    answer = client.get("/api/v1/audit-events/export?act=room.added", headers=bureau)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    header, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    shown = dict(zip(header, row, strict=True))
    assert shown["subject_kind"] == "'=cmd|' /C calc'!A0"
    assert shown["after"] == '{"name": "教室 \\"1\\""}'
    assert shown["before"] == shown["person_id"] == ""


def test_an_export_for_programs_is_whole_and_is_itself_in_the_trail(
    client: TestClient, county: County, bureau: Header, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.audit.export._PAGE", 2)
    fill(session, county)
    taken = client.get("/api/v1/audit-events/export?format=json", headers=bureau).json()
    assert [event["number"] for event in taken] == [6, 5, 4, 3, 2, 1]
    assert taken[1:] == found(client, bureau)[1:]
    assert taken[0]["act"] == "audit.exported"
    assert taken[0]["after"] == {"format": "json", "query": ["format"]}
    empty = client.get("/api/v1/audit-events/export?format=json&act=lesson.cancelled", headers=bureau)
    assert empty.json() == []
    workbook = f"reports/workbook?term_id={county.term.id}"
    for path in ("exports/people.csv", "exports/oneroster.zip", workbook):
        assert client.get(f"/api/v1/{path}", headers=bureau).status_code == 200
    told = [(each["act"], each["after"], each["person_id"]) for each in found(client, bureau)[:3]]
    assert told == [
        ("report.exported", {"format": "xlsx", "term_id": str(county.term.id)}, str(county.bureau.id)),
        ("table.exported", {"format": "zip", "kind": "oneroster"}, str(county.bureau.id)),
        ("table.exported", {"format": "csv", "kind": "people"}, str(county.bureau.id)),
    ]
