"""What people have to be told: changes of lessons they know of, written in the transaction of the change.

Lessons write here and know nobody who reads. Whoever tells people takes the waiting changes in a transaction of
its own (`take_waiting`): what it does with them and that they are taken are kept together, so none is lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.database import new_id
from app.lessons import change_queries as queries
from app.lessons.models import Lesson, LessonChange
from app.lessons.rules import ChangeKind, SiteState
from app.timetables.ground import BELL_SKEW
from app.timetables.models import TimetableEntry
from app.timetables.rules import Interval
from app.versions import ANY, Seen

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Doing:
    """One act: when, by whom (None: the server itself), under which rule for bells, upon seeing what."""

    now: datetime
    person_id: UUID | None = None
    skew: timedelta = BELL_SKEW
    reason: str | None = None
    act_id: UUID = field(default_factory=new_id)
    seen: Seen = ANY
    """Which version of what is changed the person saw."""


@dataclass(frozen=True)
class LessonChanged:
    """What happened to a lesson, or with `lesson_id` None to all lessons of an entry."""

    id: UUID
    county_id: UUID
    entry_id: UUID | None
    lesson_id: UUID | None
    act_id: UUID
    """Shared by everything that one act changed, so that people can be told once."""
    kind: ChangeKind
    sequence: int
    at: datetime
    person_id: UUID | None
    reason: str | None
    before: Facts | None
    after: Facts | None
    """What the lesson was and is like, as `facts_of` gives it."""


class Told(NamedTuple):
    """A lesson that people know of: what it was and is like, as `facts_of` gives it, and its sequence after that."""

    lesson_id: UUID
    county_id: UUID
    entry_id: UUID | None
    sequence: int
    before: Facts
    after: Facts


def facts_of(lesson: Lesson) -> dict[str, Any]:
    """What of a lesson matters to people; ids and moments as text."""
    return {
        "date": lesson.date.isoformat(),
        "period": lesson.period,
        **facts_of_times(Interval(lesson.starts_at, lesson.ends_at)),
        "title": lesson.title,
        "subject": lesson.subject,
        "mode": lesson.mode.value,
        "state": lesson.state.value,
        "school_id": str(lesson.school_id),
        "main_room_id": str(lesson.main_room_id),
        "teacher_id": str(lesson.teacher_id),
        "substitute_for": str(lesson.substitute_for) if lesson.substitute_for else None,
        "sites": [
            {"site_id": str(site.site_id), "receiving_room_id": str(site.receiving_room_id)}
            for site in lesson.sites
            if site.state is not SiteState.CANCELLED
        ],
        "pupil_group_ids": [str(group.pupil_group_id) for group in lesson.groups if not group.released],
    }


def facts_of_times(interval: Interval) -> dict[str, str]:
    """Those of them that change when the bells ring otherwise."""
    return {
        "starts_at": interval.starts_at.astimezone(UTC).isoformat(),
        "ends_at": interval.ends_at.astimezone(UTC).isoformat(),
    }


def entry_published(session: Session, entry: TimetableEntry, doing: Doing) -> None:
    """People learn of a whole entry."""
    _add(session, doing, ChangeKind.PUBLISHED, county_id=entry.county_id, entry_id=entry.id, sequence=0)


def lessons_planned(
    session: Session, entry: TimetableEntry, lesson_ids: Iterable[UUID], doing: Doing
) -> None:
    """A published entry has more lessons now."""
    for lesson_id in lesson_ids:
        ids = {"county_id": entry.county_id, "entry_id": entry.id, "lesson_id": lesson_id}
        _add(session, doing, ChangeKind.PLANNED, sequence=0, **ids)


def lesson_changed(
    session: Session, lesson: Lesson, doing: Doing, kind: ChangeKind, before: Facts | None
) -> None:
    """Something happened to a lesson that people know of; `lesson` is as it is now."""
    _add(
        session,
        doing,
        kind,
        county_id=lesson.county_id,
        entry_id=lesson.entry_id,
        lesson_id=lesson.id,
        sequence=lesson.sequence,
        before=before,
        after=facts_of(lesson),
    )


def lessons_changed(session: Session, told: Sequence[Told], doing: Doing, kind: ChangeKind) -> None:
    """The same happened to many lessons that people know of."""
    shared = {
        "act_id": doing.act_id,
        "kind": kind,
        "at": doing.now,
        "person_id": doing.person_id,
        "reason": doing.reason,
    }
    queries.add_changes(session, [{"id": new_id(), **each._asdict(), **shared} for each in told])


def _add(session: Session, doing: Doing, kind: ChangeKind, **values: Any) -> None:
    session.add(
        LessonChange(
            act_id=doing.act_id,
            kind=kind,
            at=doing.now,
            person_id=doing.person_id,
            reason=doing.reason,
            **values,
        )
    )


def take_waiting(session: Session, limit: int, now: datetime) -> Sequence[LessonChanged]:
    """The oldest changes that nobody has taken yet; from now on they are, if the transaction commits."""
    return [_shown(row) for row in queries.take_waiting(session, limit, now)]


def changes_of(session: Session, lesson_id: UUID, limit: int = 100) -> Sequence[LessonChanged]:
    """What happened to one lesson, the newest first."""
    return [_shown(row) for row in queries.changes_of(session, lesson_id, limit)]


def _shown(row: LessonChange) -> LessonChanged:
    return LessonChanged(
        id=row.id,
        county_id=row.county_id,
        entry_id=row.entry_id,
        lesson_id=row.lesson_id,
        act_id=row.act_id,
        kind=row.kind,
        sequence=row.sequence,
        at=row.at,
        person_id=row.person_id,
        reason=row.reason,
        before=row.before,
        after=row.after,
    )
