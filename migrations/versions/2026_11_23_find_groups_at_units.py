"""The groups of a lesson at one of its units are found in an index alone, which reports go through a term of."""

import alembic.op as op

revision: str = "20261123_groups_at"
down_revision: str | None = "20261123_received"
branch_labels: None = None
depends_on: None = None

_TABLE = "lesson_groups"
_NEW, _OLD = "ix_lesson_groups_at_unit", "ix_lesson_groups_org_unit_id"


def upgrade() -> None:
    op.create_index(_NEW, _TABLE, ["lesson_id", "org_unit_id", "pupil_group_id", "released"])
    op.drop_index(_OLD, _TABLE)


def downgrade() -> None:
    op.create_index(_OLD, _TABLE, ["org_unit_id"])
    op.drop_index(_NEW, _TABLE)
