"""Note who has to change the password, and since when tokens count."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_4"
down_revision: str | None = "20261122_3"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "people", sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("people", sa.Column("tokens_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("people", "tokens_since")
    op.drop_column("people", "must_change_password")
