"""Changing a term that was opened: while nothing planned is left outside of it, or in other weeks than before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import Target, require
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act, Facts
from app.audit.service import Subject
from app.database import take_turns, violated
from app.errors import Conflict
from app.timetables import queries
from app.timetables.models import Term, TimetableEntry
from app.timetables.rules import week_span
from app.timetables.service import TermDraft, check_term_days, get_term, no_term, term_conflict
from app.versions import Seen


def change_term(
    session: Session, principal: Principal, term_id: UUID, wanted: Mapping[str, Any], seen: Seen
) -> Term:
    """Change fields of a `TermDraft`, but for its periods, as a bureau admin. Raises `Invalid` or `Conflict`."""
    term = require_term(session, principal, term_id, seen)
    before = facts_of_term(term)
    rewrite_term(session, term, wanted)
    note_changed(session, principal, term, before)
    return term


def draft_of_term(term: Term, wanted: Mapping[str, Any]) -> TermDraft:
    """What a term is to be. Raises `Invalid` for days that no term has."""
    now = TermDraft(term.name, term.first_day, term.last_day, weekdays=frozenset(term.weekdays))
    draft = replace(now, **wanted)
    check_term_days(draft)
    return draft


def rewrite_term(session: Session, term: Term, wanted: Mapping[str, Any]) -> None:
    """Make a term what is wanted, as long as nothing planned is left out; nobody is asked who wants it."""
    draft = draft_of_term(term, wanted)
    entries = queries.entries_of_term(session, term.id)
    _refuse_other_weeks(term, draft, entries)
    _refuse_beyond(term, draft, entries)
    _refuse_weekdays(term, draft, entries)
    try:
        with session.begin_nested():
            term.name, term.first_day, term.last_day = draft.name, draft.first_day, draft.last_day
            term.weekdays = sorted(draft.weekdays)
            session.flush()
    except IntegrityError as error:
        if violated(error) == "term_still_planned":
            raise still_planned(term, "single lessons lie outside of these days") from None
        raise term_conflict(session, term.county_id, draft, error, apart_from=term.id) from None


def remove_term(session: Session, principal: Principal, term_id: UUID, seen: Seen) -> None:
    """Take a term back for which nobody has planned or counted anything. Raises `Conflict` for others."""
    term = require_term(session, principal, term_id, seen)
    before = facts_of_term(term)
    try:
        with session.begin_nested():
            session.delete(term)
    except IntegrityError:
        raise Conflict(
            "term.in_use",
            "Term in use",
            f"{term.name} has a timetable, headcounts or a curriculum; change its name or its days instead.",
        ) from None
    _note(session, principal, Act.TERM_REMOVED, term, before, None)


def require_term(session: Session, principal: Principal, term_id: UUID, seen: Seen) -> Term:
    """A term that somebody may change, as they saw it, while nobody else changes the county's terms."""
    term = get_term(session, term_id, principal.county_id)
    require(principal, Action.TERM_CHANGE, Target(term.county_id), no_term(term_id))
    take_turns(session, [term.county_id])
    seen.require(session, term)
    return term


def _refuse_other_weeks(term: Term, draft: TermDraft, entries: list[TimetableEntry]) -> None:
    if entries and week_span(term.first_day, 1) != week_span(draft.first_day, 1):
        raise still_planned(term, "another first week would count all of their weeks anew")


def _refuse_beyond(term: Term, draft: TermDraft, entries: list[TimetableEntry]) -> None:
    beyond = [each for each in entries if _leaves(each, draft.first_day, draft.last_day)]
    if beyond:
        days = f"{beyond[0].first_day} to {beyond[0].last_day}"
        raise still_planned(term, f"“{beyond[0].title}” is taught from {days}", len(beyond))


def _leaves(entry: TimetableEntry, first_day: date, last_day: date) -> bool:
    return entry.first_day < first_day or entry.last_day > last_day


def _refuse_weekdays(term: Term, draft: TermDraft, entries: list[TimetableEntry]) -> None:
    other = frozenset(term.weekdays) ^ draft.weekdays
    if found := [each for each in entries if each.weekday in other]:
        raise still_planned(term, f"“{found[0].title}” is on such a weekday", len(found))


def still_planned(term: Term, why: str, entries: int | None = None) -> Conflict:
    """The refusal of days or weekdays that planned lessons do not fit into."""
    return Conflict(
        "term.still_planned",
        "Still planned",
        f"{term.name} has a timetable: {why}. Change or end these lessons first, mark days as holidays, or say "
        "`lessons=follow` to end with the term what is beyond its days.",
        entries=entries,
    )


def note_changed(session: Session, principal: Principal, term: Term, before: Facts, **more: object) -> None:
    """Tell the trail what a term was, and what became of lessons with it."""
    _note(session, principal, Act.TERM_CHANGED, term, before, {**facts_of_term(term), **more})


def facts_of_term(term: Term) -> Facts:
    """What of a term the trail keeps."""
    days = {"first_day": term.first_day, "last_day": term.last_day}
    return {"name": term.name, **days, "weekdays": list(term.weekdays)}


def _note(
    session: Session, principal: Principal, act: Act, term: Term, before: Facts, after: Facts | None
) -> None:
    subject = Subject("term", term.id, term.county_id)
    audit.note(session, act, term.county_id, principal.person_id, subject, before=before, after=after)
