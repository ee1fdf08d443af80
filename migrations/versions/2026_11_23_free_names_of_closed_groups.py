"""A pupil group that is closed leaves its name to another one: names are unique among open groups only.

SQLite keeps a constraint of a table until the table is made anew. Triggers that name the table, here and elsewhere,
stop it from being renamed, so they go for that moment and come back word for word; foreign keys are off meanwhile
(see `env.py`), so that nothing that refers to the groups goes with the old table.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261123_names"
down_revision: str | None = "20261123_old_cut"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAME = "uq_pupil_groups_org_unit_id_name"
_OPEN = sa.text("closed_from IS NULL")
_COLUMNS = "id, org_unit_id, name, grades, headcount, version, closed_from"


def upgrade() -> None:
    if _is_postgresql():
        op.drop_constraint(_NAME, "pupil_groups", type_="unique")
    else:
        _made_anew()
    op.create_index(
        _NAME,
        "pupil_groups",
        ["org_unit_id", "name"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    op.drop_index(_NAME, "pupil_groups")
    # Of several groups of one name, those that are closed are told apart by their ids.
    op.execute(
        "UPDATE pupil_groups SET name = substr(name, 1, 60) || ' ' || id WHERE closed_from IS NOT NULL AND EXISTS "
        "(SELECT 1 FROM pupil_groups o WHERE o.org_unit_id = pupil_groups.org_unit_id AND o.name = pupil_groups.name "
        "AND o.id <> pupil_groups.id)"
    )
    if _is_postgresql():
        op.create_unique_constraint(_NAME, "pupil_groups", ["org_unit_id", "name"])
    else:
        _made_anew(sa.UniqueConstraint("org_unit_id", "name", name=op.f(_NAME)))


def _made_anew(*constraints: sa.UniqueConstraint) -> None:
    found = op.get_bind().execute(
        sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%pupil_groups%'")
    )
    triggers = [(str(name), str(sql)) for name, sql in found]
    for name, _ in triggers:
        op.execute(f"DROP TRIGGER {name}")
    op.create_table(
        "pupil_groups_anew",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_unit_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("grades", sa.JSON(), nullable=False),
        sa.Column("headcount", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("closed_from", sa.Date(), nullable=True),
        sa.CheckConstraint("headcount >= 0", name=op.f("ck_pupil_groups_headcount_not_negative")),
        sa.ForeignKeyConstraint(["org_unit_id"], ["org_units.id"], name=op.f("fk_pupil_groups_org_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pupil_groups")),
        *constraints,
    )
    op.execute(f"INSERT INTO pupil_groups_anew ({_COLUMNS}) SELECT {_COLUMNS} FROM pupil_groups")
    op.drop_table("pupil_groups")
    op.rename_table("pupil_groups_anew", "pupil_groups")
    for _, sql in triggers:
        op.execute(sql)


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"
