"""The curriculum: periods a week by term, unit, grade and subject."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_curriculum"
down_revision: str | None = "20261122_webhooks"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLE = "curriculum_requirements"
_TRIGGER = "county_of_requirement"
_WRONG_COUNTY = (
    "NOT EXISTS (SELECT 1 FROM terms t JOIN org_units u ON u.county_id = t.county_id "
    "WHERE t.id = NEW.term_id AND u.id = NEW.org_unit_id AND t.county_id = NEW.county_id)"
)
_CHECKS = {
    "grade_known": "grade BETWEEN 1 AND 12",
    "periods_possible": "periods_per_week BETWEEN 0 AND 40",
    "own_within": "own_periods BETWEEN 0 AND periods_per_week",
}


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("term_id", sa.Uuid(), nullable=False),
        sa.Column("org_unit_id", sa.Uuid(), nullable=False),
        sa.Column("grade", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(length=50), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("periods_per_week", sa.Double(), nullable=False),
        sa.Column("own_periods", sa.Double(), nullable=False),
        *(sa.CheckConstraint(check, name=op.f(f"ck_{_TABLE}_{name}")) for name, check in _CHECKS.items()),
        sa.ForeignKeyConstraint(["term_id"], ["terms.id"], name=op.f(f"fk_{_TABLE}_term_id")),
        sa.ForeignKeyConstraint(["org_unit_id"], ["org_units.id"], name=op.f(f"fk_{_TABLE}_org_unit_id")),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f(f"fk_{_TABLE}_county_id")),
        sa.ForeignKeyConstraint(
            ["county_id", "subject"],
            ["subjects.county_id", "subjects.code"],
            name=op.f(f"fk_{_TABLE}_county_id_subject"),
        ),
        sa.PrimaryKeyConstraint("term_id", "org_unit_id", "grade", "subject", name=op.f(f"pk_{_TABLE}")),
    )
    op.create_index(op.f(f"ix_{_TABLE}_org_unit_id"), _TABLE, ["org_unit_id"])
    op.create_index(op.f(f"ix_{_TABLE}_county_id_subject"), _TABLE, ["county_id", "subject"])
    for statement in _triggers():
        op.execute(statement)


def downgrade() -> None:
    op.drop_table(_TABLE)  # with its triggers
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {_TRIGGER}()")


def _triggers() -> list[str]:
    """Term, unit and subject are of one county."""
    if op.get_context().dialect.name != "postgresql":
        return [
            f"CREATE TRIGGER {_TRIGGER}_{event} BEFORE {event} ON {_TABLE} "
            f"BEGIN SELECT RAISE(ABORT, '{_TRIGGER}') WHERE {_WRONG_COUNTY}; END"
            for event in ("insert", "update")
        ]
    return [
        f"CREATE FUNCTION {_TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {_WRONG_COUNTY} THEN "
        "RAISE EXCEPTION 'term, unit and subject are of one county' "
        f"USING ERRCODE = 'check_violation', CONSTRAINT = '{_TRIGGER}'; END IF; RETURN NEW; END $$",
        f"CREATE TRIGGER {_TRIGGER} BEFORE INSERT OR UPDATE ON {_TABLE} "
        f"FOR EACH ROW EXECUTE FUNCTION {_TRIGGER}()",
    ]
