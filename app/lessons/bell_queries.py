"""SQL of letting lessons follow bells."""

import datetime as dt
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Table, bindparam, case, or_, select, update
from sqlalchemy.orm import Session

from app.lessons.models import Lesson, LessonSite
from app.lessons.queries import WHOLE, known
from app.lessons.rules import CHANGEABLE, LessonState
from app.timetables.rules import Interval


def to_come(
    session: Session, unit_ids: Collection[UUID], first_day: dt.date, last_day: dt.date, now: dt.datetime
) -> Sequence[Lesson]:
    """Lessons of these units or reaching them, on some days, that have not begun, in order."""
    reaching = select(LessonSite.lesson_id).where(LessonSite.site_id.in_(unit_ids))
    query = select(Lesson).where(
        or_(Lesson.school_id.in_(unit_ids), Lesson.id.in_(reaching)),
        Lesson.date.between(first_day, last_day),
        Lesson.state.in_(CHANGEABLE),
        Lesson.ends_at > now,
    )
    query = query.order_by(Lesson.starts_at, Lesson.id).options(*WHOLE)
    return session.scalars(query, execution_options={"populate_existing": True}).all()


def known_of(session: Session, lesson_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, UUID | None, int]]:
    """Those of the lessons that people know of, with county, entry and sequence."""
    lessons = Lesson.__table__.c
    query = select(lessons.id, lessons.county_id, lessons.entry_id, lessons.sequence)
    rows = session.execute(query.where(lessons.id.in_(lesson_ids), known())).all()
    return {key: (county_id, entry_id, sequence) for key, county_id, entry_id, sequence in rows}


def set_times(session: Session, steps: Sequence[tuple[UUID, Interval]]) -> None:
    """Give lessons other times, one after the other; their sites and groups follow by the foreign key.

    They were opened for change, which counts one edit of each: whatever moves again on the way counts once more.
    """
    table = Lesson.__table__
    assert isinstance(table, Table)
    statement = (
        update(table)
        .where(table.c.id == bindparam("lesson_id"))
        .values(
            starts_at=bindparam("starts"),
            ends_at=bindparam("ends"),
            sequence=case(
                (table.c.state == LessonState.DRAFT, 0), else_=table.c.sequence + bindparam("more")
            ),
        )
    )
    rows, moved = [], set[UUID]()
    for key, interval in steps:
        times = {"starts": interval.starts_at, "ends": interval.ends_at}
        rows.append({"lesson_id": key, "more": int(key in moved), **times})
        moved.add(key)
    session.connection().execute(statement, rows)
