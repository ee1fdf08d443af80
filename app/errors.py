"""Errors a caller can act on, and their rendering as problem details (RFC 9457).

    AppError
    ├── BadRequest         400
    ├── Unauthenticated    401
    ├── Forbidden          403
    ├── NotFound           404
    ├── NotAcceptable      406
    ├── Conflict           409
    ├── Gone               410
    ├── PreconditionFailed 412
    ├── TooLarge           413
    ├── UrlTooLong         414
    ├── UnsupportedMedia   415
    ├── Misdirected        421
    ├── Invalid            422
    ├── PreconditionRequired 428
    ├── TooManyRequests    429
    ├── HeadTooLarge       431
    └── Unavailable        503

    StartupError    the process cannot start; one line for the terminal, never an HTTP answer

Services raise them with a stable `code` ("timetable.clash"), which clients may rely on, and a `detail` for
people.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ExceptionHandler

from app.database import violated

_log = structlog.stdlib.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"
DATABASE_TROUBLE: Final = (OperationalError, PoolTimeout)
"""A lock not had in time, a deadlock, a database that is away; no connection to it that became free in time."""
_MEMBER: Final = re.compile(r"<\w+\.\w+: ('[^']*')>")
"""A member of an enum, as pydantic writes one that is among a few which are taken."""
_NOT_AS_MIGRATED: Final = frozenset({"42501", "42P01", "42703"})
"""PostgreSQL's words for no right, no such table and no such column."""
_OTHERS_WERE_FASTER: Final = frozenset(
    {
        "entry_outside_term",
        "ex_lesson_groups_pupil_group",
        "ex_lesson_sites_receiving_room",
        "ex_lessons_main_room",
        "ex_lessons_teacher",
        "group_closed",
        "lesson_outside_term",
        "pairing_does_not_carry",
        "pairing_over_capacity",
        "room_closed",
        "term_still_planned",
    }
)
"""Rules of the database that services ask about beforehand: broken, they tell of a change that came between."""


class ClocksApart(OperationalError):
    """The database takes no event of this time: its clock and this machine's are more than an hour apart."""


class StartupError(Exception):
    """The process cannot start. The message is one line that says what to change."""


class AppError(Exception):
    """Base of the errors that become an HTTP answer.

    `code` and `title` name the kind of problem and never vary; `detail` speaks of this occurrence; `extra`
    becomes further members of the answer.
    """

    status: ClassVar[int] = 500
    summary: ClassVar[str] = "Internal server error"

    def __init__(
        self, code: str, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class BadRequest(AppError):
    """The request itself makes no sense."""

    status, summary = 400, "Bad request"


class Unauthenticated(AppError):
    """Nobody is signed in, or the token is of no use any more."""

    status, summary = 401, "Not signed in"

    def __init__(
        self, code: str, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
    ) -> None:
        # RFC 9110 §15.5.2: a 401 always names the scheme that would help.
        super().__init__(
            code, title, detail, headers={"WWW-Authenticate": "Bearer", **(headers or {})}, **extra
        )


class Forbidden(AppError):
    """The signed-in person may not do this here."""

    status, summary = 403, "Not allowed"


class NotFound(AppError):
    """There is no such thing."""

    status, summary = 404, "Not found"


class NotAcceptable(AppError):
    """No answer exists in a form the client can use, such as a codec."""

    status, summary = 406, "Nothing acceptable"


class Conflict(AppError):
    """The request contradicts what is there now."""

    status, summary = 409, "Conflict"


class Gone(AppError):
    """It existed and will not come back."""

    status, summary = 410, "Gone"


class PreconditionFailed(AppError):
    """What the client saw last is no longer what is there."""

    status, summary = 412, "Precondition failed"


class TooLarge(AppError):
    """The body is over the bound."""

    status, summary = 413, "Too large"


class UrlTooLong(AppError):
    """The address is over the bound."""

    status, summary = 414, "Address too long"


class UnsupportedMedia(AppError):
    """The body's media type is not one this route reads."""

    status, summary = 415, "Unsupported media type"


class Misdirected(AppError):
    """The request is for another server."""

    status, summary = 421, "Not this server"


class Invalid(AppError):
    """The request is well formed, but its content breaks a rule."""

    status, summary = 422, "Invalid content"


class PreconditionRequired(AppError):
    """The route wants to know which state the client saw."""

    status, summary = 428, "Precondition required"


class TooManyRequests(AppError):
    """The caller tries too often."""

    status, summary = 429, "Too many requests"


class HeadTooLarge(AppError):
    """The header fields are over the bound."""

    status, summary = 431, "Header fields too large"


class Unavailable(AppError):
    """A part the answer depends on is not there at the moment."""

    status, summary = 503, "Unavailable"


class FieldError(BaseModel):
    """One field that was refused."""

    field: str = Field(description="Dotted path into the request, starting with body, query or path")
    code: str = Field(description="Stable kind of the error")
    detail: str

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"field": "body.name", "code": "missing", "detail": "Field required"},
        }
    )


class Problem(BaseModel):
    """Problem details (RFC 9457); members beyond these depend on the code."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable name of the problem, to be used by programs")
    errors: list[FieldError] | None = Field(None, description="Only with code request.invalid")

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Login taken",
                "status": 409,
                "detail": "The login wang is taken.",
                "code": "person.login_taken",
            }
        },
    )


def responses(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that may raise these errors.

    Not by `model`: FastAPI would work the same class out anew for each of some six hundred answers.
    """
    return {error.status: {"description": error.summary, "content": problem_content()} for error in errors}


