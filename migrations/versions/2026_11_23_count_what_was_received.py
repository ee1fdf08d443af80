"""How long lessons were on the air, and how long each site received them, without the breaks.

What was held before is counted as it was known: from going live to the end, and from the first join to the last leave.
What is on the air is counted until now and goes on from here. When an interrupted lesson was last on the air is not
known: it counts until the last of its sites left, and nothing if none has.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "20261123_received"
down_revision: str | None = "20261123_back"
branch_labels: None = None
depends_on: None = None

_COLUMNS = (("lessons", "live"), ("lesson_sites", "received"))


def upgrade() -> None:
    for table, what in _COLUMNS:
        op.add_column(table, sa.Column(f"{what}_since", sa.DateTime(timezone=True), nullable=True))
        op.add_column(
            table, sa.Column(f"{what}_seconds", sa.Integer(), server_default=sa.text("0"), nullable=False)
        )
    now = _now()
    lesson = "(SELECT l.{} FROM lessons l WHERE l.id = lesson_sites.lesson_id)"
    last_leave = "(SELECT max(s.left_at) FROM lesson_sites s WHERE s.lesson_id = lessons.id)"
    off_the_air = f"CASE state WHEN 'live' THEN {now} WHEN 'interrupted' THEN {last_leave} ELSE ended_at END"
    _count("lessons", "live", "went_live_at", off_the_air)
    _go_on("lessons", "live", "state = 'live'")
    here = f"state IN ('joined', 'reconnecting') AND {lesson.format('state')} = 'live'"
    began = _later("joined_at", f"coalesce({lesson.format('went_live_at')}, joined_at)")
    ended = f"coalesce(left_at, CASE WHEN {here} THEN {now} ELSE {lesson.format('ended_at')} END)"
    _count("lesson_sites", "received", f"CASE WHEN {here} THEN {began} ELSE joined_at END", ended)
    _go_on("lesson_sites", "received", here)


def _count(table: str, what: str, began: str, ended: str) -> None:
    """Fill in the seconds of one span of each row, where both of its ends are known."""
    known = f"{began} IS NOT NULL AND {ended} IS NOT NULL"
    op.execute(f"UPDATE {table} SET {what}_seconds = {_overlap(began, ended)} WHERE {known}")


def _go_on(table: str, what: str, where: str) -> None:
    op.execute(f"UPDATE {table} SET {what}_since = {_now()} WHERE {where}")


def downgrade() -> None:
    for table, what in _COLUMNS:
        op.drop_column(table, f"{what}_seconds")
        op.drop_column(table, f"{what}_since")


def _postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _now() -> str:
    return "now()" if _postgresql() else "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


def _later(one: str, other: str) -> str:
    return f"{'greatest' if _postgresql() else 'max'}({one}, {other})"


def _overlap(began: str, ended: str) -> str:
    """Seconds of a span that lie within the planned time."""
    if _postgresql():
        seconds = (
            f"extract(epoch FROM least({ended}, ends_at)) - extract(epoch FROM greatest({began}, starts_at))"
        )
        return f"greatest(0, round({seconds}))"
    first, last = f"max({began}, starts_at)", f"min({ended}, ends_at)"
    return f"max(0, strftime('%s', {last}) - strftime('%s', {first}))"
