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

_BINARIES = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")
_TEMPLATE = f"tongtang_template_{os.getpid()}"
"""Several test processes may share a server."""
_numbers = count()


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
    """Copies of a migrated database on one server."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server)
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        upgrade(self._url(_TEMPLATE))

    def close(self) -> None:
        """Leave nothing behind on a server that is not ours."""
        self._execute(f"DROP DATABASE {_TEMPLATE} WITH (FORCE)")

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[str]:
        """A copy, dropped afterwards."""
        name = f"tongtang_{os.getpid()}_{next(_numbers)}"
        # Copying the files is four times as fast as writing them to the log.
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")
        try:
            yield self._url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _url(self, name: str) -> str:
        return self._server.set(drivername="postgresql+psycopg", database=name).render_as_string(
            hide_password=False
        )

    def _execute(self, statement: str) -> None:
        server = self._server.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(statement.encode())


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
