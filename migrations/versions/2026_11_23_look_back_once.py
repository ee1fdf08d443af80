"""Let SQLite's triggers against overlaps look at one earlier row instead of all.

Rows of one resource that count never overlap each other, so of those that begin before a new one ends only the last
can reach into it. A teacher has hundreds a term, and each was looked at whenever a lesson was written. PostgreSQL has
exclusion constraints, which know that.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "20261123_look_back"
down_revision: str | None = "20261123_cut"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_LESSON = "{row}state NOT IN ('cancelled', 'moved')"
_SITE = "{row}state NOT IN ('cancelled')"
_GROUP = "NOT {row}released"
_RULES = (
    ("ex_lessons_teacher", "lessons", "teacher_id", "state", _LESSON),
    ("ex_lessons_main_room", "lessons", "main_room_id", "state", _LESSON),
    ("ex_lesson_sites_receiving_room", "lesson_sites", "receiving_room_id", "state", _SITE),
    ("ex_lesson_groups_pupil_group", "lesson_groups", "pupil_group_id", "released", _GROUP),
)
"""Name, table, what may not be in two at once, the column that says whether a row counts, and when it does."""


def upgrade() -> None:
    _replace(
        "(SELECT ends_at FROM {table} WHERE {resource} = NEW.{resource} AND id <> NEW.id "
        "AND starts_at < NEW.ends_at AND {counts} ORDER BY starts_at DESC LIMIT 1) > NEW.starts_at"
    )


def downgrade() -> None:
    _replace(
        "EXISTS (SELECT 1 FROM {table} WHERE {resource} = NEW.{resource} AND id <> NEW.id "
        "AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at AND {counts})"
    )


def _replace(overlaps: str) -> None:
    if op.get_context().dialect.name == "postgresql":
        return
    for name, table, resource, column, counts in _RULES:
        refused = overlaps.format(table=table, resource=resource, counts=counts.format(row=""))
        for event, when in (
            ("insert", "INSERT"),
            ("update", f"UPDATE OF {resource}, starts_at, ends_at, {column}"),
        ):
            op.execute(f"DROP TRIGGER {name}_{event}")
            op.execute(
                f"CREATE TRIGGER {name}_{event} BEFORE {when} ON {table} WHEN {counts.format(row='NEW.')} "
                f"BEGIN SELECT RAISE(ABORT, '{name}') WHERE {refused}; END"
            )
