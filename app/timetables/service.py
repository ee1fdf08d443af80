"""Use cases of the school year: terms, bells, and looking into the weekly timetable.

Planning an entry is in `planning`; the lessons that follow from it belong to the lessons domain.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import Target, allows, require
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns, violated
from app.errors import Conflict, Invalid, NotFound
from app.listing import Paging, Slice
from app.schools import service as schools
from app.schools.rules import path_ids
from app.timetables import queries
from app.timetables.calendar import MONDAY_TO_FRIDAY, SchoolCalendar, SpecialDay
from app.timetables.models import (
    BellSchedule,
    Period,
    Term,
    TimetableEntry,
    TimetableEntryGroup,
    TimetableEntrySite,
)
from app.timetables.queries import Search as Search
from app.timetables.rules import Bell, WeeklySlot, overlapping_periods
from app.timetables.weeks import Weeks

LONGEST_TERM = timedelta(days=366)


@dataclass(frozen=True)
class TermDraft:
    """A term to be opened; with periods, the county's bells for its days."""

    name: str
    first_day: date
    last_day: date
    periods: Mapping[int, Bell] = field(default_factory=dict)
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY


@dataclass(frozen=True)
class BellDraft:
    """A bell schedule to be put in force."""

    org_unit_id: UUID
    name: str
    valid_from: date
    valid_to: date
    periods: Mapping[int, Bell]


# --- terms --------------------------------------------------------------------------------------------------


def add_term(session: Session, principal: Principal, draft: TermDraft) -> Term:
    """Open a term in one's own county, as a bureau admin."""
    schools.require_at(session, principal, Action.TERM_ADD, principal.county_id)
    term = create_term(session, principal.county_id, draft)
    facts = {
        "first_day": term.first_day,
        "last_day": term.last_day,
        "weekdays": term.weekdays,
        "periods": facts_of(draft.periods),
    }
    subject = Subject("term", term.id, term.county_id)
    audit.note(session, Act.TERM_OPENED, term.county_id, principal.person_id, subject, after=facts)
    return term


def create_term(session: Session, county_id: UUID, draft: TermDraft) -> Term:
    """Open a term without asking who wants it: for seeds."""
    check_term_days(draft)
    take_turns(session, [county_id])
    term = Term(
        county_id=county_id,
        name=draft.name,
        first_day=draft.first_day,
        last_day=draft.last_day,
        weekdays=sorted(draft.weekdays),
    )
    try:
        with session.begin_nested():
            session.add(term)
    except IntegrityError as error:
        raise term_conflict(session, county_id, draft, error) from None
    if draft.periods:
        bells = BellDraft(county_id, draft.name, draft.first_day, draft.last_day, draft.periods)
        create_bell_schedule(session, bells)
    return term


def check_term_days(draft: TermDraft) -> None:
    """Raise `Invalid` for days that no term has."""
    _check_days(draft.first_day, draft.last_day)
    if draft.last_day - draft.first_day > LONGEST_TERM:
        raise Invalid("term.too_long", "Term too long", "A term lasts a year at most.")


def get_term(session: Session, term_id: UUID, county_id: UUID) -> Term:
    """One term of a county; raises `NotFound`."""
    term = queries.term(session, term_id)
    if term is None or term.county_id != county_id:
        raise no_term(term_id)
    return term


def show_term(session: Session, principal: Principal, term_id: UUID) -> Term:
    """One term of one's own county."""
    term = get_term(session, term_id, principal.county_id)
    require(principal, Action.TERM_SHOW, Target(term.county_id), no_term(term_id))
    return term


def list_terms(session: Session, county_id: UUID, on: date | None, paging: Paging) -> Slice[Term]:
    """Terms of a county, and where the next page starts."""
    return queries.terms_page(session, county_id, on, paging)


def find_term(session: Session, county_id: UUID, day: date) -> Term | None:
    """The term a day lies in, or None."""
    return next(iter(queries.terms_meeting(session, county_id, day, day)), None)


def terms_meeting(session: Session, county_id: UUID, first_day: date, last_day: date) -> Sequence[Term]:
    """The terms of a county that share a day with a span."""
    return queries.terms_meeting(session, county_id, first_day, last_day)


def calendar_of(session: Session, term: Term) -> SchoolCalendar:
    """Which weekday's timetable each day of a term follows."""
    special = queries.calendar_days(session, term.county_id, term.first_day, term.last_day)
    days = {each.date: SpecialDay(each.kind, each.follows_weekday) for each in special}
    return SchoolCalendar(frozenset(term.weekdays), days)


# --- bells --------------------------------------------------------------------------------------------------


