"""Many at once: a snow day, and a morning of decisions on agreements."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.keys import Keys
from app.lessons.models import Lesson
from app.lessons.rules import LessonState
from app.schools.rules import OrgUnitKind, RoomKind
from tests import counties, factories


def test_a_snow_day_is_called_off_at_once(client: TestClient, session: Session, keys: Keys) -> None:
    """Given there: cancelled. Reaching there: without the site, or cancelled when none is left."""
    place = counties.county(session, first_day=counties.tomorrow())
    monday = date.fromisoformat(str(place.term.first_day)) + timedelta(days=7)
    weekday = monday.isoweekday()
    both = place.schedule(session, weekday=weekday, period=1).entry.id
    one = place.schedule(
        session, weekday=weekday, period=2, receiving_room_ids=(place.sites[0].room.id,)
    ).entry.id
    admin = factories.person(session, place.school, Role.SCHOOL_ADMIN)
    session.commit()
    bureau, school = factories.bearer(keys, place.bureau), factories.bearer(keys, admin)

    def lessons() -> dict[str, dict[str, Any]]:
        query = f"org_unit_id={place.county.id}&limit=200"
        items = client.get(f"/api/v1/lessons?{query}", headers=bureau).json()["items"]
        return {each["entry_id"]: each for each in items if each["date"] == monday.isoformat()}

    def cancel(who: dict[str, str] = bureau, **body: Any) -> Any:
        return client.post("/api/v1/lessons/cancel", json={"reason": "大雪 Snow"} | body, headers=who)

    site, day = str(place.sites[0].unit.id), monday.isoformat()
    assert cancel(org_unit_id=site).status_code == 422
    assert cancel(org_unit_id=site, date=day, lesson_ids=[site]).status_code == 422
    planned = lessons()
    live = planned[str(one)]["id"]
    session.execute(update(Lesson).where(Lesson.id == UUID(live)).values(state=LessonState.LIVE))
    session.commit()
    refused = cancel(org_unit_id=site, date=day)
    assert (refused.status_code, refused.json()["code"]) == (409, "lesson.some_refused")
    assert [(each["id"], each["code"]) for each in refused.json()["refused"]] == [
        (live, "lesson.wrong_state")
    ]
    assert {each["state"] for each in lessons().values()} == {"published", "live"}

    done = cancel(org_unit_id=site, date=day, others="leave").json()
    assert done["without_sites_ids"] == [planned[str(both)]["id"]]
    assert ([each["id"] for each in done["left"]], done["cancelled_ids"]) == ([live], [])
    now = lessons()[str(both)]
    assert {each["site_id"]: each["state"] for each in now["sites"]}[site] == "cancelled"
    assert (now["state"], now["sequence"]) == ("published", 1)

    session.execute(update(Lesson).where(Lesson.id == UUID(live)).values(state=LessonState.PUBLISHED))
    session.commit()
    alone = cancel(org_unit_id=site, date=day).json()
    assert (alone["cancelled_ids"], alone["without_sites_ids"]) == ([live], [])
    all_of_it = cancel(school, org_unit_id=str(place.school.id), date=day).json()
    assert all_of_it["cancelled_ids"] == [planned[str(both)]["id"]]
    assert {each["state_reason"] for each in lessons().values()} == {"大雪 Snow"}
    assert cancel(org_unit_id=site, date=day).json() == {
        "cancelled_ids": [],
        "without_sites_ids": [],
        "left": [],
    }

    again = cancel(lesson_ids=[live, str(both)])
    assert {each["code"] for each in again.json()["refused"]} == {"lesson.wrong_state", "lesson.not_found"}
    other = client.get("/api/v1/lessons?limit=1", headers=bureau).json()["items"][0]["id"]
    assert cancel(lesson_ids=[other]).json()["cancelled_ids"] == [other]
    trail = client.get("/api/v1/audit-events?act=lesson.cancelled", headers=bureau).json()["items"]
    assert len(trail) == 3


def test_many_agreements_are_decided_on_together(client: TestClient, session: Session, keys: Keys) -> None:
    root = factories.county(session)
    township = factories.org_unit(session, root, OrgUnitKind.TOWNSHIP)
    school = factories.school(session, township)
    main = factories.room(session, school)
    rooms = [
        factories.room(session, factories.teaching_site(session, school), RoomKind.RECEIVING)
        for _ in range(3)
    ]
    bureau = factories.bearer(keys, factories.person(session, root, Role.BUREAU_ADMIN))
    session.commit()
    made = [
        client.post(
            "/api/v1/pairings",
            json={
                "main_room_id": str(main.id),
                "receiving_room_id": str(room_id),
                "valid_from": "2026-09-01",
                "valid_to": "2099-01-31",
                "state": "proposed",
            },
            headers=bureau,
        ).json()
        for room_id in [room.id for room in rooms]
    ]

    def decide(step: str, chosen: list[dict[str, Any]], **more: Any) -> Any:
        body = {"step": step, "pairings": chosen} | more
        return client.post("/api/v1/pairings/decide", json=body, headers=bureau)

    def states() -> list[str]:
        items = client.get("/api/v1/pairings?limit=200", headers=bureau).json()["items"]
        return sorted(each["state"] for each in items)

    everything = [{"id": each["id"], "version": each["version"]} for each in made]
    assert decide("accept", everything[:1]).json()["items"][0]["state"] == "accepted"
    refused = decide("accept", everything).json()
    assert (refused["code"], [each["code"] for each in refused["refused"]]) == (
        "pairing.some_refused",
        ["version.stale"],
    )
    assert states() == ["accepted", "proposed", "proposed"]
    wrong = decide("approve", [{"id": each["id"]} for each in made]).json()["refused"]
    assert {each["code"] for each in wrong} == {"pairing.wrong_state"}
    assert decide("accept", everything[1:]).status_code == 200
    assert decide("approve", [{"id": each["id"]} for each in made]).status_code == 200
    assert states() == ["active", "active", "active"]
    assert decide("decline", [{"id": made[0]["id"]}]).status_code == 422
    assert decide("resume", [{"id": made[0]["id"]}, {"id": made[0]["id"]}]).status_code == 422
