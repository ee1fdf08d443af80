"""Many at once: a snow day, and a morning of decisions on agreements."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from httpx2 import Response
from sqlalchemy import update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.keys import Keys
from app.lessons.models import Lesson
from app.lessons.rules import LessonState
from app.schools.rules import OrgUnitKind, RoomKind
from tests import counties, factories
from tests.counties import County


@dataclass(frozen=True)
class SnowyDay:
    """A Monday with a lesson for two sites and one for the first of them alone, and who calls them off."""

    client: TestClient
    session: Session
    place: County
    both: UUID
    one: UUID
    """The entries of these lessons."""
    day: str
    bureau: dict[str, str]
    school: dict[str, str]

    @property
    def site(self) -> str:
        """The site that both lessons reach."""
        return str(self.place.sites[0].unit.id)

    def lessons(self) -> dict[UUID, dict[str, Any]]:
        """Those of the day, by entry."""
        query = f"org_unit_id={self.place.county.id}&limit=200"
        items = self.client.get(f"/api/v1/lessons?{query}", headers=self.bureau).json()["items"]
        return {UUID(each["entry_id"]): each for each in items if each["date"] == self.day}

    def ids(self) -> tuple[str, str]:
        """The lesson for both sites, and that for one."""
        found = self.lessons()
        return found[self.both]["id"], found[self.one]["id"]

    def call_off(self, who: dict[str, str] | None = None, **what: Any) -> Response:
        body = {"reason": "大雪 Snow"} | what
        return self.client.post("/api/v1/lessons/cancel", json=body, headers=who or self.bureau)

    def set_state(self, lesson_id: str, state: LessonState) -> None:
        self.session.execute(update(Lesson).where(Lesson.id == UUID(lesson_id)).values(state=state))
        self.session.commit()


def test_a_snow_day_is_called_off_at_once(client: TestClient, session: Session, keys: Keys) -> None:
    """Given there: cancelled. Reaching there: without the site, or cancelled when none is left."""
    place = counties.county(session, first_day=counties.tomorrow())
    monday = place.term.first_day + timedelta(days=7)
    weekday, alone = monday.isoweekday(), (place.sites[0].room.id,)
    both = place.schedule(session, weekday=weekday, period=1).entry.id
    one = place.schedule(session, weekday=weekday, period=2, receiving_room_ids=alone).entry.id
    admin = factories.person(session, place.school, Role.SCHOOL_ADMIN)
    session.commit()
    bureau, school = factories.bearer(keys, place.bureau), factories.bearer(keys, admin)
    snow = SnowyDay(client, session, place, both, one, monday.isoformat(), bureau, school)
    it_is_said_which_lessons(snow)
    a_lesson_on_the_air_stops_all_or_is_left(snow)
    a_site_snowed_in_is_left_out_of_what_others_get(snow)
    a_school_snowed_in_gives_nothing(snow)
    what_is_named_by_its_id_is_called_off_or_refused(snow)


def it_is_said_which_lessons(snow: SnowyDay) -> None:
    assert snow.call_off(org_unit_id=snow.site).status_code == 422
    assert snow.call_off(org_unit_id=snow.site, date=snow.day, lesson_ids=[snow.site]).status_code == 422


def a_lesson_on_the_air_stops_all_or_is_left(snow: SnowyDay) -> None:
    both, live = snow.ids()
    snow.set_state(live, LessonState.LIVE)
    refused = snow.call_off(org_unit_id=snow.site, date=snow.day)
    assert (refused.status_code, refused.json()["code"]) == (409, "lesson.some_refused")
    left = [(each["id"], each["code"]) for each in refused.json()["refused"]]
    assert left == [(live, "lesson.wrong_state")]
    assert {each["state"] for each in snow.lessons().values()} == {"published", "live"}
    done = snow.call_off(org_unit_id=snow.site, date=snow.day, others="leave").json()
    assert done["without_sites_ids"] == [both]
    assert ([each["id"] for each in done["left"]], done["cancelled_ids"]) == ([live], [])
    snow.set_state(live, LessonState.PUBLISHED)


def a_site_snowed_in_is_left_out_of_what_others_get(snow: SnowyDay) -> None:
    now = snow.lessons()[snow.both]
    assert {each["site_id"]: each["state"] for each in now["sites"]}[snow.site] == "cancelled"
    assert (now["state"], now["sequence"]) == ("published", 1)
    _, one = snow.ids()
    for_nobody_else = snow.call_off(org_unit_id=snow.site, date=snow.day).json()
    assert (for_nobody_else["cancelled_ids"], for_nobody_else["without_sites_ids"]) == ([one], [])


def a_school_snowed_in_gives_nothing(snow: SnowyDay) -> None:
    both, _ = snow.ids()
    done = snow.call_off(snow.school, org_unit_id=str(snow.place.school.id), date=snow.day).json()
    assert done["cancelled_ids"] == [both]
    assert {each["state_reason"] for each in snow.lessons().values()} == {"大雪 Snow"}
    nothing: dict[str, list[str]] = {"cancelled_ids": [], "without_sites_ids": [], "left": []}
    assert snow.call_off(org_unit_id=snow.site, date=snow.day).json() == nothing


def what_is_named_by_its_id_is_called_off_or_refused(snow: SnowyDay) -> None:
    _, off = snow.ids()
    again = snow.call_off(lesson_ids=[off, str(snow.both)])  # an entry's id is no lesson's
    assert {each["code"] for each in again.json()["refused"]} == {"lesson.wrong_state", "lesson.not_found"}
    listed = snow.client.get("/api/v1/lessons?limit=1", headers=snow.bureau).json()["items"]
    other = listed[0]["id"]
    assert snow.call_off(lesson_ids=[other]).json()["cancelled_ids"] == [other]
    trail = snow.client.get("/api/v1/audit-events?act=lesson.cancelled", headers=snow.bureau).json()["items"]
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
