"""Mail addresses that an administrator entered, and nobody proved."""

import sqlalchemy as sa
from alembic import op

revision: str = "20261123_given_mail"
down_revision: str | None = "20261123_sign_ins"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.add_column("people", sa.Column("email_proven", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    op.drop_column("people", "email_proven")
