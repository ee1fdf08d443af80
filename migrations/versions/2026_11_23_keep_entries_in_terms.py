"""Terms may change now: the database keeps a term's weekly timetable, and its lessons, within its days.

On PostgreSQL whoever plans locks the term for sharing, so that nobody shortens it meanwhile.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "20261123_terms"
down_revision: str | None = "20261123_places"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OF_ENTRIES = (
    "INSERT ON timetable_entries",
    "UPDATE OF term_id, first_day, last_day, withdrawn ON timetable_entries",
)
_OF_TERMS = "UPDATE OF first_day, last_day ON terms"
_SHORTER = "NEW.first_day > OLD.first_day OR NEW.last_day < OLD.last_day"
_IN_TERM = "FROM terms WHERE id = NEW.term_id AND first_day <= NEW.first_day AND last_day >= NEW.last_day"
_LEFT_OUT = (
    "EXISTS (SELECT 1 FROM timetable_entries e WHERE e.term_id = NEW.id AND NOT e.withdrawn "
    "AND (e.first_day < NEW.first_day OR e.last_day > NEW.last_day)) "
    "OR EXISTS (SELECT 1 FROM lessons l WHERE l.term_id = NEW.id AND l.state NOT IN ('cancelled', 'moved') "
    "AND (l.date < NEW.first_day OR l.date > NEW.last_day))"
)


def upgrade() -> None:
    if not _is_postgresql():
        for event, when in zip(("insert", "update"), _OF_ENTRIES, strict=True):
            op.execute(
                f"CREATE TRIGGER entry_in_term_{event} BEFORE {when} WHEN NOT NEW.withdrawn BEGIN "
                f"SELECT RAISE(ABORT, 'entry_outside_term') WHERE NOT EXISTS (SELECT 1 {_IN_TERM}); END"
            )
        op.execute(
            f"CREATE TRIGGER term_still_planned BEFORE {_OF_TERMS} WHEN {_SHORTER} BEGIN "
            f"SELECT RAISE(ABORT, 'term_still_planned') WHERE {_LEFT_OUT}; END"
        )
        return
    _function("entry_in_term", f"PERFORM 1 {_IN_TERM} FOR SHARE; IF NOT FOUND", "entry_outside_term")
    _function("term_still_planned", f"IF {_LEFT_OUT}", "term_still_planned")
    for event, when in zip(("insert", "update"), _OF_ENTRIES, strict=True):
        op.execute(
            f"CREATE TRIGGER entry_in_term_{event} BEFORE {when} FOR EACH ROW WHEN (NOT NEW.withdrawn) "
            "EXECUTE FUNCTION entry_in_term()"
        )
    op.execute(
        f"CREATE TRIGGER term_still_planned BEFORE {_OF_TERMS} FOR EACH ROW WHEN ({_SHORTER}) "
        "EXECUTE FUNCTION term_still_planned()"
    )


def downgrade() -> None:
    for name, table in (
        ("entry_in_term_insert", "timetable_entries"),
        ("entry_in_term_update", "timetable_entries"),
        ("term_still_planned", "terms"),
    ):
        op.execute(f"DROP TRIGGER {name} ON {table}" if _is_postgresql() else f"DROP TRIGGER {name}")
    if _is_postgresql():
        op.execute("DROP FUNCTION entry_in_term()")
        op.execute("DROP FUNCTION term_still_planned()")


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _function(name: str, broken: str, rule: str) -> None:
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {broken} THEN RAISE EXCEPTION "
        f"'a timetable lies within its term' USING ERRCODE = 'check_violation', CONSTRAINT = '{rule}'; END IF; "
        "RETURN NEW; END $$"
    )
