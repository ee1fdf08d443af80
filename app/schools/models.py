"""Tables of org units and rooms.

The database lets no lesson take place in a room from the day on which it is closed: neither by a lesson nor by closing
(triggers, see the migrations). For a pupil group it is the same.
"""

import datetime as dt
import uuid

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, new_id, word
from app.schools.rules import Coordinates, OrgUnitKind, RoomKind
from app.versions import Versioned


class OrgUnit(Versioned, Base):
    """A county or a unit below it. Its place in the tree never changes."""

    __tablename__ = "org_units"
    __table_args__ = (
        UniqueConstraint("county_id", "code"),
        # Two counties have different codes; below them a code is unique in the county only.
        Index(
            "uq_org_units_county_code",
            "code",
            unique=True,
            sqlite_where=text("kind = 'county'"),
            postgresql_where=text("kind = 'county'"),
        ),
        CheckConstraint("(kind = 'county') = (parent_id IS NULL)", name="only_counties_are_roots"),
        CheckConstraint("kind <> 'county' OR time_zone IS NOT NULL", name="counties_have_a_time_zone"),
        CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude_possible"),
        CheckConstraint(
            "(latitude IS NULL) = (longitude IS NULL) AND coalesce(longitude, 0) BETWEEN -180 AND 180",
            name="longitude_possible",
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[OrgUnitKind] = mapped_column(word(OrgUnitKind))
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("org_units.id"), index=True)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"), index=True)
    code: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(200))
    path: Mapped[str] = mapped_column(String(255), index=True)
    time_zone: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(200))
    latitude: Mapped[float | None]  # degrees (WGS 84), with the longitude or not at all
    longitude: Mapped[float | None]
    closed_from: Mapped[dt.date | None]  # the first day on which it is no more

    @property
    def coordinates(self) -> Coordinates | None:
        """Where it is, if that is known."""
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude


class Room(Versioned, Base):
    """A room with the equipment to send or receive lessons."""

    __tablename__ = "rooms"
    __table_args__ = (
        UniqueConstraint("org_unit_id", "code"),
        CheckConstraint("link_mbps_declared > 0", name="link_is_positive"),
        CheckConstraint("seats BETWEEN 1 AND 10000", name="seats_possible"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    org_unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"))
    kind: Mapped[RoomKind] = mapped_column(word(RoomKind))
    code: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(200))
    link_mbps_declared: Mapped[float | None]
    equipment: Mapped[str | None] = mapped_column(Text)  # in words
    equipment_kinds: Mapped[list[str]] = mapped_column(JSON, default=list)  # of `EquipmentKind`, sorted
    seats: Mapped[int | None]
    closed_from: Mapped[dt.date | None]  # the first day on which no lesson can be there


class TaughtSubject(Versioned, Base):
    """A subject of a county's list; timetables, agreements and the curriculum name it by its code."""

    __tablename__ = "subjects"
    __table_args__ = (
        UniqueConstraint("county_id", "code"),
        UniqueConstraint("county_id", "name_zh"),
        UniqueConstraint("county_id", "name_en"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"))
    code: Mapped[str] = mapped_column(String(50))  # never changes
    name_zh: Mapped[str] = mapped_column(String(50))
    name_en: Mapped[str] = mapped_column(String(50))


class PupilGroup(Versioned, Base):
    """Pupils who have their lessons together: a class, or a combined one of several grades at a small site."""

    __tablename__ = "pupil_groups"
    __table_args__ = (
        # A class that left keeps its name, and leaves it to another one.
        Index(
            "uq_pupil_groups_org_unit_id_name",
            "org_unit_id",
            "name",
            unique=True,
            sqlite_where=text("closed_from IS NULL"),
            postgresql_where=text("closed_from IS NULL"),
        ),
        CheckConstraint("headcount >= 0", name="headcount_not_negative"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    org_unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"))
    name: Mapped[str] = mapped_column(String(100))
    grades: Mapped[list[int]] = mapped_column(JSON)
    headcount: Mapped[int]
    closed_from: Mapped[dt.date | None]  # the first day on which no lesson can be for it
