"""Notices that people read of changes of their lessons."""

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_notices"
down_revision: str | None = "20261122_feeds"
branch_labels: None = None
depends_on: None = None

_KINDS = (
    "'published', 'planned', 'cancelled', 'moved', 'edited', 'substituted', 'rooms_changed', 'site_added', "
    "'site_dropped', 'made_up'"
)


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("act_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(200), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("changes >= 1", name="changes_positive"),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name="changekind"),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("person_id", "act_id"),
    )
    op.create_index("ix_notices_person_id_told_at_id", "notices", ["person_id", "told_at", "id"])
    op.create_index("ix_notices_told_at", "notices", ["told_at"])
    unread = sa.text("read_at IS NULL")
    op.create_index(
        "ix_notices_unread", "notices", ["person_id"], sqlite_where=unread, postgresql_where=unread
    )


def downgrade() -> None:
    op.drop_table("notices")
