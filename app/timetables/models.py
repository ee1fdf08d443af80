"""Tables of terms, bell schedules and weekly timetable entries.

Two terms of a county, and two bell schedules of an org unit, never share a day: the database refuses it
(exclusion constraints on PostgreSQL, triggers on SQLite, see the migrations). It keeps a
timetable within its term, too.
"""

import datetime as dt
from uuid import UUID

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, new_id, word
from app.timetables.calendar import MONDAY_TO_FRIDAY, DayKind
from app.timetables.curriculum_rules import Periods
from app.timetables.rules import Bell, LessonMode
from app.timetables.weeks import WeekPattern
from app.versions import Versioned


class ListVersion(Versioned, Base):
    """How often something that is many rows was changed; `list_versions` says of what the ids are made."""

    __tablename__ = "list_versions"

    id: Mapped[UUID] = mapped_column(primary_key=True)


class Term(Versioned, Base):
    """A stretch of the school year for which a county plans."""

    __tablename__ = "terms"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    name: Mapped[str] = mapped_column(String(100))
    first_day: Mapped[dt.date]
    last_day: Mapped[dt.date]
    weekdays: Mapped[list[int]] = mapped_column(JSON, default=sorted(MONDAY_TO_FRIDAY))  # with lessons

    __table_args__ = (
        UniqueConstraint("county_id", "name"),
        CheckConstraint("first_day <= last_day", name="days_in_order"),
    )


class CalendarDay(Base):
    """A day on which a county's schools do something else than their term's weekdays say."""

    __tablename__ = "calendar_days"

    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"), primary_key=True)
    date: Mapped[dt.date] = mapped_column(primary_key=True)
    kind: Mapped[DayKind] = mapped_column(word(DayKind))
    follows_weekday: Mapped[int | None]  # of a make-up day: whose timetable it follows; Monday is 1
    name: Mapped[str | None] = mapped_column(String(100))

    __table_args__ = (
        CheckConstraint("(kind = 'make_up_day') = (follows_weekday IS NOT NULL)", name="make_up_days_follow"),
        CheckConstraint("follows_weekday BETWEEN 1 AND 7", name="weekday_known"),
    )


class Headcount(Base):
    """How many pupils of a grade a school or teaching site has in a term. Of default data, nothing more is kept.

    The database refuses a count for a unit of another county, or one that has no pupils (triggers, see the
    migrations).
    """

    __tablename__ = "headcounts"

    term_id: Mapped[UUID] = mapped_column(ForeignKey("terms.id"), primary_key=True)
    org_unit_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"), primary_key=True)
    grade: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pupils: Mapped[int]

    __table_args__ = (
        CheckConstraint("grade BETWEEN 1 AND 12", name="grade_known"),
        CheckConstraint("pupils BETWEEN 0 AND 10000", name="pupils_possible"),
        Index(None, "org_unit_id"),
    )


class CurriculumRequirement(Base):
    """How many periods a week a grade has to have in a subject, in a county or where a unit below differs from it.

    The database refuses one for a unit of another county than its term's (triggers, see the migrations).
    """

    __tablename__ = "curriculum_requirements"

    term_id: Mapped[UUID] = mapped_column(ForeignKey("terms.id"), primary_key=True)
    org_unit_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"), primary_key=True)
    grade: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(String(50), primary_key=True)
    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    periods_per_week: Mapped[float]
    own_periods: Mapped[float] = mapped_column(default=0)  # of them, given by the unit's own teachers

    @property
    def periods(self) -> Periods:
        """Both numbers, as the rules see them."""
        return Periods(self.periods_per_week, self.own_periods)

    __table_args__ = (
        ForeignKeyConstraint(["county_id", "subject"], ["subjects.county_id", "subjects.code"]),
        CheckConstraint("grade BETWEEN 1 AND 12", name="grade_known"),
        CheckConstraint("periods_per_week BETWEEN 0 AND 40", name="periods_possible"),
        CheckConstraint("own_periods BETWEEN 0 AND periods_per_week", name="own_within"),
        Index(None, "org_unit_id"),
        Index(None, "county_id", "subject"),
    )


