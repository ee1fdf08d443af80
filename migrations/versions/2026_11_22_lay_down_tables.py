"""Lay down schools, accounts, pairings, timetables and lessons."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_1"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLES = (
    "org_units",
    "rooms",
    "people",
    "assignments",
    "pairings",
    "terms",
    "bell_schedules",
    "periods",
    "timetable_entries",
    "timetable_entry_sites",
    "lessons",
    "lesson_sites",
)


def upgrade() -> None:
    _create_schools()
    _create_accounts()
    _create_pairings()
    _create_calendar()
    _create_timetable()
    _create_lessons()
    _create_lesson_sites()


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


def _word(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=20)


def _create_schools() -> None:
    op.create_table(
        "org_units",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind", _word("orgunitkind", "county", "township", "school", "teaching_site"), nullable=False
        ),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(kind = 'county') = (parent_id IS NULL)", name=op.f("ck_org_units_only_counties_are_roots")
        ),
        sa.CheckConstraint(
            "kind <> 'county' OR time_zone IS NOT NULL", name=op.f("ck_org_units_counties_have_a_time_zone")
        ),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_org_units_county_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["org_units.id"], name=op.f("fk_org_units_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_org_units")),
        sa.UniqueConstraint("county_id", "code", name=op.f("uq_org_units_county_id_code")),
    )
    op.create_index(op.f("ix_org_units_county_id"), "org_units", ["county_id"])
    op.create_index(op.f("ix_org_units_parent_id"), "org_units", ["parent_id"])
    op.create_index(op.f("ix_org_units_path"), "org_units", ["path"])
    op.create_index(
        "uq_org_units_county_code",
        "org_units",
        ["code"],
        unique=True,
        sqlite_where=sa.text("kind = 'county'"),
        postgresql_where=sa.text("kind = 'county'"),
    )
    op.create_table(
        "rooms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_unit_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _word("roomkind", "main", "receiving", "recording"), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("link_mbps_declared", sa.Double(), nullable=True),
        sa.Column("equipment", sa.Text(), nullable=True),
        sa.CheckConstraint("link_mbps_declared > 0", name=op.f("ck_rooms_link_is_positive")),
        sa.ForeignKeyConstraint(["org_unit_id"], ["org_units.id"], name=op.f("fk_rooms_org_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rooms")),
        sa.UniqueConstraint("org_unit_id", "code", name=op.f("uq_rooms_org_unit_id_code")),
    )


def _create_accounts() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_people_county_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("login", name=op.f("uq_people_login")),
    )
    op.create_index(op.f("ix_people_county_id"), "people", ["county_id"])
    op.create_table(
        "assignments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role", _word("role", "bureau_admin", "school_admin", "teacher", "site_assistant"), nullable=False
        ),
        sa.Column("org_unit_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_assignments_days_in_order")
        ),
        sa.ForeignKeyConstraint(["org_unit_id"], ["org_units.id"], name=op.f("fk_assignments_org_unit_id")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_assignments_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
    )
    op.create_index(op.f("ix_assignments_org_unit_id_role"), "assignments", ["org_unit_id", "role"])
    op.create_index(op.f("ix_assignments_person_id"), "assignments", ["person_id"])


def _create_pairings() -> None:
    op.create_table(
        "pairings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("main_room_id", sa.Uuid(), nullable=False),
        sa.Column("receiving_room_id", sa.Uuid(), nullable=False),
        sa.Column("subjects", sa.JSON(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            _word(
                "pairingstate", "proposed", "accepted", "approved", "active", "suspended", "ended", "renewed"
            ),
            nullable=False,
        ),
        sa.CheckConstraint("capacity >= 1", name=op.f("ck_pairings_capacity_positive")),
        sa.CheckConstraint("valid_from <= valid_to", name=op.f("ck_pairings_days_in_order")),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_pairings_county_id")),
        sa.ForeignKeyConstraint(["main_room_id"], ["rooms.id"], name=op.f("fk_pairings_main_room_id")),
        sa.ForeignKeyConstraint(
            ["receiving_room_id"], ["rooms.id"], name=op.f("fk_pairings_receiving_room_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairings")),
    )
    op.create_index(op.f("ix_pairings_county_id"), "pairings", ["county_id"])
    op.create_index(
        op.f("ix_pairings_main_room_id_receiving_room_id"), "pairings", ["main_room_id", "receiving_room_id"]
    )
    op.create_index(op.f("ix_pairings_receiving_room_id"), "pairings", ["receiving_room_id"])


def _create_calendar() -> None:
    op.create_table(
        "terms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_terms_days_in_order")),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_terms_county_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terms")),
        sa.UniqueConstraint("county_id", "name", name=op.f("uq_terms_county_id_name")),
    )
    op.create_table(
        "bell_schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_unit_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.CheckConstraint("valid_from <= valid_to", name=op.f("ck_bell_schedules_days_in_order")),
        sa.ForeignKeyConstraint(
            ["org_unit_id"], ["org_units.id"], name=op.f("fk_bell_schedules_org_unit_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bell_schedules")),
    )
    op.create_index(
        op.f("ix_bell_schedules_org_unit_id_valid_from"), "bell_schedules", ["org_unit_id", "valid_from"]
    )
    op.create_table(
        "periods",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bell_schedule_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.Time(), nullable=False),
        sa.Column("ends_at", sa.Time(), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_periods_number_positive")),
        sa.ForeignKeyConstraint(
            ["bell_schedule_id"],
            ["bell_schedules.id"],
            name=op.f("fk_periods_bell_schedule_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_periods")),
        sa.UniqueConstraint("bell_schedule_id", "number", name=op.f("uq_periods_bell_schedule_id_number")),
    )


def _create_timetable() -> None:
    op.create_table(
        "timetable_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("term_id", sa.Uuid(), nullable=False),
        sa.Column("main_room_id", sa.Uuid(), nullable=False),
        sa.Column("teacher_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=50), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("mode", _word("lessonmode", "synchronous", "dedicated", "event"), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_timetable_entries_days_in_order")),
        sa.CheckConstraint("period >= 1", name=op.f("ck_timetable_entries_period_positive")),
        sa.CheckConstraint("weekday BETWEEN 1 AND 7", name=op.f("ck_timetable_entries_weekday_known")),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_timetable_entries_county_id")),
        sa.ForeignKeyConstraint(
            ["main_room_id"], ["rooms.id"], name=op.f("fk_timetable_entries_main_room_id")
        ),
        sa.ForeignKeyConstraint(["teacher_id"], ["people.id"], name=op.f("fk_timetable_entries_teacher_id")),
        sa.ForeignKeyConstraint(["term_id"], ["terms.id"], name=op.f("fk_timetable_entries_term_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timetable_entries")),
    )
    op.create_index(op.f("ix_timetable_entries_county_id"), "timetable_entries", ["county_id"])
    op.create_index(op.f("ix_timetable_entries_main_room_id"), "timetable_entries", ["main_room_id"])
    op.create_index(op.f("ix_timetable_entries_teacher_id"), "timetable_entries", ["teacher_id"])
    op.create_index(op.f("ix_timetable_entries_term_id"), "timetable_entries", ["term_id"])
    op.create_table(
        "timetable_entry_sites",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("receiving_room_id", sa.Uuid(), nullable=False),
        sa.Column("pairing_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["timetable_entries.id"],
            name=op.f("fk_timetable_entry_sites_entry_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pairing_id"], ["pairings.id"], name=op.f("fk_timetable_entry_sites_pairing_id")
        ),
        sa.ForeignKeyConstraint(
            ["receiving_room_id"], ["rooms.id"], name=op.f("fk_timetable_entry_sites_receiving_room_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", "receiving_room_id", name=op.f("pk_timetable_entry_sites")),
    )
    op.create_index(op.f("ix_timetable_entry_sites_pairing_id"), "timetable_entry_sites", ["pairing_id"])
    op.create_index(
        op.f("ix_timetable_entry_sites_receiving_room_id"), "timetable_entry_sites", ["receiving_room_id"]
    )


def _create_lessons() -> None:
    op.create_table(
        "lessons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("term_id", sa.Uuid(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("teacher_id", sa.Uuid(), nullable=False),
        sa.Column("substitute_for", sa.Uuid(), nullable=True),
        sa.Column("main_room_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=50), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("mode", _word("lessonmode", "synchronous", "dedicated", "event"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            _word(
                "lessonstate",
                "draft",
                "published",
                "preparing",
                "live",
                "interrupted",
                "ended",
                "archived",
                "cancelled",
                "moved",
                "missed",
            ),
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(length=200), nullable=True),
        sa.Column("went_live_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_lessons_times_in_order")),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_lessons_county_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["timetable_entries.id"], name=op.f("fk_lessons_entry_id")),
        sa.ForeignKeyConstraint(["main_room_id"], ["rooms.id"], name=op.f("fk_lessons_main_room_id")),
        sa.ForeignKeyConstraint(["school_id"], ["org_units.id"], name=op.f("fk_lessons_school_id")),
        sa.ForeignKeyConstraint(["substitute_for"], ["people.id"], name=op.f("fk_lessons_substitute_for")),
        sa.ForeignKeyConstraint(["teacher_id"], ["people.id"], name=op.f("fk_lessons_teacher_id")),
        sa.ForeignKeyConstraint(["term_id"], ["terms.id"], name=op.f("fk_lessons_term_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lessons")),
        sa.UniqueConstraint("id", "starts_at", "ends_at", name=op.f("uq_lessons_id_starts_at_ends_at")),
    )
    op.create_index(op.f("ix_lessons_county_id_starts_at"), "lessons", ["county_id", "starts_at"])
    op.create_index(op.f("ix_lessons_entry_id"), "lessons", ["entry_id"])
    op.create_index(op.f("ix_lessons_main_room_id_starts_at"), "lessons", ["main_room_id", "starts_at"])
    op.create_index(op.f("ix_lessons_school_id_starts_at"), "lessons", ["school_id", "starts_at"])
    op.create_index(op.f("ix_lessons_state_starts_at"), "lessons", ["state", "starts_at"])
    op.create_index(op.f("ix_lessons_teacher_id_starts_at"), "lessons", ["teacher_id", "starts_at"])
    op.create_index(op.f("ix_lessons_term_id"), "lessons", ["term_id"])


def _create_lesson_sites() -> None:
    op.create_table(
        "lesson_sites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("pairing_id", sa.Uuid(), nullable=False),
        sa.Column("receiving_room_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("site_code", sa.String(length=32), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            _word(
                "sitestate",
                "invited",
                "confirmed",
                "checking",
                "ready",
                "degraded",
                "unreachable",
                "joined",
                "reconnecting",
                "left",
                "roll_submitted",
                "delivered",
                "caught_up",
                "missed",
                "cancelled",
            ),
            nullable=False,
        ),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["lesson_id", "starts_at", "ends_at"],
            ["lessons.id", "lessons.starts_at", "lessons.ends_at"],
            name=op.f("fk_lesson_sites_lesson_id_starts_at_ends_at"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["pairing_id"], ["pairings.id"], name=op.f("fk_lesson_sites_pairing_id")),
        sa.ForeignKeyConstraint(
            ["receiving_room_id"], ["rooms.id"], name=op.f("fk_lesson_sites_receiving_room_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["org_units.id"], name=op.f("fk_lesson_sites_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_sites")),
        sa.UniqueConstraint(
            "lesson_id", "receiving_room_id", name=op.f("uq_lesson_sites_lesson_id_receiving_room_id")
        ),
        sa.UniqueConstraint("lesson_id", "site_code", name=op.f("uq_lesson_sites_lesson_id_site_code")),
    )
    op.create_index(op.f("ix_lesson_sites_pairing_id"), "lesson_sites", ["pairing_id"])
    op.create_index(
        op.f("ix_lesson_sites_receiving_room_id_starts_at"),
        "lesson_sites",
        ["receiving_room_id", "starts_at"],
    )
    op.create_index(op.f("ix_lesson_sites_site_id_starts_at"), "lesson_sites", ["site_id", "starts_at"])
