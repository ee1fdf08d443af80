"""SQL of consents and pupils."""

import uuid
from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, selectinload

from app.database import rows_of
from app.pupils.models import ConsentPurpose, GuardianConsent, Pupil
from app.pupils.rules import Purpose

_WITH_CONSENT = selectinload(Pupil.consent).selectinload(GuardianConsent.purposes)


def pupil(session: Session, pupil_id: uuid.UUID) -> Pupil | None:
    return session.scalar(select(Pupil).where(Pupil.id == pupil_id).options(_WITH_CONSENT))


def pupils_page(
    session: Session,
    units: Collection[uuid.UUID],
    purpose: Purpose,
    today: date,
    after: tuple[str, uuid.UUID] | None,
    limit: int,
) -> Sequence[Pupil]:
    """Pupils of these units by name, whose guardians' consent to the purpose is in force."""
    query = (
        select(Pupil)
        .join(Pupil.consent)
        .join(GuardianConsent.purposes)
        .where(Pupil.org_unit_id.in_(units), ConsentPurpose.purpose == purpose)
        .where(GuardianConsent.ended_at.is_(None), GuardianConsent.expires_on >= today)
    )
    if after is not None:
        name, last = after
        query = query.where((Pupil.name > name) | ((Pupil.name == name) & (Pupil.id > last)))
    return session.scalars(query.order_by(Pupil.name, Pupil.id).limit(limit).options(_WITH_CONSENT)).all()


def run_out(session: Session, county_id: uuid.UUID, today: date) -> Sequence[Pupil]:
    """Pupils of a county whose consent is no longer in force."""
    query = select(Pupil).join(Pupil.consent).where(Pupil.county_id == county_id)
    return session.scalars(query.where(GuardianConsent.expires_on < today).options(_WITH_CONSENT)).all()


def counties_with_pupils(session: Session) -> Sequence[uuid.UUID]:
    return session.scalars(select(Pupil.county_id).distinct()).all()


def forget_proofs(session: Session, ended_before: datetime) -> int:
    """Delete consents that ended before then."""
    return rows_of(session.execute(delete(GuardianConsent).where(GuardianConsent.ended_at < ended_before)))
