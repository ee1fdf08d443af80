"""Table of the notices that people read."""

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, new_id, word
from app.lessons.rules import ChangeKind


class Notice(Base):
    """What one person is told of one act, however many lessons it changed."""

    __tablename__ = "notices"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    act_id: Mapped[UUID]
    kind: Mapped[ChangeKind] = mapped_column(word(ChangeKind))
    at: Mapped[dt.datetime]  # when it was done
    told_at: Mapped[dt.datetime]
    reason: Mapped[str | None] = mapped_column(String(200))
    changes: Mapped[int]
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # the first of the changes
    read_at: Mapped[dt.datetime | None]

    __table_args__ = (
        UniqueConstraint("person_id", "act_id"),  # whoever tells it twice tells it once
        CheckConstraint("changes >= 1", name="changes_positive"),
        Index(None, "person_id", "told_at", "id"),
        Index(None, "told_at"),
        Index(
            "ix_notices_unread",
            "person_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
    )
