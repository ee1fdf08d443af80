"""Table of pairings.

The database lets no lesson reach a site on a day on which its pairing carries none, under the pairing of other
rooms or subjects, nor more sites than the pairings allow (triggers, see the migrations): neither by a lesson nor by a
change of the pairing.
"""

import datetime as dt
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, new_id, word
from app.pairings.rules import Agreement, Level, PairingState, Side
from app.versions import Versioned


class Pairing(Versioned, Base):
    """A dated agreement: this main room teaches that receiving room in these subjects.

    `state` is what people decided; where the agreement stands on a day is computed (`rules.Agreement.state_on`).
    """

    __tablename__ = "pairings"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    main_room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id"))
    receiving_room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id"))
    subjects: Mapped[list[str]] = mapped_column(JSON, default=list)  # none named: all subjects
    valid_from: Mapped[dt.date]
    valid_to: Mapped[dt.date]  # the last day it holds
    capacity: Mapped[int]  # most sites in one lesson of the main room while this agreement holds
    state: Mapped[PairingState] = mapped_column(word(PairingState), default=PairingState.APPROVED)
    level: Mapped[Level] = mapped_column(word(Level), default=Level.COUNTY)
    minimum_link_mbps: Mapped[float | None]
    main_accepted: Mapped[bool] = mapped_column(default=True)
    site_accepted: Mapped[bool] = mapped_column(default=True)
    stopped_from: Mapped[dt.date | None]  # suspended or ended early: the first day without lessons
    state_reason: Mapped[str | None] = mapped_column(String(200))
    renews_id: Mapped[UUID | None] = mapped_column(ForeignKey("pairings.id"))

    __table_args__ = (
        CheckConstraint("valid_from <= valid_to", name="days_in_order"),
        CheckConstraint("capacity >= 1", name="capacity_positive"),
        CheckConstraint("minimum_link_mbps > 0", name="link_is_positive"),
        CheckConstraint("state NOT IN ('active', 'renewed')", name="state_is_a_decision"),
        CheckConstraint(
            "(state IN ('suspended', 'ended')) = (stopped_from IS NOT NULL)", name="stopped_has_a_day"
        ),
        CheckConstraint(
            "state IN ('proposed', 'ended') OR (main_accepted AND site_accepted)", name="both_accepted"
        ),
        Index(None, "county_id"),
        Index(None, "main_room_id", "receiving_room_id"),
        Index(None, "receiving_room_id"),
        Index(None, "renews_id"),
    )

    @property
    def agreement(self) -> Agreement:
        """What was decided, as the rules see it."""
        accepted = {Side.MAIN: self.main_accepted, Side.SITE: self.site_accepted}
        by = frozenset(side for side, has in accepted.items() if has)
        return Agreement(self.state, self.valid_from, self.valid_to, by, self.stopped_from)

    @agreement.setter
    def agreement(self, decided: Agreement) -> None:
        self.state = decided.decided
        self.main_accepted = Side.MAIN in decided.accepted_by
        self.site_accepted = Side.SITE in decided.accepted_by
        self.stopped_from = decided.stopped_from
