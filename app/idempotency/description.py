"""What the OpenAPI document says of requests with a key."""

from typing import Any

from app.errors import problem_content
from app.idempotency.rules import KEPT_FOR

_HOURS = int(KEPT_FOR.total_seconds() // 3600)
_WHAT = f"A name for this request, such as a UUID: sent again within {_HOURS} hours, nothing is done twice. "
_KEPT = "It is answered as the first time (with `Idempotency-Replayed`)"
_NOT_KEPT = (
    "The answer is secret or personal, and not kept: the second time it is 409 `idempotency.answer_not_kept`"
)


def describe_key(operation: dict[str, Any], *, kept: bool) -> None:
    """Add the header field to an operation, and what may come of it."""
    schema = {"type": "string", "maxLength": 257, "example": "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11"}
    parameter = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": _WHAT + (_KEPT if kept else _NOT_KEPT),
        "schema": schema,
    }
    operation.setdefault("parameters", []).append(parameter)
    for status, what in (("400", "Not a key"), ("409", "Conflict"), ("422", "Invalid content")):
        operation["responses"].setdefault(status, {"description": what, "content": problem_content()})
