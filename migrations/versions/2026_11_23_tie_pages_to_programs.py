"""A page that a program's token opened ends with that program's sign-in."""

import sqlalchemy as sa
from alembic import op

revision: str = "20261123_tied"
down_revision: str | None = "20261123_names"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    with op.batch_alter_table("browser_sessions") as table:
        table.add_column(sa.Column("family_id", sa.Uuid(), nullable=True))
        table.create_foreign_key(
            op.f("fk_browser_sessions_family_id"), "token_families", ["family_id"], ["id"], ondelete="CASCADE"
        )
        table.create_index(op.f("ix_browser_sessions_family_id"), ["family_id"])


def downgrade() -> None:
    with op.batch_alter_table("browser_sessions") as table:
        table.drop_index(op.f("ix_browser_sessions_family_id"))
        table.drop_constraint(op.f("fk_browser_sessions_family_id"), type_="foreignkey")
        table.drop_column("family_id")
