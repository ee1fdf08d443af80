"""Health for operators: up, ready, figures."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.main import create_app
from app.metrics import DatabaseChecks
from app.settings import Settings
from tests.statements import recorded


def test_up_says_which_version(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "up", "version": "0.1.0"}


def test_not_ready_without_a_relay_node(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": {"database": True, "migrations": True, "clock": True, "relay": False},
    }


@pytest.mark.parametrize(
    ("url", "reachable"),
    [("sqlite:///{folder}/empty.db", True), ("postgresql://nobody@127.0.0.1:1/nothing", False)],
)
def test_not_ready_without_tables_or_database(tmp_path: Path, url: str, reachable: bool) -> None:
    app = create_app(Settings(data_dir=tmp_path, database_url=url.format(folder=tmp_path)))
    answer = TestClient(app).get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": reachable,
        "migrations": False,
        "clock": reachable,
        "relay": False,
    }
    assert TestClient(app).get("/healthz").status_code == 200
    app.state.engine.dispose()


def test_the_database_is_asked_once_a_second_however_many_want_to_know(engine: Engine) -> None:
    checks = DatabaseChecks(engine)
    with recorded(engine) as statements:
        assert checks.look(10.0)["database"] is True
        once = len(statements)
        for _ in range(20):
            assert checks.look(10.9)["database"] is True
        assert len(statements) == once > 0
        checks.look(11.0)
        assert len(statements) == 2 * once


def test_figures_count_requests_by_route(client: TestClient) -> None:
    for number in range(3):
        client.get(f"/api/v1/rooms/{number}")
    figures = client.get("/metrics")
    assert figures.headers["Content-Type"].startswith("text/plain")
    wanted = 'tongtang_http_requests_total{method="GET",route="/api/v1/rooms/{room_id}",status="401"} 3.0'
    assert wanted in figures.text
    assert "process_cpu_seconds_total" in figures.text


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.1", 200), ("::1", 200), ("10.1.2.3", 200), ("8.8.8.8", 403), ("somewhere", 403)],
)
def test_figures_are_for_the_neighbourhood(app: FastAPI, address: str, status: int) -> None:
    assert TestClient(app, client=(address, 50000)).get("/metrics").status_code == status
