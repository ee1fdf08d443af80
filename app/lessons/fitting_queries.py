"""SQL of making many lessons something else at once."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.rules import LessonState, SiteState

_Kind = type[Lesson] | type[LessonSite] | type[LessonGroup]


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
    released: bool


class There(NamedTuple):
    """What lessons are like."""

    states: dict[UUID, LessonState]
    sites: Sequence[SiteRow]
    groups: Sequence[GroupRow]


def look_at(session: Session, lesson_ids: Collection[UUID]) -> There:
    """Lessons with their sites and groups, which nobody else changes until the transaction ends."""
    lessons, sites, groups = Lesson.__table__.c, LessonSite.__table__.c, LessonGroup.__table__.c
    states = session.execute(select(lessons.id, lessons.state).where(lessons.id.in_(lesson_ids)))
    of_sites = select(*(sites[name] for name in SiteRow._fields)).where(sites.lesson_id.in_(lesson_ids))
    of_groups = select(*(groups[name] for name in GroupRow._fields)).where(groups.lesson_id.in_(lesson_ids))
    return There(
        dict(states.all()),
        [SiteRow(*row) for row in session.execute(of_sites.with_for_update())],
        [GroupRow(*row) for row in session.execute(of_groups.with_for_update())],
    )


def set_lessons(session: Session, ids: Collection[UUID], state: LessonState) -> None:
    """Give lessons a state. Raises `IntegrityError` for an overlap, as all below do."""
    _set(session, Lesson, ids, state=state)


def set_sites(session: Session, ids: Collection[UUID], state: SiteState) -> None:
    """Give sites of lessons a state."""
    _set(session, LessonSite, ids, state=state)


def set_groups(session: Session, ids: Collection[UUID], *, released: bool) -> None:
    """Take groups out of their lessons, or in again."""
    _set(session, LessonGroup, ids, released=released)


def write_lessons(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write lessons by their ids; each row has the same columns."""
    _write(session, Lesson, rows)


def write_sites(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write the sites of lessons by their ids; each row has the same columns."""
    _write(session, LessonSite, rows)


def _set(session: Session, kind: _Kind, ids: Collection[UUID], **values: Any) -> None:
    table = kind.__table__
    assert isinstance(table, Table)
    if ids:
        session.execute(update(table).where(table.c.id.in_(ids)).values(values))


def _write(session: Session, kind: _Kind, rows: Sequence[dict[str, Any]]) -> None:
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
