"""How long lessons were on the air, and how long each site received them, without the breaks.

What was held before is counted as it was known: from going live to the end, and from the first join to the last leave.
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
    lesson = "(SELECT l.{} FROM lessons l WHERE l.id = lesson_sites.lesson_id)"
    left = f"coalesce(left_at, {lesson.format('ended_at')})"
    for table, began, ended in (
        ("lessons", "went_live_at", "ended_at"),
        ("lesson_sites", "joined_at", left),
    ):
        what = dict(_COLUMNS)[table]
        op.execute(
            f"UPDATE {table} SET {what}_seconds = {_overlap(began, ended)} "
            f"WHERE {began} IS NOT NULL AND {ended} IS NOT NULL"
        )


def downgrade() -> None:
    for table, what in _COLUMNS:
        op.drop_column(table, f"{what}_seconds")
        op.drop_column(table, f"{what}_since")


def _overlap(began: str, ended: str) -> str:
    """Seconds of a span that lie within the planned time."""
    if op.get_context().dialect.name == "postgresql":
        seconds = (
            f"extract(epoch FROM least({ended}, ends_at)) - extract(epoch FROM greatest({began}, starts_at))"
        )
        return f"greatest(0, round({seconds}))"
    first, last = f"max({began}, starts_at)", f"min({ended}, ends_at)"
    return f"max(0, strftime('%s', {last}) - strftime('%s', {first}))"