def create_bell_schedule(session: Session, draft: BellDraft) -> BellSchedule:
    """Put bells in force without asking who wants it: for seeds."""
    check_bells(draft)
    take_turns(session, [draft.org_unit_id])
    schedule = BellSchedule(
        org_unit_id=draft.org_unit_id,
        name=draft.name,
        valid_from=draft.valid_from,
        valid_to=draft.valid_to,
        periods=periods_of(draft),
    )
    try:
        with session.begin_nested():
            session.add(schedule)
    except IntegrityError as error:
        if violated(error) != "ex_bell_schedules_org_unit":
            raise
        raise bells_conflict(session, draft) from None
    return schedule


def periods_of(draft: BellDraft) -> list[Period]:
    """The rows of a schedule's periods, by number."""
    return [
        Period(number=number, starts_at=bell.starts_at, ends_at=bell.ends_at)
        for number, bell in sorted(draft.periods.items())
    ]


def bells_in_force(session: Session, principal: Principal, org_unit_id: UUID, day: date) -> BellSchedule:
    """The bells a unit goes by on a day: its own, or those of the nearest unit above that has some."""
    unit = schools.require_at(session, principal, Action.BELLS_SHOW, org_unit_id)
    path = path_ids(unit.path)
    found = queries.bell_schedules_of(session, path, day, day)
    if not found:
        raise NotFound("bells.none_in_force", "No bells", f"{unit.name} has no bell schedule on {day}.")
    return max(found, key=lambda schedule: path.index(schedule.org_unit_id))


def facts_of(periods: Mapping[int, Bell]) -> dict[str, str]:
    """What the trail keeps of bells."""
    return {
        str(number): f"{bell.starts_at:%H:%M}-{bell.ends_at:%H:%M}"
        for number, bell in sorted(periods.items())
    }


# --- entries ------------------------------------------------------------------------------------------------


def show_entry(session: Session, principal: Principal, entry_id: UUID) -> TimetableEntry:
    """One timetable entry of one's own county; drafts are there for those only who plan."""
    return require_entry(session, principal, Action.ENTRY_SHOW, entry_id)


def require_entry(session: Session, principal: Principal, action: Action, entry_id: UUID) -> TimetableEntry:
    """The entry with which somebody may do something; raises `NotFound` or `Forbidden`."""
    return _require(principal, action, entry_id, queries.entry(session, entry_id))


def require_entries(
    session: Session, principal: Principal, action: Action, ids: Collection[UUID]
) -> dict[UUID, TimetableEntry]:
    """The same of several entries, by id."""
    found = {each.id: each for each in queries.entries_by_ids(session, ids)}
    return {entry_id: _require(principal, action, entry_id, found.get(entry_id)) for entry_id in ids}


def _require(
    principal: Principal, action: Action, entry_id: UUID, entry: TimetableEntry | None
) -> TimetableEntry:
    missing = NotFound(
        "timetable.entry_not_found", "No such entry", f"There is no timetable entry {entry_id}."
    )
    if entry is None or entry.withdrawn:
        raise missing
    target = Target(entry.county_id)
    if not entry.published and not allows(principal, Action.ENTRY_PLAN, target):
        raise missing
    require(principal, action, target, missing)
    return entry


def rewrite_entry(session: Session, entry: TimetableEntry, plan: TimetableEntry) -> TimetableEntry:
    """Make a stored entry what a planned one is like."""
    rewrite_entries(session, [(entry, plan)])
    return entry


def rewrite_entries(session: Session, planned: Sequence[tuple[TimetableEntry, TimetableEntry]]) -> None:
    """Make stored entries what planned ones are like."""
    kept = ("id", "version", "county_id", "term_id", "published", "withdrawn")
    names = [column.name for column in TimetableEntry.__table__.columns if column.name not in kept]
    for entry, plan in planned:
        for name in names:
            setattr(entry, name, getattr(plan, name))
        entry.sites.clear()
        entry.groups.clear()
    session.flush()
    for entry, plan in planned:
        entry.sites.extend(
            TimetableEntrySite(receiving_room_id=each.receiving_room_id, pairing_id=each.pairing_id)
            for each in plan.sites
        )
        entry.groups.extend(TimetableEntryGroup(pupil_group_id=each) for each in plan.pupil_group_ids)
    session.flush()


def entries(session: Session, ids: Collection[UUID]) -> Sequence[TimetableEntry]:
    """Entries by id, those that exist, withdrawn ones too."""
    return queries.entries_by_ids(session, ids)


def entries_of_term(session: Session, term_id: UUID) -> Sequence[TimetableEntry]:
    """Entries of a term that were not withdrawn, drafts too."""
    return queries.entries_of_term(session, term_id)


def entries_meeting(
    session: Session, county_id: UUID, first_day: date, last_day: date
) -> Sequence[TimetableEntry]:
    """Entries of a county whose days share one with a span, drafts too."""
    return queries.entries_meeting(session, county_id, first_day, last_day)


