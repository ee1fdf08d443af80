"""What a sign-in is known by to its owner, and to the identity provider."""

import sqlalchemy as sa
from alembic import op

revision: str = "20261123_sign_ins"
down_revision: str | None = "20261123_look_back"
branch_labels: None = None
depends_on: None = None

_SHOWN = (("device", sa.String(60)), ("address", sa.String(64)), ("seen_at", sa.DateTime(timezone=True)))


def upgrade() -> None:
    for table in ("browser_sessions", "token_families"):
        for name, kind in _SHOWN:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.add_column(
        "browser_sessions", sa.Column("by_provider", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("browser_sessions", sa.Column("provider_sid", sa.String(255), nullable=True))
    op.create_index("ix_browser_sessions_provider_sid", "browser_sessions", ["provider_sid"])


def downgrade() -> None:
    op.drop_index("ix_browser_sessions_provider_sid", "browser_sessions")
    for name in ("provider_sid", "by_provider"):
        op.drop_column("browser_sessions", name)
    for table in ("browser_sessions", "token_families"):
        for name, _ in _SHOWN:
            op.drop_column(table, name)
