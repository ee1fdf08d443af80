"""Logs: one event a line, and no secrets in it."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.logs import RequestLog, configure_logging


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    structlog.stdlib.get_logger("app.test").info("lesson started", lesson="7", title="英语")
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "lesson started",
        "lesson": "7",
        "title": "英语",
        "level": "info",
        "logger": "app.test",
    }


def test_records_of_libraries_take_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    logging.getLogger("uvicorn.error").warning("port %d", 8000)
    assert lines(capsys)[0]["event"] == "port 8000"


def test_a_traceback_stays_on_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (line,) = lines(capsys)
    assert line["exception"][0]["exc_value"] == "no"


def test_less_than_the_level_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning", "console")
    structlog.stdlib.get_logger("x").info("chatter")
    structlog.stdlib.get_logger("x").warning("trouble")
    written = capsys.readouterr().err
    assert "trouble" in written
    assert "chatter" not in written


@pytest.mark.parametrize("key", ["password", "token", "secret", "authorization"])
def test_a_secret_given_by_mistake_is_not_written(capsys: pytest.CaptureFixture[str], key: str) -> None:
    configure_logging("info", "json")
    structlog.stdlib.get_logger("x").info("oops", **{key: "geheim"})
    assert lines(capsys)[0][key] == "…"


def test_a_request_is_logged_by_route_and_not_by_address(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, str, int]] = []
    api = FastAPI()
    api.add_middleware(
        RequestLog, observe=lambda method, route, status, _s: seen.append((method, route, status))
    )

    @api.get("/whip/{secret}")
    def session(secret: str) -> None:
        """A route whose address must not be written down."""

    configure_logging("info", "json")
    with TestClient(api) as client:
        client.get("/whip/s3cr3t?key=k3y")
        client.request("BREW", "/nowhere")
    requests = [line for line in lines(capsys) if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == seen
    assert seen == [("GET", "/whip/{secret}", 200), ("OTHER", "-", 404)]
    assert "s3cr3t" not in str(requests)
    assert "k3y" not in str(requests)
