"""Let people be erased to a pseudonym, and the trail be cut at its old end.

An event may be deleted only when its chain was cut there or later. A cut names an event that is there, by number and
hash, is at least 180 days old (the least that Chinese law wants logs kept), and only moves forward. SQLite drops
the triggers of a table that a batch operation rebuilds: a later revision that alters one of these tables in batch
mode has to create them again.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_forget"
down_revision: str | None = "20261122_planning"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NOT_CUT = "NOT EXISTS (SELECT 1 FROM audit_cuts WHERE county_id = OLD.county_id AND number >= OLD.number)"
_NO_SUCH_END = (
    "NOT EXISTS (SELECT 1 FROM audit_events AS event WHERE event.county_id = NEW.county_id "
    "AND event.number = NEW.number AND event.hash = NEW.hash AND event.at < {old})"
)
_BACKWARDS = "NEW.number <= OLD.number OR NEW.county_id <> OLD.county_id"
# trigger, table, event, condition
_RULES = (
    ("audit_events_delete", "audit_events", "DELETE", _NOT_CUT),
    ("audit_cuts_insert", "audit_cuts", "INSERT", _NO_SUCH_END),
    ("audit_cuts_update", "audit_cuts", "UPDATE", f"{_BACKWARDS} OR {_NO_SUCH_END}"),
    ("audit_cuts_delete", "audit_cuts", "DELETE", "1 = 1"),
)


def upgrade() -> None:
    op.add_column("people", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "audit_cuts",
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("county_id", name=op.f("pk_audit_cuts")),
    )
    postgresql = op.get_context().dialect.name == "postgresql"
    op.execute("DROP TRIGGER audit_events_delete" + (" ON audit_events" if postgresql else ""))
    for rule in _RULES:
        (_refuse_on_postgresql if postgresql else _refuse_on_sqlite)(*rule)


def downgrade() -> None:
    postgresql = op.get_context().dialect.name == "postgresql"
    op.execute("DROP TRIGGER audit_events_delete" + (" ON audit_events" if postgresql else ""))
    op.drop_table("audit_cuts")
    if postgresql:
        for name, *_ in _RULES:
            op.execute(f"DROP FUNCTION {name}_refused()")
        op.execute(
            "CREATE TRIGGER audit_events_delete BEFORE DELETE ON audit_events FOR EACH ROW "
            "EXECUTE FUNCTION audit_is_append_only()"
        )
    else:
        _refuse_on_sqlite("audit_events_delete", "audit_events", "DELETE", "1 = 1")
    op.drop_column("people", "erased_at")


def _refuse_on_postgresql(name: str, table: str, event: str, condition: str) -> None:
    test = condition.format(old="now() - interval '180 days'")
    row = "OLD" if event == "DELETE" else "NEW"
    op.execute(
        f"CREATE FUNCTION {name}_refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {test} THEN "
        f"RAISE EXCEPTION 'audit_is_append_only'; END IF; RETURN {row}; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}_refused()"
    )


def _refuse_on_sqlite(name: str, table: str, event: str, condition: str) -> None:
    test = condition.format(old="datetime('now', '-180 days')")
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {test} "
        "BEGIN SELECT RAISE(ABORT, 'audit_is_append_only'); END"
    )
