"""Use case of a new half-year that begins with the timetable of the last one: entries copied into another term."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.database import take_turns
from app.errors import AppError, Conflict
from app.lessons import bulk, scheduling
from app.lessons.changes import Doing
from app.lessons.clash_report import in_nobodys_way
from app.lessons.reshaping import draft_of_entry
from app.timetables import service as timetables
from app.timetables.models import TimetableEntry
from app.timetables.planning import Plan


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
    entries = _entries(session, principal, term_id, entry_ids)
    outcome = _copy(session, principal, term_id, entries, doing, publish=publish, only_try=False)
    if outcome.left and not leave:
        raise _refusal(outcome, len(entries))
    return outcome


def try_copying(
    session: Session, principal: Principal, term_id: UUID, entry_ids: Sequence[UUID], doing: Doing
) -> Outcome:
    """What that would come to. Nothing is changed."""
    entries = _entries(session, principal, term_id, entry_ids)
    with audit.trial(session):
        return _copy(session, principal, term_id, entries, doing, publish=False, only_try=True)


def _entries(
    session: Session, principal: Principal, term_id: UUID, entry_ids: Sequence[UUID]
) -> list[TimetableEntry]:
    timetables.get_term(session, term_id, principal.county_id)
    return [
        timetables.require_entry(session, principal, Action.ENTRY_CHANGE, each)
        for each in dict.fromkeys(entry_ids)
    ]


def _copy(
    session: Session,
    principal: Principal,
    term_id: UUID,
    entries: Sequence[TimetableEntry],
    doing: Doing,
    *,
    publish: bool,
    only_try: bool,
) -> Outcome:
    """Copy together all that is in nobody's way, in the order asked for.

    The others are tried by themselves afterwards, for the full reason; so are all of them if somebody was faster, whom
    only the database saw. Who only tries puts nothing down, unless there are others: some of these may be in their way.
    """
    # The days were those of the other term; the pattern of weeks stays.
    drafts = {
        number: replace(draft_of_entry(entry), term_id=term_id, first_day=None, last_day=None)
        for number, entry in enumerate(entries)
    }
    take_turns(session, {key for draft in drafts.values() for key in draft.needed_ids})
    planned = bulk.plan_all(session, principal, drafts, doing)
    errors = dict(planned.refused)
    fits = in_nobodys_way(session, list(planned.plans.values()))
    done = {number: plan for (number, plan), free in zip(planned.plans.items(), fits, strict=True) if free}
    if only_try and len(done) == len(planned.plans):
        return _outcome(entries, done, errors)
    published = {plan.entry.id for plan in done.values()} if publish else frozenset()
    try:
        with session.begin_nested():
            bulk.put_down_all(session, principal, list(done.values()), published, doing)
    except IntegrityError:
        done = {}
    for number in planned.plans.keys() - done.keys():
        try:
            with session.begin_nested():
                done[number] = scheduling.add_entry(
                    session, principal, drafts[number], doing.now, publish=publish, skew=doing.skew
                )
        except AppError as error:
            errors[number] = error
    return _outcome(entries, done, errors)


def _outcome(
    entries: Sequence[TimetableEntry], done: Mapping[int, Plan], errors: Mapping[int, AppError]
) -> Outcome:
    return Outcome(
        [Copied(entries[each].id, done[each].entry.id, len(done[each].occurrences)) for each in sorted(done)],
        [NotCopied(entries[each].id, errors[each]) for each in sorted(errors)],
    )


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
