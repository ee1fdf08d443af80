"""Addresses under which calendar programs read lessons."""

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_feeds"
down_revision: str | None = "20261122_factors"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table(
        "calendar_feeds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("whose", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.String(20), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("whose IN ('person', 'room', 'site', 'county')", name="whose"),
        sa.CheckConstraint("language IN ('zh', 'en')", name="language"),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"]),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("secret_hash"),
    )
    op.create_index("ix_calendar_feeds_county_id_created_at", "calendar_feeds", ["county_id", "created_at"])
    op.create_index("ix_calendar_feeds_owner_id_created_at", "calendar_feeds", ["owner_id", "created_at"])


def downgrade() -> None:
    op.drop_table("calendar_feeds")
