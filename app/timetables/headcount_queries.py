"""SQL of headcounts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app.timetables.models import Headcount, Term


@dataclass(frozen=True, slots=True)
class Search:
    """What a list of headcounts is narrowed by."""

    county_id: UUID
    unit_ids: frozenset[UUID] | None = None
    """None: all of the county."""
    term_id: UUID | None = None
    grade: int | None = None


def headcounts_of(
    session: Session, term_id: UUID, unit_ids: Collection[UUID] | None = None
) -> Sequence[Headcount]:
    """Headcounts of a term, of some units or of all, by unit and grade."""
    query = select(Headcount).where(Headcount.term_id == term_id)
    if unit_ids is not None:
        query = query.where(Headcount.org_unit_id.in_(unit_ids))
    return session.scalars(query.order_by(Headcount.org_unit_id, Headcount.grade)).all()


_counts = Headcount.__table__.c
_COUNTS = select(_counts.org_unit_id, _counts.grade, _counts.pupils)


def counts_of(
    session: Session, term_id: UUID, unit_ids: Collection[UUID] | None = None
) -> Sequence[tuple[UUID, int, int]]:
    """Unit, grade and pupils of the same headcounts."""
    query = _COUNTS.where(_counts.term_id == term_id)
    if unit_ids is not None:
        query = query.where(_counts.org_unit_id.in_(unit_ids))
    return [tuple(row) for row in session.execute(query.order_by(_counts.org_unit_id, _counts.grade))]


_ORDER = (Term.first_day, Headcount.org_unit_id, Headcount.grade)


def headcounts_page(
    session: Session, search: Search, after: tuple[date, UUID, int] | None, limit: int
) -> Sequence[tuple[Headcount, date]]:
    """Headcounts with their term's first day, by that, unit and grade."""
    query = (
        select(Headcount, Term.first_day)
        .join(Term, Term.id == Headcount.term_id)
        .where(Term.county_id == search.county_id)
    )
    if search.unit_ids is not None:
        query = query.where(Headcount.org_unit_id.in_(search.unit_ids))
    if search.term_id is not None:
        query = query.where(Headcount.term_id == search.term_id)
    if search.grade is not None:
        query = query.where(Headcount.grade == search.grade)
    if after is not None:
        query = query.where(tuple_(*_ORDER) > tuple_(*after))
    return [(row, first_day) for row, first_day in session.execute(query.order_by(*_ORDER).limit(limit))]
