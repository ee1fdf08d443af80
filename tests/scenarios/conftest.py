"""Fixtures of the scenarios: a server with a county and its admin."""

from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from app.__main__ import main
from app.demo.api import Password
from tests.databases import SqliteDatabases
from tests.logs import logging_as_found
from tests.scenarios.server import ServerProcess, running_server


@dataclass(frozen=True)
class County:
    """A running server with one county in it."""

    server: ServerProcess
    admin: Password


def found_county(data_dir: Path, database_url: str, code: str = "C1", login: str = "admin") -> Password:
    """Found a county on the command line; its first bureau admin."""
    storage = ("--data-dir", str(data_dir), "--database-url", database_url, "--log-level", "warning")
    with logging_as_found(), redirect_stdout(StringIO()) as said:
        assert main(["create-county", code, "County", "--admin", login, "--password-stays", *storage]) == 0
    return Password(login, said.getvalue().split()[-1])


@pytest.fixture
def county(tmp_path: Path, database_url: str) -> Iterator[County]:
    """A fresh server; every scenario that asks for it runs on SQLite and on PostgreSQL."""
    admin = found_county(tmp_path, database_url)
    with running_server(tmp_path, database_url) as server:
        yield County(server, admin)


@pytest.fixture(scope="module")
def shared_county(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[County]:
    """One server for the scenarios of a module that leave each other alone."""
    folder = tmp_path_factory.mktemp("county")
    with sqlite_databases.fresh(folder) as url:
        admin = found_county(folder, url)
        with running_server(folder, url) as server:
            yield County(server, admin)
