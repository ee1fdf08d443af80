"""Count the changes of what people edit, against lost updates."""

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_versions"
down_revision: str | None = "20261122_notices"
branch_labels: None = None
depends_on: None = None

TABLES = (
    "org_units",
    "rooms",
    "pupil_groups",
    "people",
    "pairings",
    "terms",
    "bell_schedules",
    "timetable_entries",
    "lessons",
)


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "version")
