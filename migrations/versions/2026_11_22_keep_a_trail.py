"""Keep a trail of who did what, which the database itself lets nobody change.

The chains' heads may only move forward, and are never deleted. SQLite drops the triggers of a table that a batch
operation rebuilds: a later revision that alters one of these tables in batch mode has to create them again.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_3"
down_revision: str | None = "20261122_2"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_REFUSALS = (
    # trigger, table, event, condition
    ("audit_events_update", "audit_events", "UPDATE", ""),
    ("audit_events_delete", "audit_events", "DELETE", ""),
    (
        "audit_chains_update",
        "audit_chains",
        "UPDATE",
        "NEW.number <= OLD.number OR NEW.county_id <> OLD.county_id",
    ),
    ("audit_chains_delete", "audit_chains", "DELETE", ""),
)


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("org_unit_id", sa.Uuid(), nullable=True),
        sa.Column("subject_kind", sa.String(length=40), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("county_id", "number", name=op.f("pk_audit_events")),
    )
    for column in ("act", "person_id", "subject_id"):
        name = op.f(f"ix_audit_events_county_id_{column}_number")
        op.create_index(name, "audit_events", ["county_id", column, "number"])
    op.create_table(
        "audit_chains",
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("county_id", name=op.f("pk_audit_chains")),
    )
    if op.get_context().dialect.name == "postgresql":
        _refuse_on_postgresql()
    else:
        _refuse_on_sqlite()


def downgrade() -> None:
    op.drop_table("audit_chains")
    op.drop_table("audit_events")
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_is_append_only()")


def _refuse_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit_is_append_only'; END $$"
    )
    for name, table, event, condition in _REFUSALS:
        when = f"WHEN ({condition}) " if condition else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when}"
            "EXECUTE FUNCTION audit_is_append_only()"
        )
    for table in ("audit_events", "audit_chains"):
        op.execute(
            f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            "EXECUTE FUNCTION audit_is_append_only()"
        )


def _refuse_on_sqlite() -> None:
    for name, table, event, condition in _REFUSALS:
        when = f"WHEN {condition} " if condition else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} {when}"
            "BEGIN SELECT RAISE(ABORT, 'audit_is_append_only'); END"
        )
