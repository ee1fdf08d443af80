"""What the engines of a test process share, as requests to a server share its one engine.

Every test has engines of its own, on a fresh database. Made from nothing, each compiles all its statements anew, asks
the server who it is, and connects to new processes of PostgreSQL, which read what tables there are before they answer:
together longer than most tests. So engines made alike share one dialect with its compiled statements, and a connection
that an engine closes waits for the next engine on the same database.
"""

from collections import defaultdict, deque
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_STATEMENTS: Final = 4096
"""The whole suite has fewer."""
_MOST_WAITING: Final = 8
_AS_NEW: Final = (
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *;"
    " SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"
)
"""DISCARD ALL, but for prepared statements: the driver knows which it prepared."""

_Key = tuple[str, ...]
_Home = deque["psycopg.Connection[Any]"]


class _Shared:
    """One dialect for all engines made alike, and one cache of what it compiled."""

    _made: dict[object, Any] = {}

    def __new__(cls, **options: Any) -> Self:
        found: Self = cls._made.setdefault((cls, frozenset(options.items())), object.__new__(cls))
        return found

    def __init__(self, **options: Any) -> None:
        if not hasattr(self, "statements"):
            super().__init__(**options)
            self.statements: Any = LRUCache(_STATEMENTS)
            self.is_known = False

    def initialize(self, connection: Connection) -> None:
        """Ask the first server; the others are the same."""
        if not self.is_known:
            super().initialize(connection)  # type: ignore[misc]
            self.is_known = True

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Let the engine use what others compiled."""
        engine._compiled_cache = engine.dialect.statements  # type: ignore[attr-defined]


class SharedSqlite(_Shared, SQLiteDialect_pysqlite):
    """SQLite; connecting takes a fraction of a millisecond."""

    supports_statement_cache = True


class SharedPostgres(_Shared, PGDialect_psycopg):
    """PostgreSQL, with connections that wait for the next engine."""

    supports_statement_cache = True

    def connect(self, *given: Any, **options: Any) -> Any:
        """One that waits, else a new one."""
        waiting = _waiting.get(options.get("dbname", ""))
        if waiting is None:
            return super().connect(*given, **options)
        key = _key_of(given, options)
        while waiting[key]:
            if not (connection := waiting[key].pop()).closed:
                return connection
        made: Any = super().connect(*given, **options)
        _homes[made] = waiting[key]
        return made

    def do_close(self, dbapi_connection: Any) -> None:
        """Let it wait as if it were new; what cannot is closed."""
        home = _homes.get(dbapi_connection)
        if home is None or len(home) >= _MOST_WAITING:
            dbapi_connection.close()
            return
        try:
            dbapi_connection.rollback()
            dbapi_connection.autocommit = True
            dbapi_connection.execute(_AS_NEW)
            dbapi_connection.autocommit = False
        except psycopg.Error:
            dbapi_connection.close()
        else:
            home.append(dbapi_connection)

    def do_terminate(self, dbapi_connection: Any) -> None:
        """Close one that is in a state nobody knows."""
        dbapi_connection.close()


_waiting: dict[str, defaultdict[_Key, _Home]] = {}
"""By database, and how they were made."""
_homes: WeakKeyDictionary["psycopg.Connection[Any]", _Home] = WeakKeyDictionary()


def _key_of(given: tuple[Any, ...], options: dict[str, Any]) -> _Key:
    return (*map(repr, given), *(f"{name}={options[name]}" for name in sorted(options) if name != "context"))


def share_engines() -> None:
    """From now on, in this process."""
    registry.register("sqlite", __name__, SharedSqlite.__name__)
    registry.register("sqlite.pysqlite", __name__, SharedSqlite.__name__)
    registry.register("postgresql.psycopg", __name__, SharedPostgres.__name__)


def keep(database: str) -> None:
    """Let connections to this database wait for the next engine. It has this name until `forget` is told."""
    _waiting[database] = defaultdict(deque)


def waiting_processes(database: str) -> list[int]:
    """The server's processes behind the connections to this database that wait."""
    return [each.info.backend_pid for each in _of(database) if not each.closed]


def forget(database: str) -> None:
    """Close the connections to this database that wait."""
    for connection in _of(database):
        connection.close()
    del _waiting[database]


def _of(database: str) -> list["psycopg.Connection[Any]"]:
    return [each for home in _waiting[database].values() for each in home]