def problem_content() -> dict[str, dict[str, Any]]:
    """The `content` of an answer in the OpenAPI document that holds problem details."""
    return {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def problem_schemas() -> dict[str, Any]:
    """The schemas that `problem_content` leads to, by name."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {**schema.pop("$defs"), Problem.__name__: schema}


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> JSONResponse:
    """Problem details as an HTTP answer."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, **extra}
    return JSONResponse(body, status_code=status, headers=headers, media_type=PROBLEM_JSON)


def render(error: AppError) -> JSONResponse:
    """An `AppError` as an HTTP answer."""
    return problem(error.status, error.code, error.title, error.detail, error.headers, **error.extra)


Watch = Callable[[HTTPConnection, AppError], None]
"""Is told of every error of ours that is about to be answered."""


def _as_it_is(error: Exception) -> AppError:
    assert isinstance(error, AppError)
    return error


def _invalid_request(error: Exception) -> AppError:
    assert isinstance(error, RequestValidationError)
    if all(item["loc"][:1] == ("path",) for item in error.errors()):
        return _nowhere()  # what cannot be an id is the id of nothing
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return BadRequest("request.malformed", BadRequest.summary, "The body is not valid JSON.")
    # The refused input is left out on purpose: it may be a password.
    errors = [
        {
            "field": ".".join(str(part) for part in item["loc"]),
            "code": item["type"],
            "detail": _in_words(item["msg"]),
        }
        for item in error.errors()
    ]
    fields = ", ".join(item["field"].partition(".")[2] or item["field"] for item in errors[:5])
    detail = f"The request was not understood; look at: {fields}."
    return Invalid("request.invalid", Invalid.summary, detail, errors=errors)


def _in_words(message: str) -> str:
    """What pydantic says, with the words that a client may send instead of Python's names for them."""
    return _MEMBER.sub(r"\1", message)


def no_such_address() -> JSONResponse:
    """The answer for an address that no route has."""
    return render(_nowhere())


def _nowhere() -> NotFound:
    return NotFound("route.not_found", NotFound.summary, "Nothing lives at this address.")


async def _on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return no_such_address()
    title = HTTPStatus(error.status_code).phrase
    code = "route.method_not_allowed" if error.status_code == 405 else f"http.{error.status_code}"
    allowed = (error.headers or {}).get("Allow") if error.status_code == 405 else None
    detail = f"This address answers {allowed} only." if allowed else f"{error.detail}."
    return problem(error.status_code, code, title, detail, error.headers)


def database_trouble(error: Exception) -> Unavailable:
    """The answer to one of `DATABASE_TROUBLE`: nothing was stored, and later may go well."""
    headers = {"Retry-After": "2"}
    if isinstance(error, PoolTimeout):
        _log.error("database trouble", error="no connection became free in time")
        detail = "More is asked of the database than it can answer, and nothing was changed; try again in a moment."
        return Unavailable("database.busy", Unavailable.summary, detail, headers=headers)
    _log.error("database trouble", error=str(getattr(error, "orig", error)).strip())
    if isinstance(error, ClocksApart):
        return Unavailable(
            "clock.apart",
            Unavailable.summary,
            "The clocks of this server and of its database are more than an hour apart, so nothing can be noted in "
            "the trail, and nothing was changed; tell whoever runs the server to set both, best by NTP.",
            headers={"Retry-After": "60"},
        )
    detail = "The database is busy or cannot be reached, and nothing was changed; try again in a moment."
    return Unavailable("database.unavailable", Unavailable.summary, detail, headers=headers)


def overtaken(error: Exception) -> Conflict:
    """The answer to whoever was a moment late where the database alone saw it; raises anything else again."""
    if not isinstance(error, IntegrityError) or violated(error) not in _OTHERS_WERE_FASTER:
        raise error
    _log.warning("overtaken", rule=violated(error))
    return Conflict(
        "planning.overtaken",
        "Changed meanwhile",
        "Something that this stands on (a term, an agreement, a room, another lesson) was changed a moment ago. "
        "Nothing was stored: look again, and try once more.",
    )


def database_refusal(error: DBAPIError) -> str | None:
    """One line for the terminal about a database that is away or not as it should be; None: a mistake of ours."""
    if isinstance(error, ClocksApart):
        return database_trouble(error).detail
    if (
        not isinstance(error, OperationalError)
        and getattr(error.orig, "sqlstate", "") not in _NOT_AS_MIGRATED
    ):
        return None
    reason = str(error.orig).strip().splitlines()[0]
    return f"database: {reason}; check TONGTANG_DATABASE_URL, and that its owner ran python -m app migrate"


async def on_unexpected(_request: Request, _error: Exception) -> JSONResponse:
    """Tell nothing of the inside. Starlette raises the error again after this answer, so that it is logged."""
    detail = "Something went wrong on the server. It was logged; please try again."
    return problem(500, "internal", AppError.summary, detail)


def unwatched(_connection: HTTPConnection, _error: AppError) -> None:
    """The `Watch` of an application that has none."""


def install_error_handlers(app: FastAPI, watch: Watch = unwatched) -> None:
    """Let every error leave the application as problem details, and `watch` know of those with a code of ours."""

    def answering(as_ours: Callable[[Exception], AppError]) -> ExceptionHandler:
        async def answer(request: Request, error: Exception) -> JSONResponse:
            ours = as_ours(error)
            watch(request, ours)
            return render(ours)

        return answer

    app.add_exception_handler(AppError, answering(_as_it_is))
    app.add_exception_handler(RequestValidationError, answering(_invalid_request))
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(IntegrityError, answering(overtaken))
    for kind in DATABASE_TROUBLE:
        app.add_exception_handler(kind, answering(database_trouble))
    app.add_exception_handler(Exception, on_unexpected)
