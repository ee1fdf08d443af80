"""Tables with more wrong with them than anybody would type: bells apart, hundreds of rows in one slot."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Person
from app.accounts.rules import Principal, Role
from app.database import SessionFactory
from app.errors import AppError
from app.keys import Keys
from app.lessons import bulk, scheduling
from app.lessons.changes import Doing
from app.lessons.clash_report import Part
from app.lessons.models import Lesson, LessonGroup
from app.lessons.rules import LessonState
from app.schools.models import Room
from app.timetables import service as timetables
from app.timetables.planning import EntryDraft
from app.timetables.rules import Bell
from app.timetables.service import BellDraft
from app.timetables.weeks import WeekPattern
from tests import counties, factories
from tests.app.transfer.test_entries import HEAD, Timetable, class_of
from tests.app.transfer.test_importing import Sender, look

DAY = timedelta(days=1)


def test_bells_apart_and_more_clashes_than_can_be_told(
    client: TestClient, session: Session, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    county = counties.county(session, first_day=counties.next_monday(), weeks=20)
    term, site = county.term, county.sites[1].unit
    afternoon = BellDraft(site.id, "own", term.first_day, term.last_day, {1: Bell(time(14), time(14, 40))})
    timetables.create_bell_schedule(session, afternoon)
    session.commit()
    bureau, table = Sender(client, factories.bearer(keys, county.bureau)), Timetable(county)
    alone = HEAD + table.row(sites=table.sites[0])
    assert bureau.send("timetable-entries", alone, dry_run=False)[0] == 200
    # A site whose bells lie apart is told in the same words of a new lesson and of one that is there.
    told = []
    for row in (table.row(weekday=2), table.row()):
        _, report = bureau.send("timetable-entries", HEAD + row, {"Accept-Language": "en"})
        (error,) = report["errors"]
        assert (error["code"], error["cell"]) == ("timetable.bells_apart", "M2")
        told.append(error["detail"].replace(str(term.first_day), "").replace(str(term.first_day + DAY), ""))
    assert told[0] == told[1]
    assert table.sites[1] in told[0] and "from 08:00 to 08:40; 20 times in all" in told[0]

    # All of these want one slot: after so many clashes no more are looked for, and the table says from where on.
    monkeypatch.setattr(bulk, "MOST_FOUND", 1000)
    days = [(term.first_day + DAY * (i % 6), term.last_day - DAY * (i // 6)) for i in range(150)]
    rows = [
        table.row(weekday=3, sites=table.sites[0], first_day=first, last_day=last) for first, last in days
    ]
    found = bureau.faults("timetable-entries", HEAD + "".join(rows))
    assert found[-1] == (9, None, "clash.too_many")
    assert {row for row, _, _ in found} == set(range(3, 10))


def test_rows_are_judged_as_if_each_were_planned_after_those_before(session: Session) -> None:
    county = counties.county(session, weeks=6)
    rooms = [county.main_room, factories.room(session, county.school)]
    teachers = [county.teacher, factories.person(session, county.school, Role.TEACHER)]
    for site in county.sites:
        counties.pair(session, rooms[1], site.room, county.term)
    county.schedule(session, weekday=2, period=2)
    session.commit()
    chance = random.Random(7)
    principal = Principal(county.bureau.id, "Wang", county.county.id, (), counties.NOW.date())
    outcomes = set()
    for _ in range(10):
        drafts = {row: _some(county, chance, rooms, teachers) for row in range(4)}
        single = _one_by_one(session, drafts)
        together = _together(session, principal, drafts)
        # Behind a row that cannot be, the one way stores less than the other.
        wrong = min((row for row in drafts if single[row]), default=3)
        assert [single[row] for row in range(wrong + 1)] == [together[row] for row in range(wrong + 1)]
        assert all(single[row] is None for row in drafts if together[row] is None)
        outcomes |= set(together.values())
    assert outcomes == {None, "timetable.clash"}


def _some(
    county: counties.County, chance: random.Random, rooms: list[Room], teachers: list[Person]
) -> EntryDraft:
    pattern = chance.choice([WeekPattern.EVERY, WeekPattern.ODD, WeekPattern.EVEN])
    return county.draft(
        main_room_id=chance.choice(rooms).id,
        teacher_id=chance.choice(teachers).id,
        receiving_room_ids=(chance.choice(county.sites).room.id,),
        weekday=chance.randint(1, 3),
        period=chance.randint(1, 2),
        week_pattern=pattern,
    )


def _one_by_one(session: Session, drafts: Mapping[int, EntryDraft]) -> dict[int, str | None]:
    verdicts: dict[int, str | None] = {}
    with session.begin_nested() as trial:
        for row, draft in drafts.items():
            try:
                with session.begin_nested():
                    scheduling.create_entry(session, draft, counties.NOW)
                verdicts[row] = None
            except AppError as error:
                verdicts[row] = error.code
        trial.rollback()
    session.expire_all()
    return verdicts


def _together(
    session: Session, principal: Principal, drafts: Mapping[int, EntryDraft]
) -> dict[int, str | None]:
    planned = bulk.plan_all(session, principal, drafts, Doing(counties.NOW))
    parts = {row: [Part.of_new(plan)] for row, plan in planned.plans.items()}
    survey = bulk.obstacles_of(session, parts)
    assert survey.unseen is None
    refused = {row: error.code for row, error in planned.refused.items()}
    return {row: refused.get(row, "timetable.clash" if row in survey.obstacles else None) for row in drafts}


def test_names_that_two_classes_have_rooms_that_closed_and_lessons_called_off(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    county = counties.county(session, first_day=counties.next_monday(), weeks=2)
    term = county.term
    old = class_of(session, county.school)
    old.closed_from = term.first_day + 7 * DAY
    session.flush()
    new = class_of(session, county.school)
    closed = factories.room(session, county.school)
    closed.closed_from = term.first_day - 30 * DAY
    session.commit()
    bureau, table = Sender(client, factories.bearer(keys, county.bureau)), Timetable(county)

    # The class that will have the name is the one that goes out and comes in; the other one is none of it.
    exported = bureau.get("/api/v1/exports/pupil-groups.csv")
    assert exported.decode("utf-8-sig").count(new.name) == 1
    _, report = bureau.send("pupil-groups", exported)
    assert (report["errors"], report["unchanged"]) == ([], report["rows"])

    # A row goes to the class that is open on all of its days; where two are, nobody can know which. The main room
    # needs no code, for the other one is closed.
    once = {"weekday": 2, "groups": new.name, "first_day": term.first_day}
    both = HEAD + table.row(**once, last_day=term.first_day + 6 * DAY)
    assert bureau.faults("timetable-entries", both) == [(2, "N2", "pupil_group.name_shared")]
    good = HEAD + table.row(**once, status="published")
    assert bureau.send("timetable-entries", good, dry_run=False)[1]["created"] == 1
    assert set(look(session_factory, select(LessonGroup.pupil_group_id))) == {(new.id,)}

    # All of its lessons are called off one by one: it is not there any more, and may be planned again.
    header = factories.bearer(keys, county.bureau)
    for (lesson_id,) in look(session_factory, select(Lesson.id)):
        answer = client.post(f"/api/v1/lessons/{lesson_id}/cancel", json={"reason": "Snow"}, headers=header)
        assert answer.is_success
    assert bureau.get("/api/v1/exports/timetable-entries.csv").count(b"\n") == 1
    for created in (1, 0):
        _, report = bureau.send("timetable-entries", good, dry_run=False)
        assert (report["created"], report["unchanged"]) == (created, 1 - created)
    _, report = bureau.send("timetable-entries", bureau.get("/api/v1/exports/timetable-entries.csv"))
    assert (report["errors"], report["unchanged"]) == ([], 1)


def test_a_row_about_lessons_that_were_all_called_off_says_that_it_changes_none(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    day, monday = counties.tomorrow(), counties.next_monday()
    county = counties.county(session, first_day=monday - 14 * DAY, weeks=4)
    begun = datetime.combine(county.term.first_day, time(0), UTC)
    county.schedule(session, begun, weekday=day.isoweekday())
    session.commit()
    header = factories.bearer(keys, county.bureau)
    bureau = Sender(client, header)
    exported = bureau.get("/api/v1/exports/timetable-entries.csv").decode("utf-8-sig")
    to_come = select(Lesson.id).where(Lesson.date >= day)
    for (lesson_id,) in look(session_factory, to_come):
        answer = client.post(f"/api/v1/lessons/{lesson_id}/cancel", json={"reason": "Snow"}, headers=header)
        assert answer.is_success
    # Those that were held keep it in the table, with its id; whoever cancelled the others may have had a reason.
    renamed = exported.replace("Grade 3 English", "renamed").replace('"1"', '"2"')
    assert (renamed.count("renamed"), renamed.count('"2"')) == (1, 1)
    for table, changed in ((exported, 0), (renamed, 1)):
        for dry_run in (True, False):
            _, report = bureau.send("timetable-entries", table.encode(), dry_run=dry_run)
            assert (report["errors"], report["changed"], report["unchanged"]) == ([], changed, 1 - changed)
            assert [each["code"] for each in report["remarks"]] == ["entry.called_off"]
    states = select(Lesson.state).where(Lesson.date >= day)
    assert set(look(session_factory, states)) == {(LessonState.CANCELLED,)}
