"""SQL of second factors and recovery codes."""

import uuid
from datetime import datetime

from sqlalchemy import (
    delete,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.accounts.models import (
    RecoveryCode,
    SecondFactor,
)


def second_factor(session: Session, person_id: uuid.UUID) -> SecondFactor | None:
    return session.get(SecondFactor, person_id)


def has_second_factor(session: Session, person_id: uuid.UUID) -> bool:
    query = select(SecondFactor.person_id).where(
        SecondFactor.person_id == person_id, SecondFactor.confirmed_at.is_not(None)
    )
    return session.scalar(query) is not None


def move_step(session: Session, person_id: uuid.UUID, step: int) -> bool:
    """Note that the code of a step was used; False when it or a later one was already."""
    before = (SecondFactor.person_id == person_id, SecondFactor.last_step < step)
    moved = update(SecondFactor).where(*before).values(last_step=step).returning(SecondFactor.person_id)
    return session.scalar(moved) is not None


def use_recovery_code(session: Session, person_id: uuid.UUID, code_hash: str, now: datetime) -> bool:
    """Note that a recovery code was used; False when there is none such, or it was used already."""
    unused = (
        RecoveryCode.person_id == person_id,
        RecoveryCode.code_hash == code_hash,
        RecoveryCode.used_at.is_(None),
    )
    used = update(RecoveryCode).where(*unused).values(used_at=now).returning(RecoveryCode.id)
    return session.scalar(used) is not None


def recovery_codes_left(session: Session, person_id: uuid.UUID) -> int:
    unused = (RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
    return session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


def forget_recovery_codes(session: Session, person_id: uuid.UUID) -> None:
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))


def forget_second_factor(session: Session, person_id: uuid.UUID) -> None:
    forget_recovery_codes(session, person_id)
    session.execute(delete(SecondFactor).where(SecondFactor.person_id == person_id))
