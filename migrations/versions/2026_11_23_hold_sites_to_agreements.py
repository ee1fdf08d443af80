"""A site of a lesson is held to its agreement: that of these very rooms, in this subject, with room for as many sites.

The rules of `20261122_pairings` asked for some agreement that carries lessons on the day. Now it has to be the one of
the lesson's main room with the site's receiving room; who changes an agreement may not take its rooms, subjects or
capacity away under lessons; and on PostgreSQL two who add a site to one lesson at once take turns, since neither sees
the row of the other.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "20261123_agreements"
down_revision: str | None = "20261123_groups_at"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NOT_CARRIED, _TOO_MANY = "pairing_does_not_carry", "pairing_over_capacity"
_TRIGGERS = {
    "pairing_of_site_insert": "lesson_sites",
    "pairing_of_site_update": "lesson_sites",
    "pairing_update": "pairings",
}
_DAYS = "valid_from, valid_to, stopped_from"


def upgrade() -> None:
    _replace(held=True)


def downgrade() -> None:
    _replace(held=False)


def _replace(*, held: bool) -> None:
    postgresql = op.get_context().dialect.name == "postgresql"
    for name, table in _TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {table}" if postgresql else f"DROP TRIGGER {name}")
    for name, (when, condition, refusals) in _rules(held, postgresql).items():
        if postgresql:
            locks = (
                "PERFORM 1 FROM pairings WHERE id = NEW.pairing_id FOR SHARE; "
                if name != "pairing_update"
                else ""
            )
            if locks and held:
                locks += "PERFORM 1 FROM lessons WHERE id = NEW.lesson_id FOR NO KEY UPDATE; "
            body = "".join(
                f"IF {broken} THEN RAISE EXCEPTION 'a lesson needs a pairing that carries it' "
                f"USING ERRCODE = 'check_violation', CONSTRAINT = '{rule}'; END IF; "
                for rule, broken in refusals
            )
            op.execute(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {locks}{body}RETURN NEW; END $$"
            )
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {when} ON {_TRIGGERS[name]} FOR EACH ROW WHEN ({condition}) "
                f"EXECUTE FUNCTION {name}()"
            )
        else:
            body = " ".join(f"SELECT RAISE(ABORT, '{rule}') WHERE {broken};" for rule, broken in refusals)
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {when} ON {_TRIGGERS[name]} WHEN {condition} BEGIN {body} END"
            )


# --- what the triggers say ----------------------------------------------------------------------------------

_Rule = tuple[str, str, list[tuple[str, str]]]
"""When it fires, for which rows, and what is refused under which name."""


def _rules(held: bool, postgresql: bool) -> dict[str, _Rule]:
    changed = "NEW.state <> 'cancelled' AND (OLD.state = 'cancelled' OR OLD.pairing_id <> NEW.pairing_id "
    changed += "OR OLD.lesson_id <> NEW.lesson_id"
    changed += " OR OLD.receiving_room_id <> NEW.receiving_room_id)" if held else ")"
    columns = "state, pairing_id, lesson_id" + (", receiving_room_id" if held else "")
    of_site = [(_NOT_CARRIED, _no_pairing(held, postgresql)), (_TOO_MANY, _OVER_CAPACITY)]
    of_pairing = [(_NOT_CARRIED, _lesson_left_alone(held, postgresql))]
    if held:
        of_pairing.append((_TOO_MANY, _CAPACITY_TAKEN))
    more = ", main_room_id, receiving_room_id, subjects, capacity" if held else ""
    return {
        "pairing_of_site_insert": ("INSERT", "NEW.state <> 'cancelled'", of_site),
        "pairing_of_site_update": (f"UPDATE OF {columns}", changed, of_site),
        "pairing_update": (f"UPDATE OF state, {_DAYS}{more}", "1 = 1", of_pairing),
    }


def _carries(pairing: str, day: str) -> str:
    """Whether a pairing carries lessons on a day."""
    return (
        f"{pairing}.state NOT IN ('proposed', 'accepted') AND {pairing}.valid_from <= {day} "
        f"AND {pairing}.valid_to >= {day} AND ({pairing}.stopped_from IS NULL OR {pairing}.stopped_from > {day})"
    )


def _is_about(pairing: str, receiving_room_id: str, postgresql: bool) -> str:
    """Whether a pairing is one of the rooms and the subject of a lesson `l`."""
    each = (
        "json_array_elements_text({}.subjects) AS each (value)"
        if postgresql
        else "json_each({}.subjects) AS each"
    )
    return (
        f"{pairing}.main_room_id = l.main_room_id AND {pairing}.receiving_room_id = {receiving_room_id} "
        f"AND (json_array_length({pairing}.subjects) = 0 "
        f"OR EXISTS (SELECT 1 FROM {each.format(pairing)} WHERE each.value = l.subject))"
    )


def _no_pairing(held: bool, postgresql: bool) -> str:
    about = f" AND {_is_about('p', 'NEW.receiving_room_id', postgresql)}" if held else ""
    return (
        "NOT EXISTS (SELECT 1 FROM pairings p, lessons l WHERE p.id = NEW.pairing_id AND l.id = NEW.lesson_id "
        f"AND {_carries('p', 'l.date')}{about})"
    )


def _lesson_left_alone(held: bool, postgresql: bool) -> str:
    about = f" AND {_is_about('NEW', 's.receiving_room_id', postgresql)}" if held else ""
    return (
        "EXISTS (SELECT 1 FROM lesson_sites s JOIN lessons l ON l.id = s.lesson_id WHERE s.pairing_id = NEW.id "
        f"AND s.state <> 'cancelled' AND NOT ({_carries('NEW', 'l.date')}{about}))"
    )


_LIVING = (
    "FROM lesson_sites s JOIN pairings p ON p.id = s.pairing_id "
    "WHERE s.lesson_id = NEW.lesson_id AND s.state <> 'cancelled' AND s.id <> NEW.id"
)
_COUNT = f"(SELECT count(*) + 1 {_LIVING})"
_OVER_CAPACITY = (
    f"{_COUNT} > (SELECT capacity FROM pairings WHERE id = NEW.pairing_id) "
    f"OR {_COUNT} > (SELECT min(p.capacity) {_LIVING})"
)
_CAPACITY_TAKEN = (
    "NEW.capacity < OLD.capacity AND NEW.capacity < (SELECT max(taken.sites) FROM (SELECT count(*) AS sites "
    "FROM lesson_sites o WHERE o.state <> 'cancelled' AND o.lesson_id IN (SELECT s.lesson_id FROM lesson_sites s "
    "WHERE s.pairing_id = NEW.id AND s.state <> 'cancelled') GROUP BY o.lesson_id) AS taken)"
)
