"""The OpenAPI document, with errors described as they are sent: problem details instead of FastAPI's own."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI

from app.errors import problem_content, problem_schemas

_ENTITY_TAG = {"description": "Of this answer (RFC 9110 §8.8.3)", "schema": {"type": "string"}}
_LOCATION = {"description": "The address of what was created", "schema": {"type": "string"}}

NO_ADDRESS: Final = frozenset(
    {
        "/api/v1/people/{person_id}/assignments",
        "/api/v1/session",
        "/api/v1/session/code",
        "/api/v1/me/access-tokens",
        "/api/v1/me/second-factor",
        "/api/v1/terminal-pairings",
        "/api/v1/terminals",
        "/api/v1/lessons/{lesson_id}/guest-links",
        "/api/v1/guest-session",
        "/api/v1/calendar-feeds",
        "/api/v1/webhooks",
        "/api/v1/webhooks/{webhook_id}/test",
    }
)
"""What is created there is found in a list, and cannot be looked at by itself."""

DESCRIPTION = """
One lesson, many classrooms: a teacher in a main classroom also teaches, live, the classes of teaching sites.

Sign in with `POST /api/v1/token` and send the token as `Authorization: Bearer …`. Every error is a problem
document (RFC 9457) with a stable `code`. Who
asks too often is answered 429 with `Retry-After`. Times are UTC. Lists come in pages: give `next` as `after`.
"""

TAGS: list[dict[str, Any]] = [
    {"name": "accounts", "description": "Signing in, people and their roles."},
    {"name": "terminals", "description": "Rooms' big screens, which nobody signs in to by typing."},
    {"name": "audit", "description": "Who did what, in a trail that nobody can change unseen."},
    {"name": "schools", "description": "The county tree and its rooms."},
    {"name": "pupils", "description": "Pupils known by name, each under a guardian's consent in force."},
    {"name": "pairings", "description": "Agreements between a main classroom and a teaching site."},
    {"name": "timetables", "description": "Terms, bell schedules and the weekly timetable."},
    {"name": "lessons", "description": "Dated lessons, and what each role may publish and watch."},
    {
        "name": "calendar feeds",
        "description": "Lessons in the calendars people have already (iCalendar, RFC 5545).",
    },
    {
        "name": "notices",
        "description": "What happened to lessons, told to the people it concerns and to other systems.",
    },
    {"name": "tables", "description": "Whole tables in and out: XLSX and CSV files."},
    {"name": "reports", "description": "What is required, planned and delivered, with the lists behind it."},
    {"name": "media", "description": "WHIP (RFC 9725) to publish and WHEP to watch, with any client."},
    {"name": "relay nodes", "description": "For operators: how the media's processes are, and emptying one."},
    {"name": "health", "description": "For operators."},
]


class Api(FastAPI):
    """FastAPI that documents problem details, and what `also_describe` adds."""

    also_describe: Callable[[dict[str, Any]], None] | None = None

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            for path, item in document["paths"].items():
                for operation in item.values():
                    _describe_problems(operation["responses"])
                    _describe_guards(path, operation)
            if self.also_describe is not None:
                self.also_describe(document)
            schemas = document["components"]["schemas"]
            schemas |= problem_schemas()
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
        assert self.openapi_schema is not None
        return self.openapi_schema


def _describe_guards(path: str, operation: dict[str, Any]) -> None:
    """What is answered whatever the operation: by the guards before the application (`app.guard`), by the gate, for a
    body or an address that is none."""
    said = operation["responses"]
    problem = {"content": problem_content()}
    retry = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}
    said.setdefault("429", {"description": "Too many requests", **problem}).setdefault("headers", retry)
    if any(each["in"] == "query" for each in operation.get("parameters", ())):
        said.setdefault("414", {"description": "Address too long", **problem})
    if "requestBody" in operation:
        said.setdefault("400", {"description": "The body cannot be read", **problem})
        said.setdefault("413", {"description": "Too large", **problem})
    asked = {each["name"].lower() for each in operation.get("parameters", ()) if each["in"] == "header"}
    if "if-none-match" in asked:
        said["200"].setdefault("headers", {})["ETag"] = _ENTITY_TAG
        said.setdefault("304", {"description": "Still the same", "headers": {"ETag": _ENTITY_TAG}})
    if "if-match" in asked:
        said.setdefault("412", {"description": "Changed meanwhile", **problem})
    if operation.get(
        "security"
    ):  # a password to be changed first is a 403 at every gate, a busy database a 503
        said.setdefault("401", {"description": "Not signed in", **problem})
        said.setdefault("403", {"description": "Not allowed", **problem})
        said.setdefault("503", {"description": "Unavailable", **problem})
    if "201" in said and path.startswith("/api/v1/") and path not in NO_ADDRESS:
        said["201"].setdefault("headers", {})["Location"] = _LOCATION
    if "{" in path:
        said.setdefault("404", {"description": "Not found", **problem})


def _describe_problems(operation_responses: dict[str, Any]) -> None:
    invalid = operation_responses.get("422", {})
    schema = invalid.get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref", "").endswith("/HTTPValidationError"):
        invalid |= {"description": "Invalid content", "content": problem_content()}
