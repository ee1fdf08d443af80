"""Engine, sessions and column types shared by all domains.

A session is a transaction, and one place ends it: the dependency `get_session` or `with factory.begin()`.
Services flush, they never commit.
"""

import re
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache, partial
from typing import Annotated, Any, Final, cast

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from fastapi import Depends
from fastapi.concurrency import contextmanager_in_threadpool
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Index,
    MetaData,
    Result,
    String,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    create_engine,
    event,
    literal_column,
    make_url,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError, InvalidatePoolError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from starlette.requests import HTTPConnection

from app.turns import FairConnection, Turns


class SessionFactory(sessionmaker[Session]):
    """Makes sessions whose objects stay readable after the commit."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, expire_on_commit=False)
        self.engine = engine
        self.for_reading = _reading(engine)


# Every constraint has a name, so that migrations can drop it and errors can be told apart.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

CALLER_ADDRESS = "caller's address"
"""Key in `Session.info`: the address a request came from."""

LENDER = "tongtang.lender"
"""Key in a request's scope: the `Lender` of its session for writing, if it has one."""

_LOCK_WAIT_MS = 5000
"""How long a statement waits for what another transaction holds, on either database."""
_POSTGRESQL: Final = (
    "timezone=UTC",
    f"lock_timeout={_LOCK_WAIT_MS}",
    # Nothing of ours runs for seconds, which compiling it first is for: a county's report was compiled for longer than
    # it ran, and anew each time.
    "jit=off",
)
_MAPPED: Final = 1 << 30
"""Bytes of SQLite's file that connections read where the system keeps them, without copies of their own."""
_READ_ONLY = "tongtang_read_only"
_RESTS_SINCE = "tongtang_rests_since"
_TURNS_TO_READ: Final = RunVar[CapacityLimiter]("turns to read")
_TURNS_TO_WRITE: Final = RunVar[CapacityLimiter]("turns to write")
READERS_AT_ONCE: Final = 25
WRITERS_AT_ONCE: Final = 10
"""Requests that keep a connection until they are answered. Together fewer than there are threads, or connections:
there are always some left for gates, chores and notices, which give theirs back without another thread's help."""
_POOL: Final = {"pool_size": 10, "max_overflow": 30}
"""Connections of one process: as many as the thread pool runs at once."""
WAIT_SECONDS: Final = 10.0
"""How long a thread waits for one of them; then whoever asked is told to come again."""
RESTED_SECONDS: Final = 5.0
"""A connection to PostgreSQL that nobody used for so long is asked whether it is still there."""
_REMEMBERED: Final = 1 << 14
"""Of the texts that SQLite keeps for ids and instants, how many are remembered with what they mean: some 4 MB."""
_UNKNOWN: Final = uuid.SafeUUID.unknown
_TAKE_LOCKS = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in Python, UTC in the database, on SQLite as well."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """Datetimes, as of the type that is decorated."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs a time zone")
        return value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """What makes an instant of SQLite's text, or of what PostgreSQL's driver brings."""
        return _instant_of if dialect.name == "sqlite" else _in_utc


