"""The invariants of planning, tried with plain SQL: whoever writes past every service is refused by the database.

What holds which invariant is told in `docs/architecture.md`. Those that do not touch planning (who is on stage, who is
told of a visit) are tried where they are kept.
"""

import re
from datetime import date
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import Uuid, bindparam, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.database import Base, new_id, violated
from app.errors import install_error_handlers
from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.schools import groups
from app.schools.groups import GroupDraft
from app.timetables import service as timetables
from app.timetables.models import BellSchedule, Period
from app.timetables.service import TermDraft
from tests import consents, counties, factories


def copy_of(table: str, which: str, **other: str) -> str:
    """An INSERT of the same row once more, but for some columns."""
    other = {"id": ":fresh", **other}
    names = [column.name for column in Base.metadata.tables[table].columns]
    values = ", ".join(other.get(name, name) for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} WHERE id = :{which}"


def lesson(values: str, which: str = "lesson") -> str:
    return f"UPDATE lessons SET {values} WHERE id = :{which}"


_ELSE = {"calendar_uid": ":fresh", "main_room_id": ":spare_room", "teacher_id": ":idle"}
_DAY = "2027-03-01"
_LATE = f"starts_at = '{_DAY} 00:00:00.000000', ends_at = '{_DAY} 00:40:00.000000', sequence = 1"
_NO_CONSENT = "ended_at = '2020-01-01 00:00:00.000000', guardian = NULL, end_reason = 'left'"

_THIRD = {
    "pairing_id": ":third",
    "receiving_room_id": ":third_room",
    "site_id": ":third_site",
    "site_code": "'X'",
}

BREACHES = {
    "1 No overlap of a teacher, a main room, a receiving room or a pupil group": [
        (lesson("teacher_id = :teacher, sequence = 1", "other"), "ex_lessons_teacher"),
        (copy_of("lessons", "lesson", **_ELSE | {"teacher_id": ":teacher"}), "ex_lessons_teacher"),
        (copy_of("lessons", "lesson", **_ELSE | {"main_room_id": ":room"}), "ex_lessons_main_room"),
        (
            copy_of("lesson_sites", "site", lesson_id=":other", pairing_id=":crossing", site_code="'X'"),
            "ex_lesson_sites_receiving_room",
        ),
        (copy_of("lesson_groups", "group", lesson_id=":other"), "ex_lesson_groups_pupil_group"),
    ],
    "2 Every site of a lesson has an active pairing that day, within its capacity": [
        ("UPDATE lesson_sites SET pairing_id = :crossing WHERE id = :site", "pairing_does_not_carry"),
        (lesson("main_room_id = :spare_room, sequence = 1"), "pairing_does_not_carry"),
        (lesson("subject = 'Music', sequence = 1"), "pairing_does_not_carry"),
        ("UPDATE pairings SET subjects = '[\"Music\"]' WHERE id = :pairing", "pairing_does_not_carry"),
        ("UPDATE pairings SET valid_to = '2026-09-10' WHERE id = :pairing", "pairing_does_not_carry"),
        ("UPDATE pairings SET state = 'proposed' WHERE id = :pairing", "pairing_does_not_carry"),
        ("DELETE FROM pairings WHERE id = :pairing", "a foreign key"),
        ("UPDATE pairings SET capacity = 1 WHERE id = :pairing", "pairing_over_capacity"),
        (copy_of("lesson_sites", "site", **_THIRD), "pairing_over_capacity"),
        (lesson(_LATE), "lesson_not_on_its_day"),  # its agreements are looked up by the day
        (lesson("ends_at = '2026-09-09 00:00:00.000000', sequence = 1"), "lesson_not_on_its_day"),
    ],
    "3 Bells: one schedule of a unit a day, its periods apart; and all within one term": [
        (copy_of("bell_schedules", "bells"), "ex_bell_schedules_org_unit"),
        (copy_of("periods", "second", number="3"), "ex_periods_bell_schedule"),
        ("UPDATE periods SET starts_at = '08:39:00.000000' WHERE id = :second", "ex_periods_bell_schedule"),
        ("UPDATE periods SET ends_at = '08:40:00.000000' WHERE id = :second", "ck_periods_times_in_order"),
        (copy_of("terms", "term", name="'Twice'"), "ex_terms_county"),
        ("UPDATE terms SET last_day = '2026-09-10' WHERE id = :term", "term_still_planned"),
        (f"UPDATE timetable_entries SET last_day = '{_DAY}'", "entry_outside_term"),
        (lesson(f"date = '{_DAY}', {_LATE}", "alone"), "lesson_outside_term"),
        (copy_of("lessons", "alone", **_ELSE | {"term_id": ":other_term"}), "lesson_outside_term"),
    ],
    "5 An edit of what people know of counts, and keeps its place in calendars": [
        (lesson("title = 'Unheard of'"), "lesson_edit_not_counted"),
        (lesson("period = 2"), "lesson_edit_not_counted"),
        (lesson("title = 'Once more'", "edited"), "lesson_edit_not_counted"),
        (lesson("state = 'cancelled'"), "lesson_edit_not_counted"),
        (lesson("sequence = 0", "edited"), "lesson_keeps_its_place"),
        (lesson("calendar_uid = :fresh"), "lesson_keeps_its_place"),
        (copy_of("lessons", "alone", **_ELSE | {"calendar_uid": ":alone"}), "uq_lessons_calendar_uid"),
        ("DELETE FROM lessons WHERE id = :alone", "lesson_stays_known"),
    ],
    "6 Headcounts by default; a name needs a consent in force": [
        (
            "INSERT INTO headcounts SELECT id, :stranger, 3, 40 FROM terms WHERE id = :term",
            "place_of_headcount",
        ),
        (f"UPDATE guardian_consents SET {_NO_CONSENT}", "pupil_outlives_consent"),
    ],
}


