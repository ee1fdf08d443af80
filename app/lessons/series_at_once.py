"""Use case of many weekly lessons that change as one act: they may take each other's places, in whatever order.

Series by series, two that swap would meet on the way. Here all are planned first, what is in their way is looked for in
the timetable as it will be, and then all of their lessons let go of what they hold and take what they need.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit.rules import Act
from app.database import take_turns
from app.errors import AppError
from app.lessons import booking_queries, changes
from app.lessons import planning_queries as queries
from app.lessons.booking_queries import Rows
from app.lessons.carrying_out import call_off, draft_of, open_all, tell
from app.lessons.changes import Doing, facts_of
from app.lessons.fitting import fit_all
from app.lessons.models import Lesson
from app.lessons.reshaping import Changes, Reshaped, draft_of_entry, is_to_come, reshape
from app.lessons.rules import ChangeKind
from app.lessons.scheduling import rows_of, state_of
from app.lessons.series_trail import Outcome, facts_of_entry, note
from app.timetables import service as timetables
from app.timetables.models import TimetableEntry
from app.timetables.planning import EntryDraft
from app.timetables.reading import Reading


@dataclass(frozen=True, slots=True)
class SeriesChange:
    """What is to become of a weekly lesson."""

    entry_id: UUID
    wanted: Changes | None
    """None: all of its lessons to come are called off."""
    reason: str | None = None


@dataclass(frozen=True)
class Withdrawn:
    """An entry that is called off, with its lessons that have not begun."""

    entry: TimetableEntry
    falling: tuple[Lesson, ...]


@dataclass(frozen=True)
class Intended:
    """What would become of many entries, each by whatever it is called; or why it cannot be planned so."""

    reshaped: Mapping[int, Reshaped]
    withdrawn: Mapping[int, Withdrawn]
    refused: Mapping[int, AppError]

    @property
    def gone(self) -> list[UUID]:
        """Lessons that give up what they hold."""
        falling = (lesson.id for each in self.withdrawn.values() for lesson in each.falling)
        return [*falling, *(key for each in self.reshaped.values() for key in each.gone)]


def plan_changes(
    session: Session, principal: Principal, wanted: Mapping[int, SeriesChange], doing: Doing
) -> Intended:
    """Plan each of many changes as if nothing were in its way. Nothing is stored.

    Raises `NotFound` or `Forbidden` for an entry with which somebody may not do that.
    """
    ids = {each.entry_id for each in wanted.values()}
    take_turns(session, ids)
    entries = timetables.require_entries(session, principal, Action.ENTRY_CHANGE, ids)
    drafts = [
        replace(draft_of_entry(entries[each.entry_id]), **each.wanted)
        for each in wanted.values()
        if each.wanted is not None
    ]
    take_turns(session, {key for draft in drafts for key in draft.needed_ids})
    lessons: dict[UUID, list[Lesson]] = defaultdict(list)
    for lesson in queries.lessons_of_entries(session, ids, date.min, date.max):
        if lesson.entry_id is not None and lesson.date >= entries[lesson.entry_id].first_day:
            lessons[lesson.entry_id].append(lesson)
    changing = [
        lesson for each in wanted.values() if each.wanted is not None for lesson in lessons[each.entry_id]
    ]
    take_turns_for(session, changing, doing)
    reading = _read(session, principal, drafts, changing)
    reshaped: dict[int, Reshaped] = {}
    withdrawn: dict[int, Withdrawn] = {}
    refused: dict[int, AppError] = {}
    for key, each in wanted.items():
        entry, own = entries[each.entry_id], lessons[each.entry_id]
        if each.wanted is None:
            falling = tuple(lesson for lesson in own if is_to_come(lesson, doing))
            withdrawn[key] = Withdrawn(entry, falling)
            continue
        try:
            reshaped[key] = reshape(reading, entry, entry.first_day, each.wanted, own, doing)
        except AppError as error:
            refused[key] = error
    return Intended(reshaped, withdrawn, refused)


def carry_out_all(
    session: Session, intended: Intended, wanted: Mapping[int, SeriesChange], doing: Doing
) -> None:
    """Make of many entries what is intended and in nobody's way, and let it be known: one act, with several reasons.

    Raises `IntegrityError` when somebody planned the same rooms, people or pupils meanwhile, and `Conflict` when a
    lesson has begun.
    """
    acts: dict[str | None, Doing] = {
        each.reason: replace(doing, reason=each.reason) for each in wanted.values()
    }
    before = {
        key: facts_of_entry(each.entry)
        for kind in (intended.reshaped, intended.withdrawn)
        for key, each in kind.items()
    }
    for reason, act in acts.items():
        gone = [each for key, each in intended.withdrawn.items() if wanted[key].reason == reason]
        call_off(session, [lesson for each in gone for lesson in each.falling], act)
        for each in gone:
            each.entry.withdrawn = True
    timetables.rewrite_entries(
        session, [(each.entry, each.plan.entry) for each in intended.reshaped.values()]
    )
    shapes: dict[Doing, list[Reshaped]] = defaultdict(list)
    for key, shape in intended.reshaped.items():
        shapes[acts[wanted[key].reason]].append(shape)
    put_all(session, shapes)
    for key, each in intended.withdrawn.items():
        outcome = Outcome(each.entry, cancelled=len(each.falling))
        note(session, Act.ENTRY_WITHDRAWN, acts[wanted[key].reason], before[key], outcome)
    for key, shape in intended.reshaped.items():
        note(session, Act.ENTRY_CHANGED, acts[wanted[key].reason], before[key], Outcome.of(shape))


def put_all(session: Session, acts: Mapping[Doing, Sequence[Reshaped]]) -> None:
    """Let the lessons of entries be what is planned, and tell whoever knows of them. Raises as `carry_out_all` does."""
    before: dict[Doing, dict[UUID, dict[str, Any]]] = {}
    for doing, shapes in acts.items():
        call_off(session, [lesson for shape in shapes for lesson in shape.surplus], doing)
        before[doing] = {fit.lesson.id: facts_of(fit.lesson) for shape in shapes for fit in shape.fits}
    fits = [fit for shapes in acts.values() for shape in shapes for fit in shape.fits]
    open_all(session, [fit.lesson for fit in fits])
    fit_all(session, fits)
    for doing, facts in before.items():
        tell(session, facts, ChangeKind.EDITED, doing)
    new = Rows([], [], [])
    for doing, shapes in acts.items():
        for shape in shapes:
            entry = shape.entry
            rows = rows_of(shape.plan, state_of(entry.published), entry.id, shape.added)
            new.lessons.extend(rows.lessons)
            new.sites.extend(rows.sites)
            new.groups.extend(rows.groups)
            if entry.published:
                changes.lessons_planned(session, entry, [row["id"] for row in rows.lessons], doing)
    booking_queries.add_lessons(session, new)


def take_turns_for(session: Session, lessons: Iterable[Lesson], doing: Doing) -> None:
    """Take turns for what lessons to come have of their own, before it is read."""
    own = {key for lesson in lessons if is_to_come(lesson, doing) for key in draft_of(lesson).needed_ids}
    take_turns(session, own)


def _read(
    session: Session, principal: Principal, drafts: Sequence[EntryDraft], own: Sequence[Lesson]
) -> Reading:
    """What entries will stand on, and their lessons that have changes of their own."""
    reading = Reading(session)
    reading.read_ahead(
        principal.county_id,
        term_ids={each.term_id for each in drafts},
        main_room_ids={*(each.main_room_id for each in drafts), *(each.main_room_id for each in own)},
        receiving_room_ids={
            *(key for each in drafts for key in each.receiving_room_ids),
            *(site.receiving_room_id for lesson in own for site in lesson.sites),
        },
        teacher_ids={*(each.teacher_id for each in drafts), *(each.teacher_id for each in own)},
        group_ids={
            *(key for each in drafts for key in each.pupil_group_ids),
            *(group.pupil_group_id for lesson in own for group in lesson.groups),
        },
    )
    return reading
