"""Databases for tests: a real PostgreSQL of our own, and fresh migrated copies of a template.

The suite runs on both, so what is missing makes it fail, not skip.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from app.migrate import upgrade
from tests import engines

_BINARIES = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")
_TEMPLATE = f"tongtang_template_{os.getpid()}"
"""Several test processes may share a server."""
_numbers = count()
_MOST_USES = 100
"""Nobody clears dead rows away, and statements go through them."""
_TABLES = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
"""
_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL (%s::int[])
"""
"""Waits for their end, in ms: whoever is not ours any more might still write."""
_SHAPE = "SELECT (SELECT array_agg(version_num) FROM alembic_version), " + ", ".join(
    f"(SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_{each})"
    for each in (
        "class attribute constraint trigger proc namespace policy rewrite default_acl db_role_setting".split()
    )
)
"""Which transactions wrote the catalogue: any statement that changes more than rows is among them."""
_RESTART_SEQUENCES = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"


class SqliteDatabases:
    """Copies of a migrated file."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        upgrade(f"sqlite:///{self._template}")

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[str]:
        """A copy in the test's own folder."""
        copy = folder / "tongtang.db"
        shutil.copyfile(self._template, copy)
        yield f"sqlite:///{copy}"


class PostgresDatabases:
    """Copies of a migrated database on one server. What a test leaves behind is taken out, and the next one uses the
    same copy: to make one takes as long as a test, and so does every connection that knows none of its tables yet."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server)
        self._admin = psycopg.connect(self._plain(self._server.database), autocommit=True)
        self._admin.execute(f"CREATE DATABASE {_TEMPLATE}".encode())
        upgrade(self._url(_TEMPLATE))
        self._rested: list[_Copy] = []

    def close(self) -> None:
        """Leave nothing behind on a server that is not ours."""
        for copy in self._rested:
            self._drop(copy)
        self._admin.execute(f"DROP DATABASE {_TEMPLATE} WITH (FORCE)".encode())
        self._admin.close()

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[str]:
        """A copy that is as new."""
        copy = self._rested.pop() if self._rested else self._make()
        try:
            yield self._url(copy.name)
        finally:
            if copy.is_as_new_again():
                self._rested.append(copy)
            else:
                self._drop(copy)

    def _make(self) -> "_Copy":
        name = f"tongtang_{os.getpid()}_{next(_numbers)}"
        # Copying the files is four times as fast as writing them to the log.
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY".encode())
        engines.keep(name)
        return _Copy(name, self._plain(name))

    def _drop(self, copy: "_Copy") -> None:
        copy.close()
        engines.forget(copy.name)
        self._admin.execute(f"DROP DATABASE {copy.name} WITH (FORCE)".encode())

    def _plain(self, name: str | None) -> str:
        return self._server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)

    def _url(self, name: str) -> str:
        return self._server.set(drivername="postgresql+psycopg", database=name).render_as_string(
            hide_password=False
        )


class _Copy:
    """A database for one test after the other, and a connection to it of our own."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._connection = psycopg.connect(url, autocommit=True, prepare_threshold=0)
        self._connection.execute("SET session_replication_role = replica")  # no triggers, no foreign keys
        tables = [row[0] for row in self._connection.execute(_TABLES)]
        lines = "".join(f"IF EXISTS (SELECT FROM {each}) THEN DELETE FROM {each}; END IF;" for each in tables)
        self._empty = f"DO $$ BEGIN {lines} END $$".encode()
        self._shape = self._shape_now()
        self._uses = 0

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def is_as_new_again(self) -> bool:
        """Take out what is in it; False where somebody changed its shape, or it grew old."""
        self._uses += 1
        try:
            self._connection.execute(_END_OTHERS, [engines.waiting_processes(self.name)])
            if self._uses >= _MOST_USES or self._shape_now() != self._shape:
                return False
            self._connection.execute(self._empty)
            self._connection.execute(_RESTART_SEQUENCES)
        except psycopg.Error:
            return False
        return True

    def _shape_now(self) -> object:
        return self._connection.execute(_SHAPE).fetchone()


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL started for this test run, on a UNIX socket only."""
    with tempfile.TemporaryDirectory(prefix="tongtang-pg-") as name:
        folder = Path(name)
        account = _unprivileged_account(folder)
        data = folder / "data"
        options = (
            f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=200"
            # Nothing of it outlives the tests.
            " -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off"
            " -c wal_level=minimal -c max_wal_senders=0"
        )
        _run([_binary("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"], account)
        _run([_binary("pg_ctl"), "-D", data, "-w", "-o", options, "-l", folder / "log", "start"], account)
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            _run([_binary("pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop"], account)


def _unprivileged_account(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: give the folder to somebody else, and run it as them."""
    if os.geteuid() != 0:
        return None
    for account in ("postgres", "nobody"):
        try:
            shutil.chown(folder, account)
        except LookupError:
            continue
        return account
    raise RuntimeError("there is neither an account postgres nor nobody to run PostgreSQL as")


def _binary(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join((*_BINARIES, os.environ.get("PATH", ""))))
    if found is None:
        raise RuntimeError(f"{name} is missing: apt install postgresql, or set TONGTANG_TEST_POSTGRES_URL")
    return found


def _run(command: list[str | Path], account: str | None) -> None:
    # The server inherits the standard streams: a pipe would never see its end.
    with tempfile.TemporaryFile() as output:
        extra: list[int] | None = None if account is None else []
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, user=account,
            group=_group_of(account), extra_groups=extra, cwd="/", check=False,
        )  # fmt: skip
        if done.returncode != 0:
            output.seek(0)
            raise RuntimeError(f"{command[0]} failed: {output.read().decode(errors='replace')}")


def _group_of(account: str | None) -> int | None:
    if account is None:
        return None
    return pwd.getpwnam(account).pw_gid
