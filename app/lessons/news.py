"""Changes as those hear of them who tell people: each with what its lessons were and are like.

A change of one lesson says so itself; that an entry was published, or has more lessons now, is only named in the row
that was written, so what is told of it is looked up when it is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.lessons import change_queries, queries
from app.lessons.changes import Facts, LessonChanged, facts_of, take_waiting
from app.schools import service as schools
from app.timetables import service as timetables
from app.timetables.models import TimetableEntry


@dataclass(frozen=True, slots=True)
class News:
    """A change, and what it is about."""

    change: LessonChanged
    before: Facts | None
    after: Facts
    """A lesson's facts, or an entry's, which have a weekday instead of a date."""


def take_news(session: Session, limit: int, now: datetime) -> Sequence[News]:
    """The oldest changes that nobody has taken yet; from now on they are, if the transaction commits."""
    changes = take_waiting(session, limit, now)
    bare = [change for change in changes if change.after is None]
    lessons = {
        lesson.id: facts_of(lesson)
        for lesson in queries.lessons_by_ids(session, {each.lesson_id for each in bare if each.lesson_id})
    }
    entries = _entries(session, {each.entry_id for each in bare if each.lesson_id is None and each.entry_id})
    return [News(each, each.before, _after(each, lessons, entries)) for each in changes]


def waiting(session: Session) -> int:
    """How many changes nobody has taken yet."""
    return change_queries.waiting(session)


def _after(change: LessonChanged, lessons: dict[UUID, Any], entries: dict[UUID, Any]) -> Facts:
    if change.after is not None:
        return change.after
    if change.lesson_id is not None:
        found: Facts = lessons[change.lesson_id]
    else:
        assert change.entry_id is not None
        found = entries[change.entry_id]
    return found


def _entries(session: Session, ids: set[UUID]) -> dict[UUID, dict[str, Any]]:
    entries = timetables.entries(session, ids)
    room_ids = {each.main_room_id for each in entries}
    room_ids |= {site.receiving_room_id for each in entries for site in each.sites}
    units = {room.id: room.org_unit_id for room in schools.rooms(session, room_ids).values()}
    return {each.id: _entry_facts(each, units) for each in entries}


def _entry_facts(entry: TimetableEntry, units: dict[UUID, UUID]) -> dict[str, Any]:
    return {
        "weekday": entry.weekday,
        "period": entry.period,
        "first_day": entry.first_day.isoformat(),
        "last_day": entry.last_day.isoformat(),
        "title": entry.title,
        "subject": entry.subject,
        "mode": entry.mode.value,
        "school_id": str(units[entry.main_room_id]),
        "main_room_id": str(entry.main_room_id),
        "teacher_id": str(entry.teacher_id),
        "sites": [
            {"site_id": str(units[each.receiving_room_id]), "receiving_room_id": str(each.receiving_room_id)}
            for each in entry.sites
        ],
        "pupil_group_ids": [str(each) for each in entry.pupil_group_ids],
    }
