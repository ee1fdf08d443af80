"""The demo's short links: one click signs in, and nothing else does."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.demo.links import DemoLink, add_links, link_key
from app.keyring import Ring
from app.keys import Keys
from app.main import create_app
from app.seeds.small import TEACHER, ensure_demo
from app.settings import Settings
from tests.databases import SqliteDatabases


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[FastAPI]:
    """One application for all: links change nothing."""
    folder = tmp_path_factory.mktemp("links")
    with sqlite_databases.fresh(folder) as url:
        app = create_app(Settings(data_dir=folder, database_url=url))
        yield app
        app.state.engine.dispose()


@pytest.fixture(scope="module")
def client(app: FastAPI) -> TestClient:
    return TestClient(app, raise_server_exceptions=False)


def test_a_server_without_demo_has_no_links(client: TestClient) -> None:
    assert client.get("/demo/aaaaaaaa").status_code == 404


@pytest.fixture(scope="module")
def paths(app: FastAPI) -> list[str]:
    with app.state.session_factory.begin() as session:
        ensure_demo(session, app.state.settings, datetime.now(UTC))
    return add_links(app, [DemoLink("site1", "/site"), DemoLink(TEACHER, "/teach")])


def test_a_click_signs_in_and_opens_the_page(paths: list[str], client: TestClient) -> None:
    answer = client.get(paths[1], follow_redirects=False)
    assert answer.status_code == 303
    page, _, name = answer.headers["location"].partition("#as=")
    assert page == "/teach"
    assert client.get("/api/v1/me", headers={"X-Sign-In": name}).json()["login"] == TEACHER
    assert answer.headers["cache-control"] == "no-store"


def test_links_are_short_differ_and_stay(paths: list[str]) -> None:
    assert all(re.fullmatch(r"/demo/[a-z2-7]{8}", path) for path in paths)
    assert len(set(paths)) == 2
    ring = Ring.new(datetime.now(UTC))
    link, first, second = DemoLink("site1", "/site"), Keys(b"a" * 32, ring), Keys(b"b" * 32, ring)
    assert link_key(first, link) == link_key(first, link) != link_key(second, link)


@pytest.mark.parametrize("key", ["aaaaaaaa", "site1", "%00"])
def test_a_guess_is_refused(paths: list[str], client: TestClient, key: str) -> None:
    answer = client.get(f"/demo/{key}", follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (404, "demo.no_link")