@pytest.fixture
def there(session: Session) -> dict[str, UUID]:
    """Two lessons at once that have nothing in common, and what else the statements name."""
    county = counties.county(session, sites=3, weeks=4)
    *pair, third = county.sites
    main, spare, wide = county.main_room, *(factories.room(session, county.school) for _ in range(2))
    group = groups.create_group(session, GroupDraft(county.school.id, "三(1)", (3,), 40))
    crossing = counties.pair(session, wide, pair[0].room, county.term)
    counties.pair(session, wide, third.room, county.term)
    session.execute(text("UPDATE pairings SET subjects = '[\"English\"]'"))
    session.execute(text("UPDATE pairings SET capacity = 2"))
    colleague, idle = (factories.person(session, county.school, Role.TEACHER) for _ in range(2))
    both = tuple(site.room.id for site in pair)
    mine = county.schedule(session, receiving_room_ids=both, pupil_group_ids=(group.id,))
    theirs = county.schedule(
        session, main_room_id=wide.id, teacher_id=colleague.id, receiving_room_ids=(third.room.id,)
    )
    lessons, others = (
        session.scalars(select(Lesson.id).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.date)).all()
        for plan in (mine, theirs)
    )
    session.execute(update(LessonSite).where(LessonSite.lesson_id == others[1]).values(state="cancelled"))
    session.execute(update(Lesson).where(Lesson.id == lessons[2]).values(title="Grade 4", sequence=1))
    site = select(LessonSite.id).where(
        LessonSite.lesson_id == lessons[0], LessonSite.site_id == pair[0].unit.id
    )
    stranger = factories.school(session, factories.county(session))
    consents.pupil(session, county.school, county.bureau)
    later = TermDraft("Spring", date(2027, 2, 22), date(2027, 2, 28))
    return {
        "lesson": lessons[0], "edited": lessons[2], "other": others[0], "alone": others[1],
        "site": session.scalars(site).one(),
        "group": session.scalars(select(LessonGroup.id).where(LessonGroup.lesson_id == lessons[0])).one(),
        "teacher": county.teacher.id, "idle": idle.id, "room": main.id, "spare_room": spare.id,
        "pairing": pair[0].pairing.id, "crossing": crossing.id,
        "third": third.pairing.id, "third_room": third.room.id, "third_site": third.unit.id,
        "term": county.term.id, "other_term": timetables.create_term(session, county.county.id, later).id,
        "bells": session.scalars(select(BellSchedule.id)).one(),
        "second": session.scalars(select(Period.id).where(Period.number == 2)).one(),
        "stranger": stranger.id,
    }  # fmt: skip


def test_the_database_refuses_what_breaks_an_invariant(session: Session, there: dict[str, UUID]) -> None:
    session.flush()
    for invariant, breaches in BREACHES.items():
        for statement, rule in breaches:
            named = {name: there.get(name) or new_id() for name in re.findall(r":([a-z_]+)", statement)}
            breach = text(statement).bindparams(*(bindparam(name, type_=Uuid()) for name in named))
            with pytest.raises(IntegrityError) as refused, session.begin_nested():
                session.execute(breach, named)
            found = violated(refused.value)
            by_key = found.startswith("fk_") or not found  # SQLite does not name them
            assert by_key if rule == "a foreign key" else found == rule, (invariant, statement, found)


def test_whoever_comes_late_is_told_to_look_again_and_a_mistake_of_ours_stays_one(
    session: Session, there: dict[str, UUID]
) -> None:
    session.flush()
    api = FastAPI()
    install_error_handlers(api)

    @api.post("/")
    def write(statement: str) -> None:
        with session.begin_nested():
            session.execute(text(statement))

    client = TestClient(api, raise_server_exceptions=False)
    late = client.post("/", params={"statement": "UPDATE terms SET last_day = '2026-09-10'"})
    assert (late.status_code, late.json()["code"]) == (409, "planning.overtaken")
    wrong = client.post("/", params={"statement": "UPDATE lessons SET title = 'Unheard of'"})
    assert (wrong.status_code, wrong.json()["code"]) == (500, "internal")
