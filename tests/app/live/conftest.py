"""A lesson on air, and the application with a real relay node behind it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.database import SessionFactory
from app.keys import Keys
from app.live import coordinator
from app.live.turn import IceServers
from app.main import create_app
from app.settings import Settings
from tests.app.live.pages import OnAir
from tests.app.live.scene import Scene, make_scene
from tests.databases import PostgresDatabases, SqliteDatabases
from tests.patience import PATIENCE
from tests.ports import free_port


@pytest.fixture(autouse=True)
def _nodes_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer to start a node than people are kept waiting for one."""
    monkeypatch.setattr(coordinator, "NODE_PATIENCE", PATIENCE)


@pytest.fixture
def scene(session: Session) -> Scene:
    """A scene of the test's own."""
    return make_scene(session)


@pytest.fixture
def on_air(
    app: FastAPI, live: TestClient, keys: Keys, scene: Scene, offer: str, session_factory: SessionFactory
) -> OnAir:
    """All that a page needs in a lesson on air."""
    return OnAir(app, live, keys, scene, offer, session_factory)


# A relay node takes half a second to start, so these tests share one, with its application and a database of either
# kind; each test has a scene of its own.


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh database for all of them, of either kind."""
    databases: SqliteDatabases | PostgresDatabases = request.getfixturevalue(
        "sqlite_databases" if request.param == "sqlite" else "postgres_databases"
    )
    with databases.fresh(tmp_path_factory.mktemp("live")) as url:
        yield url


@pytest.fixture(scope="package")
def app(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[FastAPI]:
    """The application, with a media port that is free."""
    with application(tmp_path_factory.mktemp("data"), database_url) as app:
        yield app


@pytest.fixture(scope="package")
def live(app: FastAPI) -> Iterator[TestClient]:
    """A client of the application with its relay node running."""
    with client_with_a_node(app) as client:
        yield client


@contextmanager
def application(data_dir: Path, database_url: str) -> Iterator[FastAPI]:
    """An application on this database."""
    app = create_app(Settings(data_dir=data_dir, database_url=database_url, media_port=free_port()))
    yield app
    app.state.engine.dispose()


@contextmanager
def client_with_a_node(app: FastAPI) -> Iterator[TestClient]:
    """A client of an application whose relay node runs."""
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.portal is not None
        client.portal.call(app.state.coordinator.wait_ready, PATIENCE)
        yield client


@pytest.fixture(scope="session")
def offer() -> str:
    """What a camera and a microphone would offer."""
    return asyncio.run(_offer())


async def _offer() -> str:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in ("audio", "video"):
        connection.addTransceiver(kind, direction="sendrecv")
    await connection.setLocalDescription(await connection.createOffer())
    sdp: str = connection.localDescription.sdp
    await connection.close()
    return sdp


TURN_URLS = ("stun:turn.example.org:3478", "turn:turn.example.org:3478", "turns:turn.example.org:443")


@pytest.fixture
def turn(app: FastAPI) -> Iterator[IceServers]:
    """The application hands out a STUN server and two ways to a TURN server."""
    before = app.state.ice_servers
    app.state.ice_servers = IceServers(TURN_URLS, "hush")
    yield app.state.ice_servers
    app.state.ice_servers = before
