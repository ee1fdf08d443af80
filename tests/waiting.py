"""Telling when somebody has to wait for another's transaction."""

from time import monotonic

from sqlalchemy import Engine, text

from tests.patience import PATIENCE

_WAITING = text(
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE NOT granted AND datname = current_database()"
)


def wait_for_a_waiting_writer(engine: Engine) -> None:
    """Return once somebody waits for a lock of this database."""
    if engine.dialect.name == "sqlite":
        return  # there the other one waits before it looks
    deadline = monotonic() + PATIENCE
    with engine.connect() as connection:
        while not connection.scalar(_WAITING):
            assert monotonic() < deadline, "nobody met a lock"
