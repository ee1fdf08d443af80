"""The OpenAPI document is complete, and nothing in it is open by accident."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.testclient import TestClient

from app.main import create_app
from app.openapi import NO_ADDRESS
from app.schemas import Input, Output
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


# --- habits -------------------------------------------------------------------------------------------------

# Short by nature, or answered whole: what somebody has, a lesson's links, what a report counts.
WHOLE_LISTS = {
    "/api/v1/me/access-tokens",
    "/api/v1/me/sign-ins",
    "/api/v1/subjects",
    "/api/v1/webhooks",
    "/api/v1/relay-nodes",
    "/api/v1/pairings/suggestions",
    "/api/v1/lessons/{lesson_id}/guest-links",
    "/api/v1/reports/unserved",
    "/api/v1/reports/unassigned",
}
# The same thing by another way: which one it is changes by itself.
ALIASES = {"/api/v1/org-units/{org_unit_id}/bell-schedule", "/api/v1/lessons/current"}


def fields_of(document: dict[str, Any], operation: dict[str, Any], status: str) -> set[str]:
    """The fields of what an operation answers."""
    content = operation["responses"].get(status, {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema.get("properties", ()))


def parameters_of(operation: dict[str, Any]) -> set[str]:
    return {each["name"].lower() for each in operation.get("parameters", ())}


def test_every_list_has_pages(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        fields = fields_of(document, operation, "200")
        if method == "get" and "items" in fields and path not in WHOLE_LISTS:
            assert "next" in fields, path
            assert {"limit", "after"} <= parameters_of(operation), path


def test_what_counts_versions_takes_conditions(document: dict[str, Any]) -> None:
    """What is looked at by itself has an ETag; what changes it takes If-Match."""
    for path, item in document["paths"].items():
        shown = item.get("get", {"responses": {}})
        if (
            not path.startswith("/api/")
            or "version" not in fields_of(document, shown, "200")
            or path in ALIASES
        ):
            continue
        assert "if-none-match" in parameters_of(shown), path
        assert {"200", "304"} <= shown["responses"].keys(), path
        assert "ETag" in shown["responses"]["200"]["headers"], path
        for method in {"patch", "put", "delete"} & item.keys():
            assert "if-match" in parameters_of(item[method]), f"{method} {path}"
            assert "412" in item[method]["responses"], f"{method} {path}"


def test_what_is_created_has_an_address_and_takes_a_key(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        created = operation["responses"].get("201")
        if method == "post" and created and path.startswith("/api/v1/"):
            assert ("Location" in created.get("headers", {})) is (path not in NO_ADDRESS), path
            if "Location" in created.get("headers", {}):
                assert "idempotency-key" in parameters_of(operation), path


def test_names_are_alike(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for each in operation.get("parameters", ()):
            if each["in"] != "header":
                assert re.fullmatch(r"[a-z][a-z_]*", each["name"]), f"{method} {path} {each['name']}"
            if _is_id(each["schema"]):
                assert each["name"].endswith("_id"), f"{method} {path} {each['name']}"
        assert re.fullmatch(r"(/([a-z-]+|\.well-known|\{[a-z_]+\}(\.(ics|\{form\}))?|v1|[a-z.]+))+", path), (
            path
        )

    for name, schema in document["components"]["schemas"].items():
        assert "__" not in name, "two have this name, so both are shown by where they are in the source"
        for field, shape in schema.get("properties", {}).items():
            if _is_id(shape) and field not in ("id", "calendar_uid"):
                assert field.endswith(("_id", "_ids")), f"{name}.{field}"


def _is_id(shape: dict[str, Any]) -> bool:
    """Whether that is the id of something, or a list of ids, or neither where there may be none."""
    kinds = [shape, shape.get("items", {}), *shape.get("anyOf", ())]
    return any(kind.get("format") == "uuid" for kind in kinds)


def test_examples_are_what_they_are_examples_of() -> None:
    """An example of a body that would be refused misleads; one of an answer without a field as well."""

    def models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
        for each in base.__subclasses__():
            yield each
            yield from models(each)

    checked = 0
    for model in (*models(Input), *models(Output)):
        extra = model.model_config.get("json_schema_extra")
        if model.__module__.startswith("app.") and isinstance(extra, dict):
            model.model_validate(extra["example"])
            checked += 1
    assert checked > 100
