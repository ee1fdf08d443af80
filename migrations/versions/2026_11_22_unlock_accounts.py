"""Let the command line tell running servers to unlock an account."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_unlock"
down_revision: str | None = "20261122_pupils"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "unlocks",
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("login", name=op.f("pk_unlocks")),
    )


def downgrade() -> None:
    op.drop_table("unlocks")
