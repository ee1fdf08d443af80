"""From when on pupil groups are closed, and how often lists that are changed as a whole were changed.

The triggers see to it that no lesson is for a group from the day on which it is closed, whichever of both comes last.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261123_groups"
down_revision: str | None = "20261122_letters"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_LESSON_CLOSED = (
    "EXISTS (SELECT 1 FROM pupil_groups g, lessons l WHERE g.id = NEW.pupil_group_id AND l.id = NEW.lesson_id "
    "AND g.closed_from <= l.date)"
)
_GROUP_PLANNED = (
    "EXISTS (SELECT 1 FROM lesson_groups g JOIN lessons l ON l.id = g.lesson_id "
    "WHERE g.pupil_group_id = NEW.id AND NOT g.released AND l.date >= NEW.closed_from "
    "AND l.state NOT IN ('cancelled', 'moved'))"
)
# Name, event, table, when it is asked, what it refuses.
_RULES = (
    ("closed_group_of_lesson_insert", "INSERT", "lesson_groups", "NOT NEW.released", _LESSON_CLOSED),
    (
        "closed_group_of_lesson_update",
        "UPDATE OF released",
        "lesson_groups",
        "OLD.released AND NOT NEW.released",
        _LESSON_CLOSED,
    ),
    (
        "closed_group_update",
        "UPDATE OF closed_from",
        "pupil_groups",
        "NEW.closed_from IS NOT NULL",
        _GROUP_PLANNED,
    ),
)


def upgrade() -> None:
    op.add_column("pupil_groups", sa.Column("closed_from", sa.Date(), nullable=True))
    op.create_table(
        "list_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_versions")),
    )
    for statement in _statements():
        op.execute(statement)


def downgrade() -> None:
    for name, _, table, _, _ in _RULES:
        op.execute(f"DROP TRIGGER {name} ON {table}" if _is_postgresql() else f"DROP TRIGGER {name}")
        if _is_postgresql():
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("list_versions")
    op.drop_column("pupil_groups", "closed_from")


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _statements() -> list[str]:
    if not _is_postgresql():
        return [
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN "
            f"SELECT RAISE(ABORT, 'group_closed') WHERE {refused}; END"
            for name, event, table, when, refused in _RULES
        ]
    found = []
    for name, event, table, when, refused in _RULES:
        found.append(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {refused} THEN "
            "RAISE EXCEPTION 'a lesson needs a group that is not closed' "
            "USING ERRCODE = 'check_violation', CONSTRAINT = 'group_closed'; END IF; RETURN NEW; END $$"
        )
        found.append(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {name}()"
        )
    return found