class BellSchedule(Versioned, Base):
    """The bells of an org unit, and of everything below it that has none of its own, for some days."""

    __tablename__ = "bell_schedules"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_unit_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    name: Mapped[str] = mapped_column(String(100))
    valid_from: Mapped[dt.date]
    valid_to: Mapped[dt.date]

    periods: Mapped[list["Period"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", passive_deletes=True, order_by="Period.number"
    )

    @property
    def bells(self) -> dict[int, Bell]:
        """Its periods by number, as the rules see them."""
        return {each.number: Bell(each.starts_at, each.ends_at) for each in self.periods}

    __table_args__ = (
        CheckConstraint("valid_from <= valid_to", name="days_in_order"),
        Index(None, "org_unit_id", "valid_from"),
    )


class Period(Base):
    """A numbered bell slot in local time; an end of 00:00 is the midnight that ends the day."""

    __tablename__ = "periods"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    bell_schedule_id: Mapped[UUID] = mapped_column(ForeignKey("bell_schedules.id", ondelete="CASCADE"))
    number: Mapped[int]
    starts_at: Mapped[dt.time]
    ends_at: Mapped[dt.time]

    __table_args__ = (
        UniqueConstraint("bell_schedule_id", "number"),
        CheckConstraint("number >= 1", name="number_positive"),
    )


class TimetableEntry(Versioned, Base):
    """The weekly pattern of a lesson: who teaches what, where, on which weekday and period, how long."""

    __tablename__ = "timetable_entries"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[UUID] = mapped_column(ForeignKey("org_units.id"))
    term_id: Mapped[UUID] = mapped_column(ForeignKey("terms.id"))
    main_room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id"))
    teacher_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    subject: Mapped[str] = mapped_column(String(50))
    title: Mapped[str] = mapped_column(String(200))
    weekday: Mapped[int]  # Monday is 1, Sunday is 7
    period: Mapped[int]  # a number, because the bells behind it change with the season
    mode: Mapped[LessonMode] = mapped_column(word(LessonMode))
    first_day: Mapped[dt.date]
    last_day: Mapped[dt.date]
    week_pattern: Mapped[WeekPattern] = mapped_column(word(WeekPattern), default=WeekPattern.EVERY)
    weeks: Mapped[list[int]] = mapped_column(JSON, default=list)  # of the term, for the pattern `listed`
    published: Mapped[bool] = mapped_column(default=True)
    withdrawn: Mapped[bool] = mapped_column(default=False)  # gives no lessons any more; kept for its old ones

    groups: Mapped[list["TimetableEntryGroup"]] = relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="TimetableEntryGroup.pupil_group_id",
    )
    sites: Mapped[list["TimetableEntrySite"]] = relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="TimetableEntrySite.receiving_room_id",
    )

    @property
    def pupil_group_ids(self) -> list[UUID]:
        """The pupils it teaches."""
        return [group.pupil_group_id for group in self.groups]

    __table_args__ = (
        ForeignKeyConstraint(["county_id", "subject"], ["subjects.county_id", "subjects.code"]),
        CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday_known"),
        CheckConstraint("period >= 1", name="period_positive"),
        CheckConstraint("first_day <= last_day", name="days_in_order"),
        Index(None, "county_id"),
        Index(None, "term_id"),
        Index(None, "main_room_id"),
        Index(None, "teacher_id"),
    )


class TimetableEntrySite(Base):
    """A receiving room that an entry's lessons reach, and the agreement that allows it."""

    __tablename__ = "timetable_entry_sites"

    entry_id: Mapped[UUID] = mapped_column(
        ForeignKey("timetable_entries.id", ondelete="CASCADE"), primary_key=True
    )
    receiving_room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id"), primary_key=True)
    pairing_id: Mapped[UUID] = mapped_column(ForeignKey("pairings.id"))

    __table_args__ = (Index(None, "pairing_id"), Index(None, "receiving_room_id"))


class TimetableEntryGroup(Base):
    """Pupils whom an entry's lessons teach, of the main school or of a site."""

    __tablename__ = "timetable_entry_groups"

    entry_id: Mapped[UUID] = mapped_column(
        ForeignKey("timetable_entries.id", ondelete="CASCADE"), primary_key=True
    )
    pupil_group_id: Mapped[UUID] = mapped_column(ForeignKey("pupil_groups.id"), primary_key=True)

    __table_args__ = (Index(None, "pupil_group_id"),)
