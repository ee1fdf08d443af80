"""Let rooms' terminals and guests in, who have no account."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_terminals"
down_revision: str | None = "20261122_pairings"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_GUEST_ROLES = sa.Enum(
    "teacher", "observer", name="guestrole", native_enum=False, create_constraint=True, length=20
)


def upgrade() -> None:
    op.create_table(
        "room_terminals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("room_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("public_key", sa.String(length=100), nullable=False),
        sa.Column("paired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("challenged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_room_terminals_county_id")),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_room_terminals_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_terminals")),
    )
    op.create_index(op.f("ix_room_terminals_county_id"), "room_terminals", ["county_id"])
    op.create_index(op.f("ix_room_terminals_room_id"), "room_terminals", ["room_id"])
    op.create_table(
        "terminal_pairings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("public_key", sa.String(length=100), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("terminal_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["room_terminals.id"], name=op.f("fk_terminal_pairings_terminal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terminal_pairings")),
        sa.UniqueConstraint("code", name=op.f("uq_terminal_pairings_code")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_terminal_pairings_secret_hash")),
    )
    op.create_index(op.f("ix_terminal_pairings_expires_at"), "terminal_pairings", ["expires_at"])
    op.create_table(
        "guest_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("role", _GUEST_ROLES, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("used >= 0 AND used <= uses", name=op.f("ck_guest_links_used_within_uses")),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_guest_links_county_id")),
        sa.ForeignKeyConstraint(
            ["lesson_id"], ["lessons.id"], name=op.f("fk_guest_links_lesson_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_links")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_guest_links_secret_hash")),
    )
    op.create_index(op.f("ix_guest_links_lesson_id"), "guest_links", ["lesson_id"])


def downgrade() -> None:
    op.drop_table("guest_links")
    op.drop_table("terminal_pairings")
    op.drop_table("room_terminals")
