"""Table of pairings."""

import datetime as dt
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, new_id, word
from app.pairings.rules import PairingState


class Pairing(Base):
    """A dated agreement: this main room teaches that receiving room in these subjects."""

    __tablename__ = "pairings"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    main_room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id"))
    receiving_room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id"))
    subjects: Mapped[list[str]] = mapped_column(JSON, default=list)  # none named: all subjects
    valid_from: Mapped[dt.date]
    valid_to: Mapped[dt.date]  # the last day it holds
    capacity: Mapped[int]  # most sites in one lesson of the main room while this agreement holds
    state: Mapped[PairingState] = mapped_column(word(PairingState), default=PairingState.ACTIVE)

    __table_args__ = (
        CheckConstraint("valid_from <= valid_to", name="days_in_order"),
        CheckConstraint("capacity >= 1", name="capacity_positive"),
        Index(None, "county_id"),
        Index(None, "main_room_id", "receiving_room_id"),
        Index(None, "receiving_room_id"),
    )
