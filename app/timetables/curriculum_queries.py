"""SQL of the curriculum."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.timetables.models import CurriculumRequirement


def requirements_of(
    session: Session, term_id: UUID, unit_ids: Collection[UUID] | None = None
) -> Sequence[CurriculumRequirement]:
    """What units of a term say themselves, some or all, by unit, grade and subject."""
    query = select(CurriculumRequirement).where(CurriculumRequirement.term_id == term_id)
    if unit_ids is not None:
        query = query.where(CurriculumRequirement.org_unit_id.in_(unit_ids))
    order = (
        CurriculumRequirement.org_unit_id, CurriculumRequirement.grade, CurriculumRequirement.subject,
    )  # fmt: skip
    return session.scalars(query.order_by(*order)).all()
