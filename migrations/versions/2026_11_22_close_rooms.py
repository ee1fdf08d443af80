"""Where units are, what rooms have, and from when on they are closed.

The triggers see to it that no lesson takes place in a room from the day on which it is closed, whichever of both comes
last. SQLite cannot add a constraint to a table, so new columns there bring theirs along.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_closing"
down_revision: str | None = "20261122_mailed"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_CHECKED = (
    ("org_units", "latitude", "DOUBLE", "latitude_possible", "latitude BETWEEN -90 AND 90"),
    (
        "org_units",
        "longitude",
        "DOUBLE",
        "longitude_possible",
        "(latitude IS NULL) = (longitude IS NULL) AND coalesce(longitude, 0) BETWEEN -180 AND 180",
    ),
    ("rooms", "seats", "INTEGER", "seats_possible", "seats BETWEEN 1 AND 10000"),
)
_TRIGGERS = {
    "closed_room_of_lesson_insert": "lessons",
    "closed_room_of_lesson_update": "lessons",
    "closed_room_of_site_insert": "lesson_sites",
    "closed_room_of_site_update": "lesson_sites",
    "closed_room_update": "rooms",
}


def upgrade() -> None:
    op.add_column("org_units", sa.Column("address", sa.String(length=200), nullable=True))
    for table in ("org_units", "rooms"):
        op.add_column(table, sa.Column("closed_from", sa.Date(), nullable=True))
    op.add_column("rooms", sa.Column("equipment_kinds", sa.JSON(), server_default="[]", nullable=False))
    for table, column, kind, name, check in _CHECKED:
        kind = f"{kind} PRECISION" if kind == "DOUBLE" and _is_postgresql() else kind
        checked = f"CONSTRAINT ck_{table}_{name} CHECK ({check})"
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind} {checked}")
    for statement in _statements():
        op.execute(statement)


def downgrade() -> None:
    for name, place in _TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {place}" if _is_postgresql() else f"DROP TRIGGER {name}")
        if _is_postgresql():
            op.execute(f"DROP FUNCTION {name}()")
    for table, columns in (
        ("rooms", ("seats", "equipment_kinds", "closed_from")),
        ("org_units", ("longitude", "latitude", "address", "closed_from")),
    ):
        for column in columns:  # each takes its constraint along; a rebuilt table would lose its triggers
            op.drop_column(table, column)


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


_TAKES_PLACE = "NEW.state NOT IN ('cancelled', 'moved')"
_LESSON_CLOSED = (
    "EXISTS (SELECT 1 FROM rooms r WHERE r.id = NEW.main_room_id AND r.closed_from <= NEW.date) "
    "OR EXISTS (SELECT 1 FROM lesson_sites s JOIN rooms r ON r.id = s.receiving_room_id "
    "WHERE s.lesson_id = NEW.id AND s.state <> 'cancelled' AND r.closed_from <= NEW.date)"
)
_SITE_CLOSED = (
    "EXISTS (SELECT 1 FROM rooms r, lessons l WHERE r.id = NEW.receiving_room_id AND l.id = NEW.lesson_id "
    "AND r.closed_from <= l.date)"
)
_ROOM_PLANNED = (
    "EXISTS (SELECT 1 FROM lessons l WHERE l.main_room_id = NEW.id AND l.date >= NEW.closed_from "
    "AND l.state NOT IN ('cancelled', 'moved')) "
    "OR EXISTS (SELECT 1 FROM lesson_sites s JOIN lessons l ON l.id = s.lesson_id "
    "WHERE s.receiving_room_id = NEW.id AND s.state <> 'cancelled' AND l.date >= NEW.closed_from "
    "AND l.state NOT IN ('cancelled', 'moved'))"
)
# Name, event, table, when it is asked, what it refuses.
_RULES = (
    ("closed_room_of_lesson_insert", "INSERT", "lessons", _TAKES_PLACE, _LESSON_CLOSED),
    (
        "closed_room_of_lesson_update",
        "UPDATE OF main_room_id, date, state",
        "lessons",
        f"{_TAKES_PLACE} AND (OLD.main_room_id <> NEW.main_room_id OR OLD.date <> NEW.date "
        "OR OLD.state IN ('cancelled', 'moved'))",
        _LESSON_CLOSED,
    ),
    ("closed_room_of_site_insert", "INSERT", "lesson_sites", "NEW.state <> 'cancelled'", _SITE_CLOSED),
    (
        "closed_room_of_site_update",
        "UPDATE OF receiving_room_id, state",
        "lesson_sites",
        "NEW.state <> 'cancelled' AND (OLD.state = 'cancelled' OR OLD.receiving_room_id <> NEW.receiving_room_id)",
        _SITE_CLOSED,
    ),
    ("closed_room_update", "UPDATE OF closed_from", "rooms", "NEW.closed_from IS NOT NULL", _ROOM_PLANNED),
)


def _statements() -> list[str]:
    if not _is_postgresql():
        return [
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN "
            f"SELECT RAISE(ABORT, 'room_closed') WHERE {refused}; END"
            for name, event, table, when, refused in _RULES
        ]
    found = []
    for name, event, table, when, refused in _RULES:
        found.append(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {refused} THEN "
            "RAISE EXCEPTION 'a lesson needs a room that is open' "
            "USING ERRCODE = 'check_violation', CONSTRAINT = 'room_closed'; END IF; RETURN NEW; END $$"
        )
        found.append(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {name}()"
        )
    return found
