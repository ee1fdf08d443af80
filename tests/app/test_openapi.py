"""The OpenAPI document is complete, and nothing in it is open by accident."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings

# What anybody may ask: are you up, and who am I (which takes a password).
DEVICES = {
    "/api/v1/terminal-pairings",
    "/api/v1/terminal-pairings/state",
    "/api/v1/terminals/{terminal_id}/challenge",
    "/api/v1/terminals/{terminal_id}/session",
    "/api/v1/guest-session",
}
OPEN = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/token",
    "/api/v1/token/revoke",
    "/api/v1/session",
    "/api/v1/session/code",
    "/api/v1/password-resets",
    "/api/v1/password-resets/finish",
    "/api/v1/mail-confirmations",
} | DEVICES
# Their address is the key: it holds a secret of 256 bits, which only the session's opener learns (RFC 9725 §4.1).
# A calendar feed's is told to whoever made it.
SECRET_ADDRESSES = {
    "/whip/{lesson_id}/{stream}/{secret}",
    "/whep/{lesson_id}/{stream}/{secret}",
    "/calendars/{secret}.ics",
}
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    folder: Path = tmp_path_factory.mktemp("openapi")
    api = create_app(Settings(data_dir=folder, database_url=f"sqlite:///{folder}/x.db"))
    yield api
    api.state.engine.dispose()


@pytest.fixture(scope="module")
def document(api: FastAPI) -> dict[str, Any]:
    answer = TestClient(api).get("/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield method, path, operation


def test_every_operation_says_what_it_is_for(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for method, path, operation in operations(document):
        assert operation.get("summary"), f"{method} {path}"
        assert operation.get("description"), f"{method} {path}"
        assert set(operation["tags"]) <= tags, f"{method} {path}"


def test_everything_but_the_open_doors_names_its_lock(document: dict[str, Any]) -> None:
    unlocked = {path for _method, path, operation in operations(document) if not operation.get("security")}
    assert unlocked == OPEN | SECRET_ADDRESSES


def test_nobody_gets_past_a_lock(api: FastAPI, document: dict[str, Any]) -> None:
    """Tried at the real doors, not read from the document."""
    client = TestClient(api, raise_server_exceptions=False)
    for method, path, _operation in operations(document):
        if path not in OPEN | SECRET_ADDRESSES:
            address = re.sub(r"\{stream\}", "main", path)
            address = re.sub(r"\{\w+\}", str(uuid.UUID(int=1)), address)
            answer = client.request(method, address)
            assert answer.status_code == 401, f"{method} {path} gives {answer.status_code}"
            assert answer.json()["code"].startswith("token."), f"{method} {path}"


def test_errors_are_problem_documents(document: dict[str, Any]) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400" and (path, status) != ("/readyz", "503"):
                content = response["content"]
                assert list(content) == ["application/problem+json"], f"{method} {path} {status}"
                assert content["application/problem+json"]["schema"] == problem, f"{method} {path} {status}"
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_schema_comes_with_an_example(document: dict[str, Any]) -> None:
    """A whole one, or one for the fields that do not speak for themselves."""

    def shown(schema: dict[str, Any]) -> bool:
        return "example" in schema or any("examples" in field for field in schema["properties"].values())

    without = [
        name
        for name, schema in document["components"]["schemas"].items()
        if schema.get("type") == "object" and not name.startswith(("Page_", "Body_")) and not shown(schema)
    ]
    assert not without
