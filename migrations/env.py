"""Alembic's environment: which tables there should be, and which database to compare or change.

The caller may hand over a URL in `config.attributes["url"]`; otherwise the settings decide.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from alembic import context
from sqlalchemy import Connection, text

import app
from app.database import Base, UtcDateTime, make_engine
from app.settings import load_settings

# Two processes that start at once must not migrate at once. The number is arbitrary, but fixed.
_ADVISORY_LOCK = 7_204_118


def _import_models() -> None:
    for path in sorted(Path(app.__file__).parent.glob("*/models.py")):
        import_module(f"app.{path.parent.name}.models")


def _render_item(kind: str, item: Any, autogen_context: Any) -> str | bool:
    """Write our column type as the plain one, so that old revisions never import changing code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _options(dialect: str) -> dict[str, Any]:
    return {
        "target_metadata": Base.metadata,
        "render_as_batch": dialect == "sqlite",
        "compare_type": True,
        "render_item": _render_item,
    }


def _lock_out_others(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # Batch operations rebuild tables, and dropping the old one would delete what refers to it. The
        # pragma only works outside of a transaction; BEGIN IMMEDIATE then keeps others out.
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})


def _run(url: str) -> None:
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            _lock_out_others(connection)
            context.configure(connection=connection, **_options(connection.dialect.name))
            with context.begin_transaction():
                context.run_migrations()
            connection.commit()
    finally:
        engine.dispose()


def _print_sql(url: str) -> None:
    context.configure(url=url, literal_binds=True, **_options(url.partition(":")[0]))
    with context.begin_transaction():
        context.run_migrations()


_import_models()
_url = context.config.attributes.get("url") or load_settings().database_url
if context.is_offline_mode():
    _print_sql(_url)
else:
    _run(_url)
