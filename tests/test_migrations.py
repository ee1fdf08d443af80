"""The database's shape: every revision goes up and down, and matches the models."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.database import Base, SessionFactory, make_engine
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import LessonState, SiteState
from app.migrate import alembic_config, is_up_to_date, newest_revision
from app.schools import groups
from app.schools.groups import GroupDraft
from app.schools.models import PupilGroup
from tests import counties

OVERLAP_RULES = {
    "ex_terms_county",
    "ex_bell_schedules_org_unit",
    "ex_lessons_teacher",
    "ex_lessons_main_room",
    "ex_lesson_sites_receiving_room",
    "ex_lesson_groups_pupil_group",
    "ex_periods_bell_schedule",
}

# A SQLite migration that rebuilds a table drops its triggers without a word.
PAIRING_RULES = {
    "pairing_of_site_insert",
    "pairing_of_site_update",
    "pairing_of_lesson_update",
    "pairing_update",
}
PLANNING_RULES = {
    "entry_in_term_insert",
    "entry_in_term_update",
    "lesson_edit_counted_insert",
    "lesson_edit_counted_update",
    "lesson_in_term_insert",
    "lesson_in_term_update",
    "lesson_keeps_its_place",
    "lesson_stays_known",
    "term_still_planned",
}
CLOSING_RULES = {
    "closed_room_of_lesson_insert",
    "closed_room_of_lesson_update",
    "closed_room_of_site_insert",
    "closed_room_of_site_update",
    "closed_room_update",
}


def overlap_rules(engine: Engine) -> set[str]:
    """The overlap rules that are in force, by what enforces them."""
    if engine.dialect.name == "postgresql":
        query = "SELECT conname FROM pg_constraint WHERE contype = 'x'"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'ex!_%' ESCAPE '!'"
    with engine.connect() as connection:
        return set(connection.scalars(text(query)))


def test_the_models_are_what_the_revisions_make(database_url: str) -> None:
    command.check(alembic_config(database_url))


def test_every_revision_goes_down_and_up_again(database_url: str, engine: Engine) -> None:
    config = alembic_config(database_url)
    revisions = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert revisions[0] == newest_revision()
    for revision in [*revisions[1:], "base"]:
        command.downgrade(config, revision)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    assert overlap_rules(engine) == set()
    for revision in reversed(revisions):
        command.upgrade(config, revision)
    assert set(inspect(engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    command.check(config)
    assert is_up_to_date(engine)


def test_the_overlap_rules_are_in_force_at_the_newest_revision(engine: Engine) -> None:
    expected = OVERLAP_RULES
    if engine.dialect.name == "sqlite":
        expected = {f"{name}_{event}" for name in OVERLAP_RULES for event in ("insert", "update")}
    assert overlap_rules(engine) == expected


def test_the_pairing_and_closing_rules_are_in_force_at_the_newest_revision(engine: Engine) -> None:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if engine.dialect.name == "postgresql":
        query = "SELECT DISTINCT tgname FROM pg_trigger"
    with engine.connect() as connection:
        found = set(connection.scalars(text(query)))
    assert {name for name in found if name.startswith("pairing_")} == PAIRING_RULES
    assert {name for name in found if name.startswith("closed_room_")} == CLOSING_RULES
    assert found >= PLANNING_RULES


def test_names_of_closed_groups_become_free_and_are_told_apart_on_the_way_back(
    database_url: str, session_factory: SessionFactory
) -> None:
    """With groups, a lesson that is for one, and the triggers that watch over them: all of it is there afterwards."""
    config = alembic_config(database_url)
    this, before_it = "20261123_names", "20261123_names-1"
    with session_factory.begin() as session:
        county = counties.county(session, sites=1, weeks=1)
        old, other = (
            groups.create_group(session, GroupDraft(county.school.id, name, (3,), 40)).id
            for name in ("三(1)", "三(2)")
        )
        county.schedule(session, pupil_group_ids=(other,))
        session.execute(update(PupilGroup).where(PupilGroup.id == old).values(closed_from=counties.FIRST_DAY))

    def stored() -> tuple[object, ...]:
        with session_factory() as session:
            rows = session.execute(text("SELECT * FROM pupil_groups ORDER BY id")).mappings()
            found = [sorted((key, str(value)) for key, value in row.items()) for row in rows]
            return found, session.scalar(text("SELECT count(*) FROM lesson_groups")), _triggers(session)

    command.downgrade(config, this)
    before = stored()
    command.downgrade(config, before_it)
    assert stored() == before
    command.upgrade(config, "head")
    with session_factory.begin() as session:
        new = groups.create_group(session, GroupDraft(county.school.id, "三(1)", (3,), 38)).id
        with (
            pytest.raises(DBAPIError, match=r"group_closed|group that is not closed"),
            session.begin_nested(),
        ):
            session.execute(update(PupilGroup).values(closed_from=counties.FIRST_DAY))
    command.downgrade(config, before_it)
    with session_factory() as session:
        rows = session.execute(text("SELECT id, name FROM pupil_groups"))
        names = {UUID(str(group_id)): name for group_id, name in rows}
    assert (names[new], names[other]) == ("三(1)", "三(2)")
    assert names[old].startswith("三(1) ") and len(names[old]) > 30
    command.upgrade(config, "head")
    command.check(config)


def test_minutes_of_lessons_from_before_are_counted_and_those_on_the_air_go_on(
    database_url: str, session_factory: SessionFactory
) -> None:
    """Three lessons of 40 minutes began at their fifth: one is at its twentieth, one is interrupted, one is over."""
    config = alembic_config(database_url)
    minute, now = timedelta(minutes=1), datetime.now(UTC)
    with session_factory.begin() as session:
        today = counties.tomorrow() - timedelta(days=1)
        county = counties.county(session, sites=2, first_day=today - timedelta(weeks=2), weeks=3)
        plan = county.schedule(session, weekday=today.isoweekday())
        held = select(Lesson).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.starts_at.desc())
        for lesson, state in zip(session.scalars(held), ("live", "interrupted", "ended"), strict=True):
            sites = list(session.scalars(select(LessonSite).where(LessonSite.lesson_id == lesson.id)))
            if state == "live":
                lesson.starts_at, lesson.ends_at = now - 20 * minute, now + 20 * minute
                lesson.sequence = 1
                for site in sites:
                    site.starts_at, site.ends_at = lesson.starts_at, lesson.ends_at
            began = lesson.starts_at
            lesson.state, lesson.went_live_at = LessonState(state), began + 5 * minute
            for site, joined in zip(sites, (-3, 10), strict=True):
                site.state, site.joined_at = SiteState.JOINED, began + joined * minute
            if state != "live":
                sites[1].state, sites[1].left_at = SiteState.LEFT, began + 25 * minute
            if state == "ended":
                lesson.ended_at = began + 45 * minute

    def counted() -> dict[str, tuple[int, list[int], set[bool]]]:
        with session_factory() as session:
            found = {}
            for lesson in session.scalars(select(Lesson)):
                sites = list(session.scalars(select(LessonSite).where(LessonSite.lesson_id == lesson.id)))
                since = {lesson.live_since, *(site.received_since for site in sites)}
                assert all(each is None or now <= each + minute / 60 for each in since)
                found[lesson.state.value] = (
                    lesson.live_seconds // 60,
                    sorted(site.received_seconds // 60 for site in sites),
                    {each is not None for each in since},
                )
            return found

    expected = {
        "live": (15, [10, 15], {True}),
        "interrupted": (20, [0, 15], {False}),
        "ended": (35, [15, 40], {False}),
    }
    for _ in range(2):
        command.downgrade(config, "20261123_back")
        command.upgrade(config, "head")
        assert counted() == expected
    command.check(config)


def _triggers(session: Session) -> set[str]:
    query = "SELECT name || tbl_name || sql FROM sqlite_master WHERE type = 'trigger'"
    if session.get_bind().dialect.name == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    return set(session.scalars(text(query)))


def test_there_is_one_line_of_revisions() -> None:
    script = ScriptDirectory.from_config(alembic_config("sqlite://"))
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1


@pytest.mark.parametrize("path", sorted(Path("migrations/versions").glob("*.py")), ids=lambda path: path.stem)
def test_revisions_stand_alone(path: Path) -> None:
    """An old revision must do the same for ever, so it uses nothing of the code that moves on."""
    assert "import app" not in path.read_text(encoding="utf-8")
    assert "from app" not in path.read_text(encoding="utf-8")


def test_a_database_before_the_newest_revision_is_noticed(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    assert not is_up_to_date(engine)
    engine.dispose()
