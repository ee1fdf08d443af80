"""Relay nodes as their operators see them, with a real one behind."""

import time
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.audit.models import AuditEvent
from app.keys import Keys
from tests import factories
from tests.app.live.conftest import application, client_with_a_node
from tests.app.live.scene import Scene, sdp_headers
from tests.databases import SqliteDatabases
from tests.patience import PATIENCE

NODES = "/api/v1/relay-nodes"


@pytest.fixture(scope="module")
def database_url(
    sqlite_databases: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """One kind of database: nothing here is about it."""
    with sqlite_databases.fresh(tmp_path_factory.mktemp("nodes")) as url:
        yield url


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[FastAPI]:
    """An application of its own: its node is emptied and ended."""
    with application(tmp_path_factory.mktemp("data"), database_url) as app:
        yield app


@pytest.fixture(scope="module")
def live(app: FastAPI) -> Iterator[TestClient]:
    """A client of it."""
    with client_with_a_node(app) as client:
        yield client


def until(condition: Callable[[], bool]) -> None:
    """Wait for what a process does; nothing of it can be awaited here."""
    stop = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < stop, "it did not happen in time"
        time.sleep(0.05)


def test_an_operator_empties_a_node_and_takes_it_back(
    live: TestClient, app: FastAPI, scene: Scene, keys: Keys, offer: str
) -> None:
    bureau = factories.bearer(keys, scene.bureau)

    def node() -> dict[str, object]:
        (only,) = live.get(NODES, headers=bureau).json()["items"]
        return dict(only)

    until(lambda: node()["state"] == "ready")
    published = live.post(scene.whip(), content=offer, headers=sdp_headers(keys, scene.teacher))
    assert published.status_code == 201
    before = node()
    assert (before["index"], before["port"]) == (0, app.state.settings.media_port)
    assert (before["lessons"], before["sessions"]) == (1, 1)

    nowhere = live.post(f"{NODES}/0/drain", json={"move": True}, headers=bureau)
    assert (nowhere.status_code, nowhere.json()["code"]) == (409, "node.last")
    draining = live.post(f"{NODES}/0/drain", headers=bureau)
    assert (draining.status_code, draining.json()["state"]) == (200, "draining")
    assert live.delete(f"{NODES}/0/drain", headers=bureau).json()["state"] == "ready"

    live.post(f"{NODES}/0/drain", json={"release": True}, headers=bureau)
    live.delete(published.headers["location"], headers=factories.bearer(keys, scene.teacher))
    until(lambda: node()["state"] == "released")
    assert node()["pid"] is None
    live.delete(f"{NODES}/0/drain", headers=bureau)
    until(lambda: node()["state"] == "ready")
    assert node()["pid"] != before["pid"]


def test_what_is_not_there_or_makes_no_sense_is_refused(live: TestClient, scene: Scene, keys: Keys) -> None:
    bureau = factories.bearer(keys, scene.bureau)
    assert live.post(f"{NODES}/1/drain", headers=bureau).json()["code"] == "node.not_found"
    assert live.post(f"{NODES}/-1/drain", headers=bureau).status_code == 404
    assert live.post(f"{NODES}/0/drain", json={"mvoe": True}, headers=bureau).status_code == 422
    assert live.get(NODES, headers=factories.bearer(keys, scene.teacher)).status_code == 403


def test_emptying_a_node_and_taking_it_back_are_in_the_trail(
    live: TestClient, scene: Scene, keys: Keys, session: Session
) -> None:
    bureau = factories.bearer(keys, scene.bureau)
    live.post(f"{NODES}/0/drain", headers=bureau)
    live.delete(f"{NODES}/0/drain", headers=bureau)
    query = select(AuditEvent.act, AuditEvent.after).where(AuditEvent.person_id == scene.bureau.id)
    drained, undrained = session.execute(query.order_by(AuditEvent.number)).all()
    assert tuple(drained) == ("relay.drained", '{"move":false,"node":0,"release":false}')
    assert tuple(undrained) == ("relay.undrained", '{"node":0}')
