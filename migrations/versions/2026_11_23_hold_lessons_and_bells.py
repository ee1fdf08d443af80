"""What the database did not refuse yet of planning's invariants, whoever writes.

A lesson keeps to the agreements of its sites when its main room or subject changes, too; it lies within its term and
on its day; once people know of it, it is not deleted, and no edit goes uncounted; periods of a bell schedule share no
minute. On PostgreSQL whoever plans a lesson shares its term's lock, so that nobody shortens the term meanwhile.

`lessons.last_edit` is the sequence of the edit before: triggers write it, and compare. So an edit may count first and
change afterwards, as planners do, or do both at once; two edits never share a number.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "20261123_hold"
down_revision: str | None = "20261123_terms"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OVERLAP, _ORDER = "ex_periods_bell_schedule", "ck_periods_times_in_order"
_TRIGGERS = {
    "lesson_in_term_insert": "lessons",
    "lesson_in_term_update": "lessons",
    "lesson_edit_counted_insert": "lessons",
    "lesson_edit_counted_update": "lessons",
    "lesson_stays_known": "lessons",
    "pairing_of_lesson_update": "lessons",
}
_TAKES_PLACE = "{}.state NOT IN ('cancelled', 'moved')"


def upgrade() -> None:
    op.execute("ALTER TABLE lessons ADD COLUMN last_edit INTEGER NOT NULL DEFAULT 0")
    op.execute("UPDATE lessons SET last_edit = sequence")
    _drop({"pairing_of_lesson_update": "lessons"})
    for statement in _POSTGRESQL if _is_postgresql() else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    _drop(_TRIGGERS)
    if _is_postgresql():
        op.execute(f"ALTER TABLE periods DROP CONSTRAINT {_OVERLAP}")
        op.execute(f"ALTER TABLE periods DROP CONSTRAINT {_ORDER}")
    else:
        _drop({f"{name}_{event}": "periods" for name in (_OVERLAP, _ORDER) for event in ("insert", "update")})
    op.execute(_DAY_ONLY_POSTGRESQL if _is_postgresql() else _DAY_ONLY_SQLITE)
    if _is_postgresql():
        op.execute(_on_update_of_day("OLD.date <> NEW.date"))
    op.drop_column("lessons", "last_edit")


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _drop(triggers: dict[str, str]) -> None:
    for name, table in triggers.items():
        op.execute(f"DROP TRIGGER {name} ON {table}" if _is_postgresql() else f"DROP TRIGGER {name}")
        if _is_postgresql():
            op.execute(f"DROP FUNCTION IF EXISTS {name}()")
    if _is_postgresql():
        op.execute("DROP FUNCTION IF EXISTS lesson_in_term(), lesson_edit_counted()")


def _function(name: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} "
        "RETURN NEW; END $$"
    )


def _raise(rule: str) -> str:
    return (
        "RAISE EXCEPTION 'a lesson is as it was agreed and told' "
        f"USING ERRCODE = 'check_violation', CONSTRAINT = '{rule}';"
    )


def _refuse(rule: str, broken: str) -> str:
    return f"SELECT RAISE(ABORT, '{rule}') WHERE {broken};"


# --- within the term, on the day ----------------------------------------------------------------------------

# A day of the easternmost zone begins 14 hours before that of UTC, one of the westernmost ends 12 hours after it.
# Lessons that make room for others while bells change wait centuries away (app.lessons.bell_effects).
_LESSON_MOVES = "UPDATE OF term_id, date, starts_at, ends_at, state"
_MOVED = (
    f"{_TAKES_PLACE.format('NEW')} AND (OLD.term_id <> NEW.term_id OR OLD.date <> NEW.date "
    "OR OLD.starts_at <> NEW.starts_at OR OLD.ends_at <> NEW.ends_at OR OLD.state IN ('cancelled', 'moved'))"
)
_IN_TERM = "FROM terms WHERE id = NEW.term_id AND first_day <= NEW.date AND last_day >= NEW.date"
_NOT_ON_DAY_POSTGRESQL = (
    "NEW.ends_at > NEW.starts_at + interval '1 day' OR NEW.starts_at < timestamp '2200-01-01' AT TIME ZONE 'UTC' "
    "AND (NEW.starts_at AT TIME ZONE 'UTC' < NEW.date - interval '14 hours' "
    "OR NEW.starts_at AT TIME ZONE 'UTC' >= NEW.date + interval '36 hours')"
)
# SQLite compares moments as text: they have to be written alike.
_NOT_ON_DAY_SQLITE = (
    "NEW.starts_at NOT GLOB '????-??-?? ??:??:??.??????' OR NEW.ends_at NOT GLOB '????-??-?? ??:??:??.??????' "
    "OR coalesce(julianday(NEW.ends_at) - julianday(NEW.starts_at), 9) > 1.000001 "
    "OR NEW.date NOT GLOB '????-??-??' OR NEW.starts_at < '2200' AND coalesce("
    "julianday(NEW.starts_at) - julianday(NEW.date) NOT BETWEEN -14.0 / 24 - 0.000001 AND 1.499999, 1)"
)


def _in_term_sqlite(event: str, when: str, condition: str) -> str:
    return (
        f"CREATE TRIGGER lesson_in_term_{event} BEFORE {when} ON lessons WHEN {condition} BEGIN "
        f"{_refuse('lesson_not_on_its_day', _NOT_ON_DAY_SQLITE)} "
        f"{_refuse('lesson_outside_term', f'NOT EXISTS (SELECT 1 {_IN_TERM})')} END"
    )


def _in_term_postgresql(event: str, when: str, condition: str) -> str:
    return (
        f"CREATE TRIGGER lesson_in_term_{event} BEFORE {when} ON lessons FOR EACH ROW WHEN ({condition}) "
        "EXECUTE FUNCTION lesson_in_term()"
    )


# --- counted edits ------------------------------------------------------------------------------------------

_FACTS = (
    "date", "period", "starts_at", "ends_at", "teacher_id", "main_room_id", "school_id", "subject", "title", "mode",
)  # fmt: skip
_EDITED = (
    "OLD.state <> 'draft' AND ("
    + " OR ".join(f"OLD.{fact} <> NEW.{fact}" for fact in _FACTS)
    + " OR OLD.state <> NEW.state AND NEW.state IN ('cancelled', 'moved'))"
)
_ON_EDIT = f"UPDATE OF {', '.join(_FACTS)}, state"
_UNCOUNTED = "NEW.sequence <= OLD.last_edit"

# --- agreements of what changes under sites -----------------------------------------------------------------

_CARRIES = (
    "p.state NOT IN ('proposed', 'accepted') AND p.valid_from <= NEW.date AND p.valid_to >= NEW.date "
    "AND (p.stopped_from IS NULL OR p.stopped_from > NEW.date)"
)
_SITES = (
    "FROM lesson_sites s JOIN pairings p ON p.id = s.pairing_id "
    "WHERE s.lesson_id = NEW.id AND s.state <> 'cancelled'"
)
_REPLANNED = (
    f"{_TAKES_PLACE.format('NEW')} AND (OLD.date <> NEW.date OR OLD.main_room_id <> NEW.main_room_id "
    "OR OLD.subject <> NEW.subject OR OLD.state IN ('cancelled', 'moved'))"
)


def _left_alone(each: str) -> str:
    about = (
        f"p.main_room_id = NEW.main_room_id AND (json_array_length(p.subjects) = 0 "
        f"OR EXISTS (SELECT 1 FROM {each} WHERE each.value = NEW.subject))"
    )
    return f"EXISTS (SELECT 1 {_SITES} AND NOT ({_CARRIES} AND {about}))"


def _on_update_of_day(condition: str, columns: str = "date") -> str:
    return (
        f"CREATE TRIGGER pairing_of_lesson_update BEFORE UPDATE OF {columns} ON lessons FOR EACH ROW "
        f"WHEN ({condition}) EXECUTE FUNCTION pairing_of_lesson_update()"
    )


_DAY_ONLY_SQLITE = (
    "CREATE TRIGGER pairing_of_lesson_update BEFORE UPDATE OF date ON lessons WHEN OLD.date <> NEW.date BEGIN "
    f"{_refuse('pairing_does_not_carry', f'EXISTS (SELECT 1 {_SITES} AND NOT ({_CARRIES}))')} END"
)
_DAY_ONLY_POSTGRESQL = _function(
    "pairing_of_lesson_update",
    f"IF EXISTS (SELECT 1 {_SITES} AND NOT pairing_carries(p, NEW.date)) "
    f"THEN {_raise('pairing_does_not_carry')} END IF;",
)

# --- periods ------------------------------------------------------------------------------------------------

# An end of 00:00 is the midnight that ends the day.
_ENDS_SQLITE = "CASE WHEN {0}ends_at LIKE '00:00:00%' THEN '24' ELSE {0}ends_at END"
_SPAN = (
    "int4range(extract(epoch FROM starts_at)::int, "
    "CASE WHEN ends_at = '00:00' THEN 86400 ELSE extract(epoch FROM ends_at)::int END)"
)


def _of_periods(event: str) -> list[str]:
    when = "INSERT" if event == "insert" else "UPDATE OF bell_schedule_id, starts_at, ends_at"
    new_end, end = _ENDS_SQLITE.format("NEW."), _ENDS_SQLITE.format("")
    others = (
        "EXISTS (SELECT 1 FROM periods WHERE bell_schedule_id = NEW.bell_schedule_id AND id <> NEW.id "
        f"AND starts_at < {new_end} AND {end} > NEW.starts_at)"
    )
    reversed_ = (
        f"NOT (NEW.starts_at < {new_end}) OR NEW.starts_at NOT GLOB '??:??:??.??????' "
        "OR NEW.ends_at NOT GLOB '??:??:??.??????'"
    )
    return [
        f"CREATE TRIGGER {name}_{event} BEFORE {when} ON periods BEGIN {_refuse(name, broken)} END"
        for name, broken in ((_ORDER, reversed_), (_OVERLAP, others))
    ]


_SQLITE = (
    _in_term_sqlite("insert", "INSERT", _TAKES_PLACE.format("NEW")),
    _in_term_sqlite("update", _LESSON_MOVES, _MOVED),
    f"CREATE TRIGGER lesson_edit_counted_update AFTER {_ON_EDIT} ON lessons WHEN {_EDITED} BEGIN "
    f"{_refuse('lesson_edit_not_counted', _UNCOUNTED)} "
    "UPDATE lessons SET last_edit = NEW.sequence WHERE id = NEW.id; END",
    "CREATE TRIGGER lesson_edit_counted_insert AFTER INSERT ON lessons WHEN NEW.sequence > 0 BEGIN "
    "UPDATE lessons SET last_edit = NEW.sequence WHERE id = NEW.id; END",
    "CREATE TRIGGER lesson_stays_known BEFORE DELETE ON lessons WHEN OLD.state <> 'draft' BEGIN "
    "SELECT RAISE(ABORT, 'lesson_stays_known'); END",
    f"CREATE TRIGGER pairing_of_lesson_update BEFORE UPDATE OF date, main_room_id, subject, state ON lessons "
    f"WHEN {_REPLANNED} BEGIN "
    f"{_refuse('pairing_does_not_carry', _left_alone('json_each(p.subjects) AS each'))} END",
    *_of_periods("insert"),
    *_of_periods("update"),
)
_POSTGRESQL = (
    _function(
        "lesson_in_term",
        f"IF {_NOT_ON_DAY_POSTGRESQL} THEN {_raise('lesson_not_on_its_day')} END IF; "
        f"PERFORM 1 {_IN_TERM} FOR SHARE; IF NOT FOUND THEN {_raise('lesson_outside_term')} END IF;",
    ),
    _in_term_postgresql("insert", "INSERT", _TAKES_PLACE.format("NEW")),
    _in_term_postgresql("update", _LESSON_MOVES, _MOVED),
    _function(
        "lesson_edit_counted",
        f"IF TG_OP = 'UPDATE' AND {_UNCOUNTED} THEN {_raise('lesson_edit_not_counted')} END IF; "
        "NEW.last_edit = NEW.sequence;",
    ),
    f"CREATE TRIGGER lesson_edit_counted_update BEFORE {_ON_EDIT} ON lessons FOR EACH ROW WHEN ({_EDITED}) "
    "EXECUTE FUNCTION lesson_edit_counted()",
    "CREATE TRIGGER lesson_edit_counted_insert BEFORE INSERT ON lessons FOR EACH ROW WHEN (NEW.sequence > 0) "
    "EXECUTE FUNCTION lesson_edit_counted()",
    _function("lesson_stays_known", _raise("lesson_stays_known")),
    "CREATE TRIGGER lesson_stays_known BEFORE DELETE ON lessons FOR EACH ROW WHEN (OLD.state <> 'draft') "
    "EXECUTE FUNCTION lesson_stays_known()",
    _function(
        "pairing_of_lesson_update",
        f"PERFORM 1 {_SITES} FOR SHARE OF p; "
        f"IF {_left_alone('json_array_elements_text(p.subjects) AS each (value)')} "
        f"THEN {_raise('pairing_does_not_carry')} END IF;",
    ),
    _on_update_of_day(_REPLANNED, "date, main_room_id, subject, state"),
    f"ALTER TABLE periods ADD CONSTRAINT {_ORDER} CHECK (ends_at = '00:00' OR starts_at < ends_at)",
    f"ALTER TABLE periods ADD CONSTRAINT {_OVERLAP} EXCLUDE USING gist "
    f"(bell_schedule_id WITH =, ({_SPAN}) WITH &&)",
)
