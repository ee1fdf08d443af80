"""Let the database itself refuse two lessons at once, overlapping terms and overlapping bells.

PostgreSQL gets exclusion constraints. SQLite has none, so triggers of the same names stand in for them; its
writers take turns, and a trigger therefore sees every row it has to. Intervals of time are half-open, spans
of days include both ends.

SQLite drops the triggers of a table that a batch operation rebuilds: a later revision that alters one of
these tables in batch mode has to create them again (`tests/test_migrations.py` notices when it forgets).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from alembic import op

revision: str = "20261122_2"
down_revision: str | None = "20261122_1"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


@dataclass(frozen=True)
class _Rule:
    """Rows with the same `resource` may not overlap; rows in a state of `freed` do not count."""

    name: str
    table: str
    resource: str
    first: str
    last: str
    freed: str = ""

    @property
    def of_days(self) -> bool:
        return not self.freed


_TIMES = ("starts_at", "ends_at")

_RULES = (
    _Rule("ex_terms_county", "terms", "county_id", "first_day", "last_day"),
    _Rule("ex_bell_schedules_org_unit", "bell_schedules", "org_unit_id", "valid_from", "valid_to"),
    _Rule("ex_lessons_teacher", "lessons", "teacher_id", *_TIMES, "'cancelled', 'moved'"),
    _Rule("ex_lessons_main_room", "lessons", "main_room_id", *_TIMES, "'cancelled', 'moved'"),
    _Rule("ex_lesson_sites_receiving_room", "lesson_sites", "receiving_room_id", *_TIMES, "'cancelled'"),
)


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")  # a trusted one: the database's owner may
        statements = [_exclusion(rule) for rule in _RULES]
    else:
        statements = [_trigger(rule, event) for rule in _RULES for event in ("insert", "update")]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    # The extension stays: something else in the database may use it by now.
    for rule in reversed(_RULES):
        if op.get_context().dialect.name == "postgresql":
            op.execute(f"ALTER TABLE {rule.table} DROP CONSTRAINT {rule.name}")
        else:
            op.execute(f"DROP TRIGGER {rule.name}_insert")
            op.execute(f"DROP TRIGGER {rule.name}_update")


def _exclusion(rule: _Rule) -> str:
    span = (
        f"daterange({rule.first}, {rule.last}, '[]')"
        if rule.of_days
        else f"tstzrange({rule.first}, {rule.last}, '[)')"
    )
    where = f" WHERE (state NOT IN ({rule.freed}))" if rule.freed else ""
    return (
        f"ALTER TABLE {rule.table} ADD CONSTRAINT {rule.name} "
        f"EXCLUDE USING gist ({rule.resource} WITH =, {span} WITH &&){where}"
    )


def _trigger(rule: _Rule, event: str) -> str:
    before, after = ("<=", ">=") if rule.of_days else ("<", ">")
    columns = [rule.resource, rule.first, rule.last, *(["state"] if rule.freed else [])]
    when = "INSERT" if event == "insert" else f"UPDATE OF {', '.join(columns)}"
    counts = f"WHEN NEW.state NOT IN ({rule.freed}) " if rule.freed else ""
    others = f" AND state NOT IN ({rule.freed})" if rule.freed else ""
    return (
        f"CREATE TRIGGER {rule.name}_{event} BEFORE {when} ON {rule.table} {counts}BEGIN "
        f"SELECT RAISE(ABORT, '{rule.name}') WHERE EXISTS (SELECT 1 FROM {rule.table} "
        f"WHERE {rule.resource} = NEW.{rule.resource} AND id <> NEW.id "
        f"AND {rule.first} {before} NEW.{rule.last} AND {rule.last} {after} NEW.{rule.first}"
        f"{others}); END"
    )
