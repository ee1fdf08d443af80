"""Plan by weeks and pupil groups, keep drafts apart, and remember what changed.

SQLite cannot add a constraint to a table, and rebuilding one would lose its triggers; new columns there bring
their constraints along.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_planning"
down_revision: str | None = "20261122_unlock"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_RULE = "ex_lesson_groups_pupil_group"
_TIMES = ("starts_at", "ends_at")
_KINDS = (
    "published", "planned", "cancelled", "moved", "edited", "substituted", "rooms_changed", "site_added",
    "site_dropped", "made_up",
)  # fmt: skip


def upgrade() -> None:
    _widen_entries()
    _widen_lessons()
    _create_groups()
    _create_changes()


def downgrade() -> None:
    op.drop_table("lesson_changes")
    op.drop_table("lesson_groups")  # with its rule
    op.drop_table("timetable_entry_groups")
    for name in ("uq_lessons_calendar_uid", "ix_lessons_moved_from_id", "uq_lessons_makes_up_id"):
        op.drop_index(name, "lessons")
    for column in ("calendar_uid", "moved_from_id", "makes_up_id"):
        op.drop_column("lessons", column)
    with op.batch_alter_table("timetable_entries") as table:
        # SQLite keeps a column that a constraint names, and a later revision may have rebuilt the table.
        table.drop_constraint(op.f("ck_timetable_entries_weekpattern"), type_="check")
        for column in ("week_pattern", "weeks", "published", "withdrawn"):
            table.drop_column(column)


def _postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _widen_entries() -> None:
    check = "CHECK (week_pattern IN ('every', 'odd', 'even', 'listed'))"
    op.execute(
        "ALTER TABLE timetable_entries ADD COLUMN week_pattern VARCHAR(20) NOT NULL DEFAULT 'every' "
        f"CONSTRAINT ck_timetable_entries_weekpattern {check}"
    )
    op.add_column("timetable_entries", sa.Column("weeks", sa.JSON(), server_default="[]", nullable=False))
    for column, default in (("published", sa.true()), ("withdrawn", sa.false())):
        op.add_column(
            "timetable_entries", sa.Column(column, sa.Boolean(), server_default=default, nullable=False)
        )


def _widen_lessons() -> None:
    nobody = "00000000000000000000000000000000"
    op.add_column("lessons", sa.Column("calendar_uid", sa.Uuid(), server_default=nobody, nullable=False))
    op.execute("UPDATE lessons SET calendar_uid = id")
    if _postgresql():
        op.alter_column("lessons", "calendar_uid", server_default=None)
    for column in ("moved_from_id", "makes_up_id"):
        kind = "UUID" if _postgresql() else "CHAR(32)"
        op.execute(
            f"ALTER TABLE lessons ADD COLUMN {column} {kind} "
            f"CONSTRAINT fk_lessons_{column} REFERENCES lessons (id)"
        )
    op.create_index(op.f("ix_lessons_moved_from_id"), "lessons", ["moved_from_id"])
    for column, where in (
        ("calendar_uid", sa.text("state <> 'moved'")),
        ("makes_up_id", sa.text("state NOT IN ('cancelled', 'moved')")),
    ):
        op.create_index(
            f"uq_lessons_{column}",
            "lessons",
            [column],
            unique=True,
            sqlite_where=where,
            postgresql_where=where,
        )


def _create_groups() -> None:
    op.create_table(
        "timetable_entry_groups",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("pupil_group_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["timetable_entries.id"],
            name=op.f("fk_timetable_entry_groups_entry_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pupil_group_id"], ["pupil_groups.id"], name=op.f("fk_timetable_entry_groups_pupil_group_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", "pupil_group_id", name=op.f("pk_timetable_entry_groups")),
    )
    op.create_index(
        op.f("ix_timetable_entry_groups_pupil_group_id"), "timetable_entry_groups", ["pupil_group_id"]
    )
    op.create_table(
        "lesson_groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("pupil_group_id", sa.Uuid(), nullable=False),
        sa.Column("org_unit_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lesson_id", *_TIMES],
            ["lessons.id", "lessons.starts_at", "lessons.ends_at"],
            name=op.f("fk_lesson_groups_lesson_id_starts_at_ends_at"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pupil_group_id"], ["pupil_groups.id"], name=op.f("fk_lesson_groups_pupil_group_id")
        ),
        sa.ForeignKeyConstraint(["org_unit_id"], ["org_units.id"], name=op.f("fk_lesson_groups_org_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_groups")),
        sa.UniqueConstraint(
            "lesson_id", "pupil_group_id", name=op.f("uq_lesson_groups_lesson_id_pupil_group_id")
        ),
    )
    op.create_index(
        op.f("ix_lesson_groups_pupil_group_id_starts_at"), "lesson_groups", ["pupil_group_id", "starts_at"]
    )
    op.create_index(op.f("ix_lesson_groups_org_unit_id"), "lesson_groups", ["org_unit_id"])
    for statement in _rule():
        op.execute(statement)


def _rule() -> list[str]:
    """No pupil group is in two lessons at once: an exclusion constraint, or triggers of the same name."""
    if _postgresql():
        return [
            f"ALTER TABLE lesson_groups ADD CONSTRAINT {_RULE} EXCLUDE USING gist "
            "(pupil_group_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&) WHERE (NOT released)"
        ]
    columns = "pupil_group_id, starts_at, ends_at, released"
    return [
        f"CREATE TRIGGER {_RULE}_{name} BEFORE {event} ON lesson_groups WHEN NOT NEW.released BEGIN "
        f"SELECT RAISE(ABORT, '{_RULE}') WHERE EXISTS (SELECT 1 FROM lesson_groups "
        "WHERE pupil_group_id = NEW.pupil_group_id AND id <> NEW.id AND starts_at < NEW.ends_at "
        "AND ends_at > NEW.starts_at AND NOT released); END"
        for name, event in (("insert", "INSERT"), ("update", f"UPDATE OF {columns}"))
    ]


def _create_changes() -> None:
    waiting = sa.text("taken_at IS NULL")
    kind = sa.Enum(*_KINDS, name="changekind", native_enum=False, create_constraint=True, length=20)
    op.create_table(
        "lesson_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("lesson_id", sa.Uuid(), nullable=True),
        sa.Column("act_id", sa.Uuid(), nullable=False),
        sa.Column("kind", kind, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "entry_id IS NOT NULL OR lesson_id IS NOT NULL", name=op.f("ck_lesson_changes_about_something")
        ),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_lesson_changes_county_id")),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["timetable_entries.id"], name=op.f("fk_lesson_changes_entry_id")
        ),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_lesson_changes_lesson_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_lesson_changes_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_changes")),
    )
    op.create_index(op.f("ix_lesson_changes_lesson_id"), "lesson_changes", ["lesson_id"])
    op.create_index(op.f("ix_lesson_changes_entry_id"), "lesson_changes", ["entry_id"])
    op.create_index(
        "ix_lesson_changes_waiting",
        "lesson_changes",
        ["at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
