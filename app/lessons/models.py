"""Tables of lessons and of the teaching sites' parts in them.

The database itself refuses two lessons at once for a teacher, a main room, a receiving room or a pupil group:
exclusion constraints on PostgreSQL, triggers of the same names on SQLite (`OVERLAP_RULES`, see the migrations).
Intervals are half-open; cancelled and moved lessons hold nothing. What else it refuses is listed in
`docs/architecture.md`, and tried in `tests/app/lessons/test_invariants.py`.
"""

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, new_id, word
from app.lessons.rules import ChangeKind, LessonState, SiteState
from app.timetables.rules import LessonMode
from app.versions import Versioned

OVERLAP_RULES = frozenset(
    {
        "ex_lessons_teacher",
        "ex_lessons_main_room",
        "ex_lesson_sites_receiving_room",
        "ex_lesson_groups_pupil_group",
    }
)


def _own_id(context: Any) -> UUID:
    """A new lesson's place in people's calendars is its own; one it moves to takes that over."""
    return UUID(str(context.get_current_parameters()["id"]))


class Lesson(Versioned, Base):
    """One dated occurrence, of a timetable entry or by itself."""

    __tablename__ = "lessons"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    school_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))  # the main room's, when planned
    entry_id: Mapped[UUID | None] = mapped_column(ForeignKey("timetable_entries.id"))
    term_id: Mapped[UUID] = mapped_column(ForeignKey("terms.id"))
    date: Mapped[dt.date]  # the school's local date
    period: Mapped[int]
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    teacher_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))  # whoever really teaches
    substitute_for: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    main_room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id"))
    subject: Mapped[str] = mapped_column(String(50))
    title: Mapped[str] = mapped_column(String(200))
    mode: Mapped[LessonMode] = mapped_column(word(LessonMode))
    sequence: Mapped[int] = mapped_column(default=0)  # grows with every edit after publication
    # The sequence of the edit before: triggers write it, and let no two edits share a number.
    last_edit: Mapped[int] = mapped_column(default=0, server_default=text("0"), deferred=True)
    state: Mapped[LessonState] = mapped_column(word(LessonState), default=LessonState.PUBLISHED)
    state_reason: Mapped[str | None] = mapped_column(String(200))
    went_live_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    live_since: Mapped[dt.datetime | None]  # while it is on the air
    live_seconds: Mapped[int] = mapped_column(
        default=0, server_default=text("0")
    )  # until then, in its planned time
    calendar_uid: Mapped[UUID] = mapped_column(default=_own_id)  # stays when a lesson moves
    moved_from_id: Mapped[UUID | None] = mapped_column(ForeignKey("lessons.id"))
    makes_up_id: Mapped[UUID | None] = mapped_column(ForeignKey("lessons.id"))

    groups: Mapped[list["LessonGroup"]] = relationship(
        primaryjoin="Lesson.id == foreign(LessonGroup.lesson_id)",
        lazy="raise",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="LessonGroup.pupil_group_id",
    )
    # A site that shares a lesson's times follows them by the foreign key, so the join needs the id only.
    sites: Mapped[list["LessonSite"]] = relationship(
        primaryjoin="Lesson.id == foreign(LessonSite.lesson_id)",
        lazy="raise",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="LessonSite.site_code",
    )

    __table_args__ = (
        UniqueConstraint("id", "starts_at", "ends_at"),  # what lesson_sites refers to
        CheckConstraint("starts_at < ends_at", name="times_in_order"),
        Index(None, "county_id", "starts_at"),
        Index(None, "school_id", "starts_at"),
        Index(None, "teacher_id", "starts_at"),
        Index(None, "main_room_id", "starts_at"),
        Index(None, "state", "starts_at"),
        Index(None, "entry_id"),
        Index(None, "term_id"),
        Index(None, "moved_from_id"),
        # A lesson is made up for once.
        Index(
            "uq_lessons_makes_up_id",
            "makes_up_id",
            unique=True,
            sqlite_where=text("state NOT IN ('cancelled', 'moved')"),
            postgresql_where=text("state NOT IN ('cancelled', 'moved')"),
        ),
        # In people's calendars a lesson that moved and the one it moved to are one and the same.
        Index(
            "uq_lessons_calendar_uid",
            "calendar_uid",
            unique=True,
            sqlite_where=text("state <> 'moved'"),
            postgresql_where=text("state <> 'moved'"),
        ),
    )


