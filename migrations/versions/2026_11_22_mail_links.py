"""Keep people's mail addresses, and links that were mailed by their hashes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_mailed"
down_revision: str | None = "20261122_provider"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_PURPOSE = sa.Enum(
    "password", "confirm", name="mailpurpose", native_enum=False, create_constraint=True, length=20
)


def upgrade() -> None:
    op.add_column("people", sa.Column("email", sa.String(length=254), nullable=True))
    op.create_index(op.f("ix_people_email"), "people", ["email"])
    op.create_table(
        "mailed_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", _PURPOSE, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_mailed_links_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailed_links")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_mailed_links_secret_hash")),
    )
    op.create_index(op.f("ix_mailed_links_person_id"), "mailed_links", ["person_id"])


def downgrade() -> None:
    op.drop_table("mailed_links")
    op.drop_index(op.f("ix_people_email"), table_name="people")
    op.drop_column("people", "email")
