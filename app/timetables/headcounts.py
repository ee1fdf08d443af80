"""Use cases of headcounts: how many pupils of each grade a school or site has in a term. Numbers only."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import reach
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.errors import Invalid
from app.schools import service as schools
from app.schools.models import OrgUnit, PupilGroup
from app.schools.rules import ROOM_PLACES, RoomKind
from app.timetables import headcount_queries as queries
from app.timetables import list_versions
from app.timetables.grades import Band, GroupCount, bands_of
from app.timetables.headcount_queries import Search
from app.timetables.list_versions import headcounts_id
from app.timetables.models import Headcount, Term
from app.timetables.service import get_term
from app.versions import ANY, Seen

Counts = Mapping[int, int]
"""Pupils by grade."""


@dataclass(frozen=True, slots=True)
class Heads:
    """The pupils of one unit in a term, beside the groups they are taught in."""

    term_id: UUID
    org_unit_id: UUID
    version: int
    counts: Counts
    bands: Sequence[Band]
    groups: Mapping[UUID, PupilGroup]


def set_headcounts(
    session: Session, principal: Principal, term_id: UUID, unit_id: UUID, counts: Counts, seen: Seen = ANY
) -> Heads:
    """Say how many pupils a unit has, as a bureau admin or the school's own; grades not named have none."""
    unit = schools.require_at(session, principal, Action.HEADCOUNT_SET, unit_id)
    term = get_term(session, term_id, unit.county_id)
    before = put_headcounts(session, term, unit, counts, seen=seen)
    _note(session, principal, term, unit, before, counts)
    return _heads(session, term, unit)


def add_headcounts(session: Session, principal: Principal, term: Term, unit: OrgUnit, counts: Counts) -> None:
    """Store counts of an import, which was judged before; grades not named keep theirs."""
    before = put_headcounts(session, term, unit, counts, keep_others=True)
    _note(session, principal, term, unit, before, {**before, **counts})


def require_pupils_at(unit: OrgUnit) -> None:
    """Raise `Invalid` for a unit that has no pupils."""
    if unit.kind not in ROOM_PLACES[RoomKind.RECEIVING]:
        raise Invalid(
            "headcount.wrong_place",
            "Wrong place for pupils",
            f"Pupils are counted at a school or teaching site, not at a {unit.kind.value}.",
        )


def put_headcounts(
    session: Session,
    term: Term,
    unit: OrgUnit,
    counts: Counts,
    *,
    keep_others: bool = False,
    seen: Seen = ANY,
) -> Counts:
    """Store counts without asking who wants it: for imports and seeds. Returns those of before.

    Grades not named have no pupils any more, unless others are kept. Raises `Invalid` for a unit without pupils.
    """
    require_pupils_at(unit)
    take_turns(session, [unit.id])
    list_versions.count(session, headcounts_id(term.id, unit.id), seen)
    rows = {row.grade: row for row in queries.headcounts_of(session, term.id, [unit.id])}
    before = {grade: row.pupils for grade, row in rows.items()}
    wanted = {**before, **counts} if keep_others else counts
    for grade in rows.keys() - wanted.keys():
        session.delete(rows[grade])
    for grade, pupils in sorted(wanted.items()):
        if grade in rows:
            rows[grade].pupils = pupils
        else:
            session.add(Headcount(term_id=term.id, org_unit_id=unit.id, grade=grade, pupils=pupils))
    session.flush()
    return before


def show_headcounts(session: Session, principal: Principal, term_id: UUID, unit_id: UUID) -> Heads:
    """The pupils of one unit within one's reach."""
    unit = schools.require_at(session, principal, Action.HEADCOUNT_SHOW, unit_id)
    term = get_term(session, term_id, unit.county_id)
    return _heads(session, term, unit)


def list_headcounts(
    session: Session,
    principal: Principal,
    term_id: UUID | None,
    org_unit_id: UUID | None,
    grade: int | None,
    after: tuple[date, UUID, int] | None,
    limit: int,
) -> tuple[Sequence[Headcount], tuple[date, UUID, int] | None]:
    """Headcounts within one's reach, of a unit and all below it or of all, and where the next page starts."""
    within = reach(principal, Action.HEADCOUNT_SHOW)
    units = None if within.county_id else schools.ids_below(session, within.units)
    if org_unit_id is not None:
        below = schools.ids_below(session, [org_unit_id])
        units = below if units is None else below & units
    search = Search(principal.county_id, units, term_id, grade)
    found = queries.headcounts_page(session, search, after, limit + 1)
    page = found[:limit]
    following = None
    if len(found) > limit:
        last, first_day = page[-1]
        following = (first_day, last.org_unit_id, last.grade)
    return [row for row, _ in page], following


def counts_of(
    session: Session, term_id: UUID, unit_ids: Collection[UUID] | None = None
) -> dict[UUID, dict[int, int]]:
    """Pupils by unit and grade in a term: of some units, or of all that have any."""
    found: dict[UUID, dict[int, int]] = {}
    for unit_id, grade, pupils in queries.counts_of(session, term_id, unit_ids):
        found.setdefault(unit_id, {})[grade] = pupils
    return found


def _heads(session: Session, term: Term, unit: OrgUnit) -> Heads:
    counts = counts_of(session, term.id, [unit.id]).get(unit.id, {})
    groups = {group.id: group for group in schools.groups_of_units(session, [unit.id], term.first_day)}
    taught = [GroupCount(group.id, frozenset(group.grades), group.headcount) for group in groups.values()]
    version = list_versions.version_of(session, headcounts_id(term.id, unit.id))
    return Heads(term.id, unit.id, version, counts, bands_of(counts, taught), groups)


def _note(
    session: Session, principal: Principal, term: Term, unit: OrgUnit, before: Counts, after: Counts
) -> None:
    about = Subject("headcounts", term.id, unit.id)
    audit.note(
        session,
        Act.HEADCOUNTS_SET,
        unit.county_id,
        principal.person_id,
        about,
        before=_facts(before),
        after=_facts(after),
    )


def _facts(counts: Counts) -> dict[str, int]:
    return {str(grade): pupils for grade, pupils in sorted(counts.items())}
