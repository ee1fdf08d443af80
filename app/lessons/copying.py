"""Use case of a new half-year that begins with the timetable of the last one: entries copied into another term."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.errors import AppError, Conflict
from app.lessons import scheduling
from app.lessons.changes import Doing
from app.lessons.reshaping import draft_of_entry
from app.timetables import service as timetables
from app.timetables.models import TimetableEntry


@dataclass(frozen=True, slots=True)
class Copied:
    """An entry, and what was made of it."""

    from_id: UUID
    entry_id: UUID
    lessons: int


@dataclass(frozen=True, slots=True)
class NotCopied:
    """An entry that cannot be in the other term, and why."""

    entry_id: UUID
    error: AppError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some entries."""

    copied: Sequence[Copied]
    left: Sequence[NotCopied]


def copy_entries(
    session: Session,
    principal: Principal,
    term_id: UUID,
    entry_ids: Sequence[UUID],
    doing: Doing,
    *,
    publish: bool,
    leave: bool,
) -> Outcome:
    """Plan entries once more for the whole of another term, as a bureau admin; each is checked as a new one is.

    Raises `Conflict` with those that cannot be, unless they shall be left.
    """
    timetables.get_term(session, term_id, principal.county_id)
    entries = [
        timetables.require_entry(session, principal, Action.ENTRY_CHANGE, each)
        for each in dict.fromkeys(entry_ids)
    ]
    outcome = _copy(session, principal, term_id, entries, doing, publish)
    if outcome.left and not leave:
        raise _refusal(outcome, len(entries))
    return outcome


def try_copying(
    session: Session, principal: Principal, term_id: UUID, entry_ids: Sequence[UUID], doing: Doing
) -> Outcome:
    """What that would come to. Nothing is changed."""
    with audit.trial(session):
        return copy_entries(session, principal, term_id, entry_ids, doing, publish=False, leave=True)


def _copy(
    session: Session,
    principal: Principal,
    term_id: UUID,
    entries: Sequence[TimetableEntry],
    doing: Doing,
    publish: bool,
) -> Outcome:
    copied, left = [], []
    for entry in entries:
        # The days were those of the other term; the pattern of weeks stays.
        draft = replace(draft_of_entry(entry), term_id=term_id, first_day=None, last_day=None)
        try:
            with session.begin_nested():
                plan = scheduling.add_entry(
                    session, principal, draft, doing.now, publish=publish, skew=doing.skew
                )
        except AppError as error:
            left.append(NotCopied(entry.id, error))
        else:
            copied.append(Copied(entry.id, plan.entry.id, len(plan.occurrences)))
    return Outcome(copied, left)


def _refusal(outcome: Outcome, wanted: int) -> Conflict:
    first = outcome.left[0].error
    return Conflict(
        "timetable.not_copied",
        "Not all can be copied",
        f"{len(outcome.left)} of {wanted} entries cannot be in that term, the first since: {first.detail} "
        "Nothing was copied; say `others: leave` to copy the rest.",
        left=[
            {"entry_id": str(each.entry_id), "code": each.error.code, "detail": each.error.detail}
            for each in outcome.left
        ],
    )
