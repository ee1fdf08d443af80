"""A lesson keeps its place in people's calendars: no row changes its UID, and its sequence never goes back."""

from collections.abc import Sequence

from alembic import op

revision: str = "20261123_places"
down_revision: str | None = "20261123_agreements"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAME = "lesson_keeps_its_place"
_WHEN = "BEFORE UPDATE OF calendar_uid, sequence ON lessons"
_BROKEN = "NEW.calendar_uid <> OLD.calendar_uid OR NEW.sequence < OLD.sequence"


def upgrade() -> None:
    if not _is_postgresql():
        op.execute(f"CREATE TRIGGER {_NAME} {_WHEN} WHEN {_BROKEN} BEGIN SELECT RAISE(ABORT, '{_NAME}'); END")
        return
    op.execute(
        f"CREATE FUNCTION {_NAME}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
        "'a lesson keeps its place in calendars' "
        f"USING ERRCODE = 'check_violation', CONSTRAINT = '{_NAME}'; END $$"
    )
    op.execute(f"CREATE TRIGGER {_NAME} {_WHEN} FOR EACH ROW WHEN ({_BROKEN}) EXECUTE FUNCTION {_NAME}()")


def downgrade() -> None:
    if _is_postgresql():
        op.execute(f"DROP TRIGGER {_NAME} ON lessons")
        op.execute(f"DROP FUNCTION {_NAME}()")
    else:
        op.execute(f"DROP TRIGGER {_NAME}")


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"
