"""Deciding on pairings over REST, and what the database lets no lesson do."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Update, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.database import violated
from app.keys import Keys
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import LessonState, SiteState
from app.pairings.models import Pairing
from app.pairings.rules import PairingState
from app.schools.models import Room
from app.schools.rules import RoomKind
from tests import counties, factories
from tests.counties import County

Header = dict[str, str]


@pytest.fixture
def county(session: Session) -> County:
    return counties.county(session, first_day=counties.tomorrow(), weeks=3)


@pytest.fixture
def bureau(session: Session, keys: Keys, county: County) -> Header:
    session.commit()
    return factories.bearer(keys, county.bureau)


def step(client: TestClient, header: Header, pairing: Any, name: str, **body: Any) -> tuple[int, Any]:
    pairing_id = pairing.id if isinstance(pairing, Pairing) else pairing["id"]
    answer = client.post(f"/api/v1/pairings/{pairing_id}/{name}", headers=header, json=body)
    return answer.status_code, answer.json()


def propose(client: TestClient, header: Header, session: Session, county: County, **changes: Any) -> Any:
    site = factories.teaching_site(session, county.county)
    room = factories.room(session, site, RoomKind.RECEIVING)
    session.commit()
    body = {
        "main_room_id": str(county.main_room.id),
        "receiving_room_id": str(room.id),
        "subjects": ["English"],
        "valid_from": county.term.first_day.isoformat(),
        "valid_to": county.term.last_day.isoformat(),
        "state": "proposed",
    }
    answer = client.post("/api/v1/pairings", headers=header, json=body | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_both_sides_accept_before_the_bureau_approves(
    client: TestClient, session: Session, keys: Keys, county: County, bureau: Header
) -> None:
    made = propose(client, bureau, session, county)
    assert (made["state"], made["accepted_by"]) == ("proposed", [])
    admins = {
        "main": factories.person(session, county.school, Role.SCHOOL_ADMIN),
        "elsewhere": factories.person(session, factories.school(session, county.county), Role.SCHOOL_ADMIN),
    }
    session.commit()
    main, elsewhere = (factories.bearer(keys, admins[name]) for name in ("main", "elsewhere"))
    status, refused = step(client, bureau, made, "approve")
    assert (status, refused["code"], refused["allowed"]) == (
        409, "pairing.wrong_state", ["accept", "decline", "end"],
    )  # fmt: skip
    assert step(client, elsewhere, made, "accept")[1]["code"] == "access.denied"
    assert step(client, main, made, "accept", side="site")[1]["code"] == "access.denied"
    assert step(client, main, made, "accept")[1]["accepted_by"] == ["main"]
    assert step(client, main, made, "approve")[1]["code"] == "access.denied"
    assert step(client, bureau, made, "accept", side="site")[1]["state"] == "accepted"
    status, approved = step(client, bureau, made, "approve", reason="As agreed")
    assert (status, approved["state"], approved["steps"]) == (200, "approved", ["end", "renew", "suspend"])
    events = client.get(f"/api/v1/audit-events?subject_id={made['id']}", headers=bureau).json()["items"]
    assert [event["act"] for event in reversed(events)] == [
        "pairing.proposed", "pairing.accepted", "pairing.accepted", "pairing.approved",
    ]  # fmt: skip
    assert events[0]["after"]["reason"] == "As agreed"


def test_a_proposal_carries_no_lessons_and_can_be_declined(
    client: TestClient, session: Session, county: County, bureau: Header
) -> None:
    made = propose(client, bureau, session, county)
    weekday = county.term.first_day.isoweekday()
    entry = county.body(weekday=weekday, receiving_room_ids=[made["receiving_room_id"]])
    refused = client.post("/api/v1/timetable-entries", headers=bureau, json=entry).json()
    assert refused["code"] == "pairing.not_active"
    assert step(client, bureau, made, "decline")[1]["code"] == "request.invalid"
    status, declined = step(client, bureau, made, "decline", reason="No adult there")
    assert (status, declined["state"], declined["steps"]) == (200, "ended", [])
    assert step(client, bureau, made, "accept")[1]["allowed"] == []


def test_a_slow_line_is_not_approved(
    client: TestClient, session: Session, county: County, bureau: Header
) -> None:
    made = propose(client, bureau, session, county, minimum_link_mbps=8, subjects=["Art"])
    slow = update(Room).where(Room.id == UUID(made["receiving_room_id"]))
    session.execute(slow.values(link_mbps_declared=4))
    session.commit()
    step(client, bureau, made, "accept")
    assert step(client, bureau, made, "approve")[1]["code"] == "pairing.link_too_slow"


def test_lessons_do_not_outlive_their_agreement(
    client: TestClient, session: Session, county: County, bureau: Header
) -> None:
    first, second = county.sites
    weekday = county.term.first_day.isoweekday()
    county.schedule(session, weekday=weekday)
    alone = county.schedule(session, weekday=weekday, period=2, receiving_room_ids=(first.room.id,))
    session.commit()
    session.expunge_all()  # what they are is known; looking again would hold the database
    later = (county.term.first_day + timedelta(days=7)).isoformat()
    stop = {"reason": "The line is down", "stopped_from": later}
    status, refused = step(client, bureau, first.pairing, "suspend", **stop)
    assert (status, refused["code"], refused["total"]) == (409, "pairing.lessons_planned", 4)
    assert {lesson["date"] for lesson in refused["lessons"]} == {
        later, (county.term.first_day + timedelta(days=14)).isoformat(),
    }  # fmt: skip
    status, suspended = step(client, bureau, first.pairing, "suspend", **stop, lessons="drop")
    assert (status, suspended["stopped_from"], suspended["steps"]) == (200, later, ["end", "resume"])
    session.rollback()
    lessons = session.scalars(select(Lesson).order_by(Lesson.starts_at)).all()
    cancelled = [lesson for lesson in lessons if lesson.state is LessonState.CANCELLED]
    assert [(each.entry_id, each.state_reason, each.sequence) for each in cancelled] == [
        (alone.entry.id, "The line is down", 1)
    ] * 2
    served = select(LessonSite.pairing_id).where(LessonSite.state != SiteState.CANCELLED)
    pairings = list(session.scalars(served))
    assert (pairings.count(first.pairing.id), pairings.count(second.pairing.id)) == (2, 3)
    session.commit()
    assert step(client, bureau, first.pairing, "resume")[1]["state"] == "approved"
    status, ended = step(client, bureau, second.pairing, "end", reason="Closed", lessons="drop")
    assert (status, ended["steps"]) == (200, [])
    for day in ("2020-01-01", "2099-01-01"):
        refused = step(client, bureau, first.pairing, "end", reason="x", stopped_from=day)[1]
        assert refused["code"] == "pairing.day_not_possible"


def test_a_lesson_that_was_held_stays_under_its_agreement(
    client: TestClient, session: Session, keys: Keys
) -> None:
    today = counties.tomorrow() - timedelta(days=1)
    county = counties.county(session, first_day=today - timedelta(days=7), weeks=3)
    plan = county.schedule(session, now=counties.NOW, weekday=today.isoweekday())
    held = [each for each in plan.occurrences if each.day <= today]
    session.execute(update(Lesson).where(Lesson.date <= held[-1].day).values(state=LessonState.ENDED))
    session.commit()
    bureau = factories.bearer(keys, county.bureau)
    pairing = county.sites[0].pairing
    status, ended = step(client, bureau, pairing, "end", reason="Closed", lessons="drop")
    assert (status, ended["state"]) == (200, "active")  # the lesson of today has begun: ends tomorrow
    assert ended["stopped_from"] == (today + timedelta(days=1)).isoformat()


def test_an_agreement_is_renewed_by_the_next_one(
    client: TestClient, session: Session, county: County, bureau: Header
) -> None:
    old = county.sites[0].pairing
    until = (county.term.last_day + timedelta(days=100)).isoformat()
    status, renewal = step(client, bureau, old, "renew", valid_to=until)
    assert (status, renewal["state"], renewal["renews_id"]) == (201, "proposed", str(old.id))
    assert renewal["valid_from"] == (old.valid_to + timedelta(days=1)).isoformat()
    again = step(client, bureau, old, "renew", valid_to=until)[1]
    assert (again["code"], again["pairing_id"]) == ("pairing.renewed_already", renewal["id"])
    step(client, bureau, renewal, "accept")
    assert step(client, bureau, renewal, "approve")[1]["state"] == "approved"


@pytest.mark.parametrize("values", [
    {"valid_to": date(2026, 10, 11)},
    {"state": PairingState.SUSPENDED, "stopped_from": date(2026, 10, 5)},
    {"state": PairingState.PROPOSED},
])  # fmt: skip
def test_the_database_keeps_lessons_under_agreements(session: Session, values: dict[str, Any]) -> None:
    county = counties.county(session, sites=2)  # Mondays from 2026-09-07
    pairing = county.sites[0].pairing
    county.schedule(session)
    with pytest.raises(IntegrityError) as refused, session.begin_nested():
        session.execute(update(Pairing).where(Pairing.id == pairing.id).values(**values))
    assert violated(refused.value) == "pairing_does_not_carry"
    of_pairing = update(LessonSite).where(LessonSite.pairing_id == pairing.id)
    session.execute(of_pairing.values(state=SiteState.CANCELLED))
    session.execute(update(Pairing).where(Pairing.id == pairing.id).values(**values))
    with pytest.raises(IntegrityError) as refused, session.begin_nested():
        session.execute(of_pairing.values(state=SiteState.INVITED))
    assert violated(refused.value) == "pairing_does_not_carry"


def test_the_database_counts_the_sites(session: Session) -> None:
    county = counties.county(session, sites=2)
    county.schedule(session)
    pairing = county.sites[0].pairing
    less = update(Pairing).where(Pairing.id == pairing.id).values(capacity=1)
    of_pairing = update(LessonSite).where(LessonSite.pairing_id == pairing.id)
    assert refused_by(session, less) == "pairing_over_capacity"
    session.execute(of_pairing.values(state=SiteState.CANCELLED))
    session.execute(less)
    assert refused_by(session, of_pairing.values(state=SiteState.INVITED)) == "pairing_over_capacity"


def test_the_database_holds_a_site_to_the_agreement_of_its_own_rooms_and_subject(session: Session) -> None:
    county = counties.county(session, sites=2)
    county.schedule(session, receiving_room_ids=(county.sites[0].room.id,))
    mine, other = county.sites[0], county.sites[1]
    elsewhere = counties.pair(session, factories.room(session, county.school), mine.room, county.term)
    sites, agreement = update(LessonSite), update(Pairing).where(Pairing.id == mine.pairing.id)
    for breach in (
        sites.values(pairing_id=other.pairing.id),  # of the other site
        sites.values(pairing_id=elsewhere.id),  # of another main room
        sites.values(receiving_room_id=other.room.id),
        agreement.values(subjects=["Music"]),
        agreement.values(main_room_id=elsewhere.main_room_id),
        agreement.values(receiving_room_id=other.room.id),
    ):
        assert refused_by(session, breach) == "pairing_does_not_carry"
    session.execute(agreement.values(subjects=["Music", "English"]))


def refused_by(session: Session, statement: Update) -> str:
    with pytest.raises(IntegrityError) as refused, session.begin_nested():
        session.execute(statement)
    return violated(refused.value)
