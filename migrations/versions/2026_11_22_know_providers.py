"""Know people by an identity provider, and which roles come from it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_provider"
down_revision: str | None = "20261122_once"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SOURCE = sa.Enum("local", "provider", name="source", native_enum=False, create_constraint=True, length=20)


def upgrade() -> None:
    op.create_table(
        "provider_identities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_provider_identities_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_identities")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_provider_identities_issuer_subject")),
        sa.UniqueConstraint("person_id", "issuer", name=op.f("uq_provider_identities_person_id_issuer")),
    )
    op.create_index(op.f("ix_provider_identities_seen_at"), "provider_identities", ["seen_at"])
    op.create_table(
        "used_states",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_used_states")),
    )
    op.create_index(op.f("ix_used_states_used_at"), "used_states", ["used_at"])
    op.add_column(
        "browser_sessions",
        sa.Column("second_factor", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    with op.batch_alter_table("assignments") as table:
        table.add_column(sa.Column("source", _SOURCE, server_default="local", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("assignments") as table:
        table.drop_constraint(op.f("ck_assignments_source"), type_="check")
        table.drop_column("source")
    op.drop_column("browser_sessions", "second_factor")
    op.drop_table("used_states")
    op.drop_table("provider_identities")