def days_of_entries(
    session: Session, entries: Collection[TimetableEntry], days: Collection[date]
) -> frozenset[tuple[UUID, date]]:
    """On which of the days each entry has a lesson, by the calendar as it is now."""
    terms = {term_id: queries.term(session, term_id) for term_id in {each.term_id for each in entries}}
    calendars = {term.id: calendar_of(session, term) for term in terms.values() if term is not None}
    return frozenset(
        (entry.id, day)
        for entry in entries
        if (term := terms[entry.term_id]) is not None
        for day in days
        if slot_of(entry, term.first_day).has(day, calendars[term.id].weekday_taught)
    )


def slot_of(entry: TimetableEntry, term_first_day: date) -> WeeklySlot:
    """The when of an entry."""
    weeks = Weeks.of(entry.week_pattern, entry.weeks)
    return WeeklySlot(entry.weekday, entry.period, entry.first_day, entry.last_day, weeks, term_first_day)


def entries_to_publish(session: Session, term: Term, entry_ids: Collection[UUID]) -> Sequence[TimetableEntry]:
    """Drafts of a term: all of them, or those of some ids, each of which has to be an entry of the term."""
    found = queries.drafts(session, term.id, entry_ids)
    missing = set(entry_ids) - {each.id for each in found}
    others = {each.id: each for each in queries.entries_by_ids(session, missing)} if missing else {}
    for entry_id in sorted(missing, key=str):
        entry = others.get(entry_id)
        if entry is None or entry.term_id != term.id or entry.withdrawn:
            raise NotFound(
                "timetable.entry_not_found",
                "No such entry",
                f"{term.name} has no timetable entry {entry_id}.",
            )
    return found


def list_entries(
    session: Session, search: Search, org_unit_id: UUID | None, paging: Paging
) -> Slice[TimetableEntry]:
    """Timetable entries, with `org_unit_id` those of its rooms and of all below, and where the next page starts."""
    if org_unit_id is not None:
        search = replace(search, room_ids=schools.room_ids_below(session, org_unit_id))
    return queries.entries_page(session, search, paging)


def no_term(term_id: UUID) -> NotFound:
    """The refusal of a term that is not there."""
    return NotFound("term.not_found", "No such term", f"There is no term {term_id}.")


def check_bells(draft: BellDraft) -> None:
    """Raise `Invalid` for days or periods that cannot be."""
    _check_days(draft.valid_from, draft.valid_to)
    _check_periods(draft.periods)


def _check_days(first_day: date, last_day: date) -> None:
    if last_day < first_day:
        raise Invalid(
            "days.reversed", "Days in the wrong order", f"The last day {last_day} is before {first_day}."
        )


def _check_periods(periods: Mapping[int, Bell]) -> None:
    for number, bell in sorted(periods.items()):
        if bell.minutes <= 0:
            raise Invalid(
                "bells.period_reversed",
                "Period ends before it starts",
                f"Period {number} must end after it starts; an end of 00:00 is the end of the day.",
                period=number,
            )
    if pair := overlapping_periods(periods):
        raise Invalid(
            "bells.periods_overlap",
            "Periods overlap",
            f"Period {pair[1]} starts before period {pair[0]} has ended.",
            periods=list(pair),
        )


def term_conflict(
    session: Session, county_id: UUID, draft: TermDraft, error: IntegrityError, apart_from: UUID | None = None
) -> Exception:
    """The refusal of a name or days that another term has; any other error as it is."""
    match violated(error):
        case "uq_terms_county_id_name":
            return Conflict("term.name_taken", "Name taken", f"There already is a term {draft.name}.")
        case "ex_terms_county":
            found = queries.terms_meeting(session, county_id, draft.first_day, draft.last_day)
            others = [each for each in found if each.id != apart_from]
            named = ", ".join(f"{each.name} ({each.first_day} to {each.last_day})" for each in others)
            return Conflict(
                "term.overlap",
                "Terms overlap",
                f"Terms of a county share no day; in the way: {named}.",
                term_ids=[str(each.id) for each in others],
            )
    return error


def bells_conflict(session: Session, draft: BellDraft, apart_from: UUID | None = None) -> Conflict:
    """The refusal of bells on days on which the unit has some already."""
    found = queries.bell_schedules_of(session, [draft.org_unit_id], draft.valid_from, draft.valid_to)
    others = [each for each in found if each.id != apart_from]
    named = ", ".join(f"{each.name} ({each.valid_from} to {each.valid_to})" for each in others)
    return Conflict(
        "bells.overlap",
        "Bell schedules overlap",
        f"Only one bell schedule of an org unit is in force on a day; in the way: {named}.",
        bell_schedule_ids=[str(each.id) for each in others],
        others=named,
    )