class LessonSite(Base):
    """A teaching site's part in one lesson: the heart of all reporting.

    The times are the lesson's. They are kept here as well, because no exclusion rule can look into another
    table; the foreign key over all three columns makes the copy follow every change.
    """

    __tablename__ = "lesson_sites"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    lesson_id: Mapped[UUID]
    pairing_id: Mapped[UUID] = mapped_column(ForeignKey("pairings.id"))
    receiving_room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id"))
    site_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    site_code: Mapped[str] = mapped_column(String(32))  # names the stream; stays when the unit is renumbered
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    state: Mapped[SiteState] = mapped_column(word(SiteState), default=SiteState.INVITED)
    joined_at: Mapped[dt.datetime | None]
    left_at: Mapped[dt.datetime | None]
    received_since: Mapped[dt.datetime | None]  # while it is there and the lesson is on the air
    received_seconds: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # likewise

    __table_args__ = (
        ForeignKeyConstraint(
            ["lesson_id", "starts_at", "ends_at"],
            ["lessons.id", "lessons.starts_at", "lessons.ends_at"],
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        UniqueConstraint("lesson_id", "receiving_room_id"),
        UniqueConstraint("lesson_id", "site_code"),
        Index(None, "receiving_room_id", "starts_at"),
        Index(None, "site_id", "starts_at"),
        Index(None, "pairing_id"),
    )


class LessonGroup(Base):
    """Pupils whom a lesson teaches, with its times for the same reason as `LessonSite`."""

    __tablename__ = "lesson_groups"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    lesson_id: Mapped[UUID]
    pupil_group_id: Mapped[UUID] = mapped_column(ForeignKey("pupil_groups.id"))
    org_unit_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))  # the main school or a site
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    released: Mapped[bool] = mapped_column(default=False)  # the lesson or its site will not take place

    __table_args__ = (
        ForeignKeyConstraint(
            ["lesson_id", "starts_at", "ends_at"],
            ["lessons.id", "lessons.starts_at", "lessons.ends_at"],
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        UniqueConstraint("lesson_id", "pupil_group_id"),
        Index(None, "pupil_group_id", "starts_at"),
        # All that is counted of a term's lessons: reports find the groups of a lesson and a unit in it alone.
        Index("ix_lesson_groups_at_unit", "lesson_id", "org_unit_id", "pupil_group_id", "released"),
    )


class LessonChange(Base):
    """What happened to a published lesson, or to all of an entry: what people have to be told.

    Written in the transaction of the change itself, taken by whoever tells them.
    """

    __tablename__ = "lesson_changes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    entry_id: Mapped[UUID | None] = mapped_column(ForeignKey("timetable_entries.id"))
    lesson_id: Mapped[UUID | None] = mapped_column(ForeignKey("lessons.id"))
    act_id: Mapped[UUID]  # shared by everything that one act changed
    kind: Mapped[ChangeKind] = mapped_column(word(ChangeKind))
    sequence: Mapped[int]  # of the lesson, after the change
    at: Mapped[dt.datetime]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    reason: Mapped[str | None] = mapped_column(String(200))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    taken_at: Mapped[dt.datetime | None]

    __table_args__ = (
        CheckConstraint("entry_id IS NOT NULL OR lesson_id IS NOT NULL", name="about_something"),
        Index(None, "lesson_id"),
        Index(None, "entry_id"),
        Index(
            "ix_lesson_changes_waiting",
            "at",
            sqlite_where=text("taken_at IS NULL"),
            postgresql_where=text("taken_at IS NULL"),
        ),
    )
