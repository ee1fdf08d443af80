"""Let pairings be proposed, accepted, approved, suspended, ended and renewed, and carry lessons on their days only.

The triggers see to what no constraint can, since it concerns three tables: each site of a lesson has a pairing that
carries lessons on that day, and there are no more sites than the pairings allow. On PostgreSQL they lock the pairing
for sharing, so that whoever plans and whoever suspends at once take turns.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_pairings"
down_revision: str | None = "20261122_tokens"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_CHECKS = {
    "link_is_positive": "minimum_link_mbps > 0",
    "state_is_a_decision": "state NOT IN ('active', 'renewed')",
    "stopped_has_a_day": "(state IN ('suspended', 'ended')) = (stopped_from IS NOT NULL)",
    "both_accepted": "state IN ('proposed', 'ended') OR (main_accepted AND site_accepted)",
}
_LEVEL = sa.Enum(
    "county", "city", "province", name="level", native_enum=False, create_constraint=True, length=20
)


def upgrade() -> None:
    with op.batch_alter_table("pairings") as table:
        table.add_column(sa.Column("level", _LEVEL, server_default="county", nullable=False))
        table.add_column(sa.Column("minimum_link_mbps", sa.Double(), nullable=True))
        table.add_column(sa.Column("main_accepted", sa.Boolean(), server_default=sa.true(), nullable=False))
        table.add_column(sa.Column("site_accepted", sa.Boolean(), server_default=sa.true(), nullable=False))
        table.add_column(sa.Column("stopped_from", sa.Date(), nullable=True))
        table.add_column(sa.Column("state_reason", sa.String(length=200), nullable=True))
        table.add_column(sa.Column("renews_id", sa.Uuid(), nullable=True))
        table.create_foreign_key(op.f("fk_pairings_renews_id"), "pairings", ["renews_id"], ["id"])
        table.create_index(op.f("ix_pairings_renews_id"), ["renews_id"])
    # What was in force stays so on its days; what was stopped was so from its first day, as no day was kept.
    op.execute("UPDATE pairings SET state = 'approved' WHERE state IN ('active', 'renewed')")
    op.execute("UPDATE pairings SET stopped_from = valid_from WHERE state IN ('suspended', 'ended')")
    with op.batch_alter_table("pairings") as table:
        for name, check in _CHECKS.items():
            table.create_check_constraint(op.f(f"ck_pairings_{name}"), check)
    for statement in _POSTGRESQL if _is_postgresql() else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    for name, place in _TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {place}" if _is_postgresql() else f"DROP TRIGGER {name}")
        if _is_postgresql():
            op.execute(f"DROP FUNCTION {name}()")
    if _is_postgresql():
        op.execute("DROP FUNCTION pairing_carries")
    with op.batch_alter_table("pairings") as table:
        for name in reversed(_CHECKS):
            table.drop_constraint(op.f(f"ck_pairings_{name}"), type_="check")
    op.execute("UPDATE pairings SET state = 'active' WHERE state = 'approved'")
    with op.batch_alter_table("pairings") as table:
        table.drop_index(op.f("ix_pairings_renews_id"))
        table.drop_constraint(op.f("fk_pairings_renews_id"), type_="foreignkey")
        table.drop_constraint(op.f("ck_pairings_level"), type_="check")
        for column in (
            "renews_id", "state_reason", "stopped_from", "site_accepted", "main_accepted",
            "minimum_link_mbps", "level",
        ):  # fmt: skip
            table.drop_column(column)


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


# --- what the triggers say ----------------------------------------------------------------------------------

_TRIGGERS = {
    "pairing_of_site_insert": "lesson_sites",
    "pairing_of_site_update": "lesson_sites",
    "pairing_of_lesson_update": "lessons",
    "pairing_update": "pairings",
}


def _carries(pairing: str, day: str) -> str:
    """Whether a pairing carries lessons on a day."""
    return (
        f"{pairing}.state NOT IN ('proposed', 'accepted') "
        f"AND {pairing}.valid_from <= {day} AND {pairing}.valid_to >= {day} "
        f"AND ({pairing}.stopped_from IS NULL OR {pairing}.stopped_from > {day})"
    )


_LIVING_SITES = (
    "FROM lesson_sites s JOIN pairings p ON p.id = s.pairing_id "
    "WHERE s.lesson_id = NEW.lesson_id AND s.state <> 'cancelled' AND s.id <> NEW.id"
)
_SITE_TAKES_PART = (
    "NEW.state <> 'cancelled' AND (OLD.state = 'cancelled' OR OLD.pairing_id <> NEW.pairing_id "
    "OR OLD.lesson_id <> NEW.lesson_id)"
)
_COUNT = f"(SELECT count(*) + 1 {_LIVING_SITES})"
_ROOM_OF_NEW = "(SELECT capacity FROM pairings WHERE id = NEW.pairing_id)"
_ROOM_OF_OTHERS = f"(SELECT min(p.capacity) {_LIVING_SITES})"
_TOO_MANY = f"{_COUNT} > {_ROOM_OF_NEW} OR {_COUNT} > {_ROOM_OF_OTHERS}"


def _sqlite_site(event: str) -> str:
    when, of = ("NEW.state <> 'cancelled'", "INSERT")
    if event == "update":
        when, of = (_SITE_TAKES_PART, "UPDATE OF state, pairing_id, lesson_id")
    return (
        f"CREATE TRIGGER pairing_of_site_{event} BEFORE {of} ON lesson_sites WHEN {when} BEGIN "
        f"SELECT RAISE(ABORT, 'pairing_does_not_carry') WHERE NOT EXISTS (SELECT 1 FROM pairings p, lessons l "
        f"WHERE p.id = NEW.pairing_id AND l.id = NEW.lesson_id AND {_carries('p', 'l.date')}); "
        f"SELECT RAISE(ABORT, 'pairing_over_capacity') WHERE {_TOO_MANY}; END"
    )


_SQLITE = (
    _sqlite_site("insert"),
    _sqlite_site("update"),
    "CREATE TRIGGER pairing_of_lesson_update BEFORE UPDATE OF date ON lessons WHEN OLD.date <> NEW.date BEGIN "
    "SELECT RAISE(ABORT, 'pairing_does_not_carry') WHERE EXISTS (SELECT 1 FROM lesson_sites s "
    "JOIN pairings p ON p.id = s.pairing_id WHERE s.lesson_id = NEW.id AND s.state <> 'cancelled' "
    f"AND NOT ({_carries('p', 'NEW.date')})); END",
    "CREATE TRIGGER pairing_update BEFORE UPDATE OF state, valid_from, valid_to, stopped_from ON pairings BEGIN "
    "SELECT RAISE(ABORT, 'pairing_does_not_carry') WHERE EXISTS (SELECT 1 FROM lesson_sites s "
    "JOIN lessons l ON l.id = s.lesson_id WHERE s.pairing_id = NEW.id AND s.state <> 'cancelled' "
    f"AND NOT ({_carries('NEW', 'l.date')})); END",
)

_REFUSE = (
    "RAISE EXCEPTION 'a lesson needs a pairing that carries it' "
    "USING ERRCODE = 'check_violation', CONSTRAINT = '{}'"
)
_NOT_CARRIED = _REFUSE.format("pairing_does_not_carry")


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$"


_SITE_BODY = (
    "PERFORM 1 FROM pairings WHERE id = NEW.pairing_id FOR SHARE; "
    "IF NOT EXISTS (SELECT 1 FROM pairings p, lessons l WHERE p.id = NEW.pairing_id AND l.id = NEW.lesson_id "
    f"AND pairing_carries(p, l.date)) THEN {_NOT_CARRIED}; END IF; "
    f"IF {_TOO_MANY} THEN {_REFUSE.format('pairing_over_capacity')}; END IF;"
)
_POSTGRESQL = (
    "CREATE FUNCTION pairing_carries(p pairings, day date) RETURNS boolean LANGUAGE sql IMMUTABLE AS "
    f"$$ SELECT {_carries('p', 'day')} $$",
    _function("pairing_of_site_insert", _SITE_BODY),
    _function("pairing_of_site_update", _SITE_BODY),
    _function(
        "pairing_of_lesson_update",
        "IF EXISTS (SELECT 1 FROM lesson_sites s JOIN pairings p ON p.id = s.pairing_id "
        "WHERE s.lesson_id = NEW.id AND s.state <> 'cancelled' AND NOT pairing_carries(p, NEW.date)) "
        f"THEN {_NOT_CARRIED}; END IF;",
    ),
    _function(
        "pairing_update",
        "IF EXISTS (SELECT 1 FROM lesson_sites s JOIN lessons l ON l.id = s.lesson_id "
        "WHERE s.pairing_id = NEW.id AND s.state <> 'cancelled' AND NOT pairing_carries(NEW, l.date)) "
        f"THEN {_NOT_CARRIED}; END IF;",
    ),
    "CREATE TRIGGER pairing_of_site_insert BEFORE INSERT ON lesson_sites FOR EACH ROW "
    "WHEN (NEW.state <> 'cancelled') EXECUTE FUNCTION pairing_of_site_insert()",
    "CREATE TRIGGER pairing_of_site_update BEFORE UPDATE OF state, pairing_id, lesson_id ON lesson_sites "
    f"FOR EACH ROW WHEN ({_SITE_TAKES_PART}) EXECUTE FUNCTION pairing_of_site_update()",
    "CREATE TRIGGER pairing_of_lesson_update BEFORE UPDATE OF date ON lessons "
    "FOR EACH ROW WHEN (OLD.date <> NEW.date) EXECUTE FUNCTION pairing_of_lesson_update()",
    "CREATE TRIGGER pairing_update BEFORE UPDATE OF state, valid_from, valid_to, stopped_from ON pairings "
    "FOR EACH ROW EXECUTE FUNCTION pairing_update()",
)