@lru_cache(maxsize=_REMEMBERED)
def _instant_of(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


class Id(Uuid[uuid.UUID]):
    """An id, read on SQLite in a fraction of the time: a page of lessons has a thousand, most of them time and again,
    and `uuid.UUID` looks at each for braces, dashes and prefixes that never stand in a database."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], uuid.UUID | None] | None:
        """What makes an id of 32 hexadecimal digits; PostgreSQL's driver brings its own."""
        return None if dialect.supports_native_uuid else _id_of


@lru_cache(maxsize=_REMEMBERED)
def _id_of(digits: str | None) -> uuid.UUID | None:
    if digits is None:
        return None
    found = object.__new__(uuid.UUID)
    object.__setattr__(found, "int", int(digits, 16))  # as uuid.UUID does itself
    object.__setattr__(found, "is_safe", _UNKNOWN)
    return found


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {uuid.UUID: Id(), datetime: UtcDateTime()}


def new_id() -> uuid.UUID:
    """A fresh primary key."""
    return uuid.uuid4()


def word(kind: type[StrEnum]) -> Enum:
    """A column type for one word of an enumeration, kept as text; a check constraint knows the words."""
    return Enum(
        kind,
        name=kind.__name__.lower(),
        native_enum=False,
        create_constraint=True,
        length=20,
        values_callable=lambda members: [member.value for member in members],
    )


def written(words: Iterable[StrEnum]) -> list[ColumnElement[Any]]:
    """Words of our own as a part of the statement instead of parameters, the same each time.

    Of a parameter a plan that is made once for all values knows nothing: PostgreSQL took a county's lessons for one, as
    all of them were in the same state, and SQLite uses no index that is limited to some states.
    """
    return [literal_column(f"'{each}'", String()) for each in sorted(words)]


def make_engine(url: str | URL, wait_seconds: float = WAIT_SECONDS, *, changes: bool = True) -> Engine:
    """An engine for SQLite or PostgreSQL with the product's connection settings.

    Without `changes` the database itself refuses them.
    """
    parsed = make_url(url)
    pool = {**_POOL, "pool_timeout": wait_seconds}
    if parsed.get_backend_name() == "sqlite":
        # isolation_level None: the driver begins nothing by itself, `_begin` below does.
        engine = create_engine(
            parsed,
            poolclass=QueuePool,
            **pool,
            connect_args={
                "isolation_level": None,
                "check_same_thread": False,
                "factory": partial(FairConnection, turns=Turns()),
            },
            hide_parameters=True,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin)
        if not changes:
            event.listen(engine, "connect", _refuse_changes)
        return engine
    options = _POSTGRESQL if changes else (*_POSTGRESQL, "default_transaction_read_only=on")
    engine = create_engine(
        parsed,
        **pool,
        hide_parameters=True,  # an error that is logged quotes no names
        connect_args={"connect_timeout": 5, "options": " ".join(f"-c {each}" for each in options)},
    )
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", partial(_ping_rested, engine.dialect))
    return engine


def _note_rest(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_RESTS_SINCE] = time.monotonic()


def _ping_rested(
    dialect: Dialect, connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object
) -> None:
    """Replace connections that the server has closed meanwhile. What was used a moment ago is not asked: that would
    be a trip more for every request, and a server that ends in that moment costs its caller a second try anyway."""
    since = record.info.get(_RESTS_SINCE)
    if since is None or time.monotonic() - since < RESTED_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error:
        raise InvalidatePoolError from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_LOCK_WAIT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA mmap_size = {_MAPPED}")
    cursor.close()


def _refuse_changes(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON").close()


def _begin(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later fails with "database is locked" at once when
    # another writer came between; the busy timeout does not help there. So writers queue up at BEGIN.
    if connection.get_execution_options().get(_READ_ONLY, False):
        connection.exec_driver_sql("BEGIN")
        return
    begin, fair = "BEGIN IMMEDIATE", cast(FairConnection, connection.connection.driver_connection)
    try:
        fair.take_turn(_LOCK_WAIT_MS / 1000)
    except sqlite3.OperationalError as error:
        raise OperationalError(begin, None, error) from error
    try:
        connection.exec_driver_sql(begin)
    except BaseException:
        fair.end_turn()
        raise


def read_only(engine: Engine) -> Engine:
    """The same engine and pool, for transactions that only read: on SQLite they do not wait for a writer."""
    return engine.execution_options(**{_READ_ONLY: True})


def make_session_factory(engine: Engine) -> SessionFactory:
    """Sessions whose objects stay readable after the commit."""
    return SessionFactory(engine)


def _reading(engine: Engine) -> Engine:
    if engine.dialect.name == "sqlite":
        return read_only(engine)
    # At PostgreSQL's level, READ COMMITTED, a transaction that only reads makes no difference but two more trips.
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def reading(factory: SessionFactory) -> Session:
    """A session for reading only, as a context manager. Nothing keeps what is read twice from changing between."""
    return factory(bind=factory.for_reading)


@dataclass(frozen=True, slots=True)
class Lender:
    """Lends the session of a request for writing, and ends its transaction after the request's own code is done."""

    lend: Callable[[SessionFactory], AbstractContextManager[Session]]
    until_ended: AsyncExitStack
    """Closed when the transaction has ended: the turn to write is given back then."""


async def get_session(connection: HTTPConnection) -> AsyncIterator[Session]:
    """One transaction for one request, committed before the response is sent: here, or by who lends the session."""
    factory: SessionFactory = connection.app.state.session_factory
    if connection.scope.get("method") in ("GET", "HEAD"):
        # No thread is needed: a session connects with its first statement, and when it only read, there is nothing
        # to end but for SQLite to let go of its snapshot.
        async with _turns(_TURNS_TO_READ, READERS_AT_ONCE):
            with reading(factory) as session:
                yield session
        return
    lender: Lender | None = connection.scope.get(LENDER)
    async with AsyncExitStack() as stack:
        keeper = stack if lender is None else lender.until_ended
        await keeper.enter_async_context(_turns(_TURNS_TO_WRITE, WRITERS_AT_ONCE))
        writing = factory.begin() if lender is None else lender.lend(factory)
        session = await stack.enter_async_context(contextmanager_in_threadpool(writing))
        session.info[CALLER_ADDRESS] = address_of(connection)
        yield session


def _turns(kind: RunVar[CapacityLimiter], at_once: int) -> CapacityLimiter:
    """Bounds how many requests read, or write, at once; the others wait on the event loop.

    If they waited in threads, for each other's connections or locks, they could take up all there are, and the one
    that has the connection or the lock would find none to check its answer in.
    """
    try:
        return kind.get()
    except LookupError:
        turns = CapacityLimiter(at_once)
        kind.set(turns)
        return turns


def address_of(connection: HTTPConnection) -> str:
    """The network address a request came from, as far as one is known."""
    return connection.client.host[:64] if connection.client else ""


# scope="function" makes FastAPI end the transaction before it sends the response: the default scope commits
# afterwards, and a failed commit would still have answered 200.
SessionDep = Annotated[Session, Depends(get_session, scope="function")]


def measure_tables(engine: Engine) -> None:
    """Let SQLite know how its rows are spread, by which it chooses the ways to them; it takes some 50 ms.

    Without, it believes that a county is as rare as a site, and goes through all of its lessons for one site's.
    PostgreSQL measures by itself.
    """
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA analysis_limit = 400")
            connection.exec_driver_sql("ANALYZE")


def take_turns(session: Session, ids: Iterable[uuid.UUID]) -> None:
    """Wait until no other transaction that named one of these ids is running, and keep such others waiting.

    The database's own constraints refuse what must not be; taking turns lets the second one see the first
    one's rows and say what is in the way, and keeps two of them from waiting for each other. On SQLite
    writers take turns anyway, from the start of their transactions.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    # Everybody locks in the same order, or two could wait for each other; unnest keeps that of the array. 63 bits
    # of a random id are as good as all of it; if two ever share them, somebody waits without need.
    keys = sorted({each.int & (1 << 63) - 1 for each in ids})
    session.execute(_TAKE_LOCKS, {"keys": keys})


def rows_of(result: Result[Any]) -> int:
    """How many rows a DELETE or UPDATE took."""
    assert isinstance(result, CursorResult)
    return result.rowcount


def violated(error: IntegrityError) -> str:
    """The name of the constraint, index or trigger that refused a write; "" when the database names none."""
    diagnostics = getattr(error.orig, "diag", None)
    if diagnostics is not None:
        return diagnostics.constraint_name or ""
    message = str(error.orig)
    if columns := re.fullmatch(r"UNIQUE constraint failed: (.+)", message):
        return _unique_name([part.strip() for part in columns[1].split(",")])
    if check := re.fullmatch(r"CHECK constraint failed: (.+)", message):
        return check[1]
    # RAISE(ABORT, 'name') in a trigger; a broken foreign key has no name on SQLite.
    return message if re.fullmatch(r"\w+", message) else ""


def _unique_name(columns: list[str]) -> str:
    """SQLite names the columns of a broken unique constraint; we want the constraint."""
    table_name = columns[0].partition(".")[0]
    table = Base.metadata.tables.get(table_name)
    wanted = {column.partition(".")[2] for column in columns}
    candidates: list[UniqueConstraint | Index] = []
    if table is not None:
        candidates += [item for item in table.constraints if isinstance(item, UniqueConstraint)]
        candidates += [index for index in table.indexes if index.unique]
    for candidate in candidates:
        if {column.name for column in candidate.columns} == wanted:
            return str(candidate.name)
    return ""
