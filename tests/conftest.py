"""Fixtures for the whole suite: fresh databases on SQLite and PostgreSQL, the application, a client."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.testclient import TestClient
from xdist.scheduler import LoadFileScheduling

from app import database
from app.accounts import passwords
from app.database import SessionFactory, make_engine, make_session_factory
from app.keys import Keys
from app.main import create_app
from app.settings import PREFIX, Settings
from tests.databases import PostgresDatabases, SqliteDatabases, postgres_server
from tests.engines import share_engines
from tests.folders import use_memory
from tests.logs import logging_as_found
from tests.patience import PATIENCE

use_memory()
share_engines()
gc.disable()  # until everything is imported

# A busy machine is no failure: examples are not timed. The time limits that matter are in the scenarios.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

_COLLECTED_AFTER = (20_000, 10, 10)
"""Objects made, then rounds of each generation: an application makes tens of thousands and drops them again."""
_POSTGRES_VARIABLE = "TONGTANG_TEST_POSTGRES_URL"


_LONGEST_FIRST = ("tests/browser/", "tests/scenarios/", "tests/media_relay/", "tests/app/demo/")


_TOGETHER = {
    # What draws or decodes several pictures at once, each of which wants a processor: one after the other.
    "pictures": (
        "tests/browser/",
        "tests/scenarios/test_main_job.py",
        "tests/scenarios/test_isolation.py",
        "tests/app/demo/test_command.py",
        "tests/weak_links/",
    ),
    # These share an application with its relay node.
    "live": ("tests/app/live/",),
}
"""What stays in one process."""


class _Files(LoadFileScheduling):  # type: ignore[misc]
    """A file stays with one process for its fixtures, and so does what is to be together."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return next((name for name, paths in _TOGETHER.items() if file.startswith(paths)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """How processes share the suite, as they do in ``make test``."""
    return _Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is left alone with it."""
    items.sort(key=_rank)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was imported stays: else the collector walks through it time and again, a fifth of all the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)
    gc.enable()


def _rank(item: pytest.Item) -> int:
    path = item.path.as_posix()
    return next((n for n, folder in enumerate(_LONGEST_FIRST) if folder in path), len(_LONGEST_FIRST))


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """No setting of the machine reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(PREFIX) and name != _POSTGRES_VARIABLE]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Argon2 as it is, but of less strength: that of the product takes 30 ms, and is what `test_passwords` is about."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", lambda: quick)
        yield


@pytest.fixture(scope="session", autouse=True)
def _patient_with_locks() -> Iterator[None]:
    """Fifty who write at once take a slow and busy machine longer than anybody else is kept waiting."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_LOCK_WAIT_MS", int(PATIENCE * 1000))
        yield


@pytest.fixture(autouse=True)
def _logging_as_found() -> Iterator[None]:
    """A command sets up logging for its process; here it would go on into streams that were the test's own."""
    with logging_as_found():
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server: the one of TONGTANG_TEST_POSTGRES_URL, else one of our own."""
    if given := os.environ.get(_POSTGRES_VARIABLE):
        yield given
    else:
        with postgres_server() as url:
            yield url


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """Source of fresh SQLite databases."""
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_databases(postgres_url: str) -> Iterator[PostgresDatabases]:
    """Source of fresh PostgreSQL databases."""
    databases = PostgresDatabases(postgres_url)
    yield databases
    databases.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database at the newest revision; every test that asks for it runs on both kinds."""
    name = "sqlite_databases" if request.param == "sqlite" else "postgres_databases"
    databases: SqliteDatabases | PostgresDatabases = request.getfixturevalue(name)
    with databases.fresh(tmp_path) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the fresh database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session_factory(engine: Engine) -> SessionFactory:
    """Sessions on the fresh database."""
    return make_session_factory(engine)


@pytest.fixture
def session(session_factory: SessionFactory) -> Iterator[Session]:
    """A session of the test's own. Commit before the application is asked."""
    with session_factory() as session:
        yield session


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings on the fresh database and an empty data folder."""
    return Settings(data_dir=tmp_path / "data", database_url=database_url)


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    """The application; its lifespan (relay nodes, clocks) is not entered."""
    app = create_app(settings)
    yield app
    app.state.engine.dispose()


@pytest.fixture
def keys(app: FastAPI) -> Keys:
    """The application's signing keys."""
    keys: Keys = app.state.keys
    return keys


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of the application without its lifespan; an unexpected error becomes a 500, as for users."""
    client = TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50000))
    # Else each request makes an event loop and threads of its own, which takes as long as most answers.
    with start_blocking_portal() as client.portal:
        yield client
