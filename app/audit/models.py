"""Tables of the trail. The database itself refuses to change or delete an event (triggers, see the migrations)."""

import uuid
from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.audit.rules import Act
from app.database import Base


class AuditEvent(Base):
    """One act. Ids are plain values: an event outlives whatever it is about."""

    __tablename__ = "audit_events"

    county_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    act: Mapped[Act] = mapped_column(String(40))  # no check constraint: the words grow with the product
    person_id: Mapped[uuid.UUID | None]
    address: Mapped[str | None] = mapped_column(String(64))
    org_unit_id: Mapped[uuid.UUID | None]
    subject_kind: Mapped[str | None] = mapped_column(String(40))
    subject_id: Mapped[uuid.UUID | None]
    before: Mapped[str | None] = mapped_column(Text)  # the very text that was sealed, so not a JSON column
    after: Mapped[str | None] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (
        Index(None, "county_id", "act", "number"),
        Index(None, "county_id", "person_id", "number"),
        Index(None, "county_id", "subject_id", "number"),
    )


class AuditChain(Base):
    """Where a county's chain ends. Its row is the lock of the chain, and moves forward only."""

    __tablename__ = "audit_chains"

    county_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class AuditCut(Base):
    """Up to where a county's chain was cut because it had been kept long enough: its first event is sealed to this."""

    __tablename__ = "audit_cuts"

    county_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
