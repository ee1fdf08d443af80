"""Let the trail be cut by a function of its owner, so that the server's account needs no right to delete events.

PostgreSQL only: SQLite knows no accounts. The function does what the server did by itself until now, under the same
triggers: a cut names an event that is there and old enough, and only moves forward. It finds its tables in the schema
it was made in, and nothing of a session's own ones (`pg_temp` last). Nobody may call it who was not allowed to.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "20261123_cut"
down_revision: str | None = "20261123_groups"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SIGNATURE = "audit_cut(uuid, integer, text, timestamptz)"
_FUNCTION = """
DO $do$ BEGIN EXECUTE format($create$
CREATE FUNCTION audit_cut(chain uuid, upto integer, digest text, moment timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = %I, pg_temp AS $function$
DECLARE gone integer;
BEGIN
    UPDATE audit_cuts SET number = upto, hash = digest, at = moment WHERE county_id = chain;
    IF NOT FOUND THEN
        INSERT INTO audit_cuts (county_id, number, hash, at) VALUES (chain, upto, digest, moment);
    END IF;
    DELETE FROM audit_events WHERE county_id = chain AND number <= upto;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $function$ $create$, current_schema()); END $do$
"""


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(_FUNCTION)
        op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {_SIGNATURE}")
