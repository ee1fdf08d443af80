"""Table of calendar feeds."""

import datetime as dt
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, new_id, word
from app.feeds.rules import Language
from app.lessons.diary import Whose


class CalendarFeed(Base):
    """An address under which a calendar program reads somebody's lessons. Of its secret only a hash is kept."""

    __tablename__ = "calendar_feeds"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    whose: Mapped[Whose] = mapped_column(word(Whose))
    subject_id: Mapped[UUID]  # a person, a room or an org unit
    language: Mapped[Language] = mapped_column(word(Language))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]

    __table_args__ = (Index(None, "county_id", "created_at"), Index(None, "owner_id", "created_at"))
