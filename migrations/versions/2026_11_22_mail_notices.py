"""Who wants notices by mail, and letters that are to be sent."""

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_letters"
down_revision: str | None = "20261122_closing"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table(
        "notice_settings",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("mail", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(20), nullable=False),
        sa.CheckConstraint("language IN ('zh', 'en')", name="language"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_table(
        "notice_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(100), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'dead')", name="deliverystate"),
        sa.CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        sa.CheckConstraint("(state = 'waiting') = (done_at IS NULL)", name="done_or_waiting"),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("notice_id"),
    )
    op.create_index("ix_notice_letters_person_id", "notice_letters", ["person_id"])
    waiting = sa.text("done_at IS NULL")
    op.create_index(
        "ix_notice_letters_waiting",
        "notice_letters",
        ["next_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def downgrade() -> None:
    op.drop_table("notice_letters")
    op.drop_table("notice_settings")
