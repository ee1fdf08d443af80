"""SQL of making many lessons something else at once."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.queries import release
from app.lessons.rules import LessonState, SiteState


class SiteRow(NamedTuple):
    """A site's part in a lesson."""

    id: UUID
    lesson_id: UUID
    site_id: UUID
    receiving_room_id: UUID
    pairing_id: UUID
    state: SiteState


class GroupRow(NamedTuple):
    """A pupil group of a lesson."""

    id: UUID
    lesson_id: UUID
    pupil_group_id: UUID


class Held(NamedTuple):
    """What lessons were like before they let go of everything."""

    states: dict[UUID, LessonState]
    sites: Sequence[SiteRow]
    groups: Sequence[GroupRow]


def let_go(session: Session, lesson_ids: Collection[UUID]) -> Held:
    """Free the rooms and pupils of lessons until they are taken again; nobody else sees that."""
    lessons, sites, groups = Lesson.__table__.c, LessonSite.__table__.c, LessonGroup.__table__.c
    states = session.execute(select(lessons.id, lessons.state).where(lessons.id.in_(lesson_ids)))
    of_sites = select(*(sites[name] for name in SiteRow._fields)).where(sites.lesson_id.in_(lesson_ids))
    of_groups = select(*(groups[name] for name in GroupRow._fields)).where(groups.lesson_id.in_(lesson_ids))
    held = Held(
        dict(states.all()),
        [SiteRow(*row) for row in session.execute(of_sites.with_for_update())],
        [GroupRow(*row) for row in session.execute(of_groups.with_for_update())],
    )
    release(session, lesson_ids)
    return held


def write_lessons(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write lessons by their ids, as such that hold nobody yet; each row has the same columns."""
    _write(session, Lesson, [{**row, "state": LessonState.CANCELLED} for row in rows])


def take_place(session: Session, states: Mapping[UUID, LessonState]) -> None:
    """Let lessons take place again, in these states. Raises `IntegrityError` for an overlap."""
    table = Lesson.__table__
    assert isinstance(table, Table)
    for state in sorted(set(states.values())):
        ids = [key for key, each in states.items() if each is state]
        session.execute(update(table).where(table.c.id.in_(ids)).values(state=state))


def write_sites(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write the sites of lessons by their ids; each row has the same columns. Raises `IntegrityError`."""
    _write(session, LessonSite, rows)


def take_groups(session: Session, ids: Collection[UUID]) -> None:
    """Let groups belong to their lessons again. Raises `IntegrityError` for an overlap."""
    table = LessonGroup.__table__
    assert isinstance(table, Table)
    session.execute(update(table).where(table.c.id.in_(ids)).values(released=False))


def _write(session: Session, kind: type[Lesson | LessonSite], rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    table = kind.__table__
    assert isinstance(table, Table)
    names = rows[0].keys() - {"id"}
    statement = update(table).where(table.c.id == bindparam("own_id"))
    values = statement.values({name: bindparam(f"new_{name}") for name in names})
    session.connection().execute(
        values, [{"own_id": row["id"], **{f"new_{name}": row[name] for name in names}} for row in rows]
    )
