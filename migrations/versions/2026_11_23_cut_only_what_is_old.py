"""Let a chain be cut only where all that goes is old, and accounts that serve write events of the present only.

Until now a cut asked for the age of its last event alone, and the account that serves gives an event its time: one that
it dated back let it cut everything before. An account that does not own the table (PostgreSQL) may be an hour off, for
clocks that differ; restoring is its owner's. The function that looks finds nothing of a session's own (`search_path`).
"""

from alembic import op

revision: str = "20261123_old_cut"
down_revision: str | None = "20261123_given_mail"
branch_labels: None = None
depends_on: None = None

_NO_SUCH_END = (
    "NOT EXISTS (SELECT 1 FROM audit_events AS event WHERE event.county_id = NEW.county_id "
    "AND event.number = NEW.number AND event.hash = NEW.hash AND event.at < {old})"
)
_YOUNG_ONE = (
    "EXISTS (SELECT 1 FROM audit_events AS event WHERE event.county_id = NEW.county_id "
    "AND event.number <= NEW.number AND event.at >= {old})"
)
_BACKWARDS = "NEW.number <= OLD.number OR NEW.county_id <> OLD.county_id"
_OF_NOW = """
CREATE FUNCTION audit_events_of_now() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.at NOT BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp() + interval '1 hour'
        AND NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
        RAISE EXCEPTION 'audit_is_of_now';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    _refuse_cuts(f"{_NO_SUCH_END} OR {_YOUNG_ONE}")
    if _on_postgresql():
        op.execute(_OF_NOW)
        op.execute(
            "CREATE TRIGGER audit_events_of_now BEFORE INSERT ON audit_events FOR EACH ROW "
            "EXECUTE FUNCTION audit_events_of_now()"
        )


def downgrade() -> None:
    if _on_postgresql():
        op.execute("DROP TRIGGER audit_events_of_now ON audit_events")
        op.execute("DROP FUNCTION audit_events_of_now()")
    _refuse_cuts(_NO_SUCH_END)


def _on_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _refuse_cuts(condition: str) -> None:
    for event, test in (("INSERT", condition), ("UPDATE", f"{_BACKWARDS} OR {condition}")):
        name = f"audit_cuts_{event.lower()}"
        if _on_postgresql():
            test = test.format(old="now() - interval '180 days'")
            op.execute(
                f"CREATE OR REPLACE FUNCTION {name}_refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"IF {test} THEN RAISE EXCEPTION 'audit_is_append_only'; END IF; RETURN NEW; END $$"
            )
        else:
            test = test.format(old="datetime('now', '-180 days')")
            op.execute(f"DROP TRIGGER {name}")
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON audit_cuts WHEN {test} "
                "BEGIN SELECT RAISE(ABORT, 'audit_is_append_only'); END"
            )
