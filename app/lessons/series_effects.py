"""What a change of a weekly lesson would do to its dated lessons: it is made, looked at, and taken back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.lessons import planning_queries as queries
from app.lessons import series
from app.lessons.changes import Doing, Facts, facts_of
from app.lessons.models import Lesson
from app.lessons.reshaping import Changes
from app.lessons.rules import LessonState
from app.lessons.series import Outcome, Scope
from app.timetables import service as timetables


class Effect(StrEnum):
    """What would become of a lesson."""

    CHANGED = "changed"
    MOVED = "moved"
    ADDED = "added"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class LessonEffect:
    """A lesson as it is and as it would be; one that would be added has no id yet."""

    effect: Effect
    lesson_id: UUID | None
    before: Facts | None
    after: Facts | None


def of_changing(
    session: Session,
    principal: Principal,
    entry_id: UUID,
    scope: Scope,
    day: date | None,
    wanted: Changes,
    doing: Doing,
) -> list[LessonEffect]:
    """What `series.change_entry` would do; raises what that raises."""
    return _try(
        session,
        principal,
        entry_id,
        lambda: series.change_entry(session, principal, entry_id, scope, day, wanted, doing),
    )


def of_deleting(
    session: Session, principal: Principal, entry_id: UUID, scope: Scope, day: date | None, doing: Doing
) -> list[LessonEffect]:
    """What `series.withdraw_entry` would do; raises what that raises."""
    return _try(
        session,
        principal,
        entry_id,
        lambda: series.withdraw_entry(session, principal, entry_id, scope, day, doing),
    )


def _try(
    session: Session, principal: Principal, entry_id: UUID, act: Callable[[], Outcome]
) -> list[LessonEffect]:
    timetables.require_entry(session, principal, Action.ENTRY_CHANGE, entry_id)
    before = {each.id: facts_of(each) for each in _lessons(session, {entry_id})}
    with audit.trial(session):
        after = _lessons(session, {entry_id, act().entry.id})
        return list(_compared(before, after))


def _lessons(session: Session, entry_ids: Iterable[UUID]) -> Iterable[Lesson]:
    return queries.lessons_of_entries(session, set(entry_ids), date.min, date.max)


def _compared(before: Mapping[UUID, Facts], after: Iterable[Lesson]) -> Iterator[LessonEffect]:
    for lesson in after:
        was, becomes = before.get(lesson.id), facts_of(lesson)
        origin = lesson.moved_from_id
        if was is None and origin is not None and origin in before:
            yield LessonEffect(Effect.MOVED, origin, before[origin], becomes)
        elif was is None:
            yield LessonEffect(Effect.ADDED, None, None, becomes)
        elif was == becomes or lesson.state is LessonState.MOVED:
            continue  # where it moved to stands in its own line
        elif lesson.state is LessonState.CANCELLED:
            yield LessonEffect(Effect.CANCELLED, lesson.id, was, None)
        elif (was["date"], was["starts_at"]) != (becomes["date"], becomes["starts_at"]):
            yield LessonEffect(Effect.MOVED, lesson.id, was, becomes)
        else:
            yield LessonEffect(Effect.CHANGED, lesson.id, was, becomes)
