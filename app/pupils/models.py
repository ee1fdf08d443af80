"""Tables of guardians' consents and of the pupils they allow to be named.

The database itself refuses a pupil without a consent in force, a withdrawal that leaves the pupil there, and a
consent without a purpose (triggers of the names in `CONSENT_RULES`, see the migrations).
"""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, new_id, word
from app.pupils.rules import ConsentForm, EndReason, Purpose

CONSENT_RULES = frozenset({"pupil_needs_consent", "pupil_outlives_consent"})


class GuardianConsent(Base):
    """Who agreed to what, when and how. It outlives the pupil's row, without names, as the proof that one was asked."""

    __tablename__ = "guardian_consents"
    __table_args__ = (
        CheckConstraint("expires_on >= given_on", name="days_in_order"),
        CheckConstraint("(ended_at IS NULL) = (guardian IS NOT NULL)", name="named_while_in_force"),
        CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ends_for_a_reason"),
        Index(None, "county_id", "expires_on"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"))
    guardian: Mapped[str | None] = mapped_column(String(200))
    form: Mapped[ConsentForm] = mapped_column(word(ConsentForm))
    reference: Mapped[str | None] = mapped_column(String(100))  # where the signed form is kept
    given_on: Mapped[date]
    expires_on: Mapped[date]
    recorded_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id"))
    recorded_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[EndReason | None] = mapped_column(word(EndReason))

    purposes: Mapped[list["ConsentPurpose"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", passive_deletes=True, order_by="ConsentPurpose.purpose"
    )


class ConsentPurpose(Base):
    """One purpose a guardian agreed to."""

    __tablename__ = "consent_purposes"

    consent_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("guardian_consents.id", ondelete="CASCADE"), primary_key=True
    )
    purpose: Mapped[Purpose] = mapped_column(word(Purpose), primary_key=True)


class Pupil(Base):
    """A pupil known by name: a display name, a school, a grade, and nothing more."""

    __tablename__ = "pupils"
    __table_args__ = (
        CheckConstraint("grade BETWEEN 1 AND 12", name="grade_is_one"),
        Index(None, "org_unit_id", "grade"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"))
    org_unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"))
    consent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("guardian_consents.id"), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    grade: Mapped[int]

    consent: Mapped[GuardianConsent] = relationship(lazy="raise")
