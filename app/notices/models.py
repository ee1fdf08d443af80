"""Tables of the notices that people read or are mailed, and of the webhooks that other systems are told by."""

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, new_id, word
from app.feeds.rules import Language
from app.lessons.rules import ChangeKind
from app.notices.addresses import LONGEST_URL
from app.notices.retrying import DeliveryState


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


class Webhook(Base):
    """An address of another system that is told of a county's changes. Its secret is made from its id."""

    __tablename__ = "webhooks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    url: Mapped[str] = mapped_column(String(LONGEST_URL))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[dt.datetime]

    __table_args__ = (Index(None, "county_id", "created_at"),)


class Delivery(Base):
    """Something to be sent to a webhook until it was taken or given up."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)  # by which receivers know it again
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[DeliveryState] = mapped_column(word(DeliveryState), default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime]
    next_at: Mapped[dt.datetime]  # while an attempt is made, when it counts as lost
    done_at: Mapped[dt.datetime | None]
    status: Mapped[int | None]  # of the last answer
    problem: Mapped[str | None] = mapped_column(String(100))

    __table_args__ = (
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        CheckConstraint("(state = 'waiting') = (done_at IS NULL)", name="done_or_waiting"),
        Index(None, "webhook_id", "created_at", "id"),
        Index(None, "state", "done_at"),
        Index(
            "ix_webhook_deliveries_waiting",
            "next_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )


class NoticeSettings(Base):
    """How somebody wants to be told; without a row, in the product only."""

    __tablename__ = "notice_settings"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    mail: Mapped[bool]
    language: Mapped[Language] = mapped_column(word(Language))


class NoticeLetter(Base):
    """A notice that is to be mailed, until a mail server took it or it was given up."""

    __tablename__ = "notice_letters"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notices.id", ondelete="CASCADE"), unique=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    state: Mapped[DeliveryState] = mapped_column(word(DeliveryState))
    attempts: Mapped[int]
    created_at: Mapped[dt.datetime]
    next_at: Mapped[dt.datetime]  # while it is being sent, when the attempt counts as lost
    done_at: Mapped[dt.datetime | None]
    problem: Mapped[str | None] = mapped_column(String(100))

    __table_args__ = (
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        CheckConstraint("(state = 'waiting') = (done_at IS NULL)", name="done_or_waiting"),
        Index(
            "ix_notice_letters_waiting",
            "next_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )
