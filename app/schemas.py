"""What the schemas of all domains share: strict input, output from table rows, pages of a list."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Final, Generic, ParamSpec, TypeVar, cast
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import Query, Response
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.errors import Invalid

Item = TypeVar("Item")
First = TypeVar("First")
Second = TypeVar("Second")
Body = TypeVar("Body", bound=BaseModel)
P = ParamSpec("P")

MAX_PAGE = 200
_YEARS: Final = range(1901, 3000)
_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def example(value: Any) -> ConfigDict:
    """The `model_config` of a schema with this example in the OpenAPI document."""
    return ConfigDict(json_schema_extra={"example": value})


class Input(BaseModel):
    """Base of request bodies: an unknown field is an error, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_nul(cls, data: Any) -> Any:
        """No text, and none in a list of them, has a NUL in it, which PostgreSQL does not store."""
        if isinstance(data, dict):
            for value in data.values():
                for text in value if isinstance(value, list) else (value,):
                    if isinstance(text, str) and "\0" in text:
                        raise PydanticCustomError("nul", "No text may have a NUL in it")
        return data


class Output(BaseModel):
    """Base of answers; can be made from table rows."""

    model_config = ConfigDict(from_attributes=True)


def trusted(kind: Callable[P, Body]) -> Callable[P, Body]:
    """What makes answers of one kind from values that have its fields' types already, without a look at any.

    It has to be given all of them. A page of lessons has three hundred parts, all from columns of their types.
    """
    assert isinstance(kind, type) and issubclass(kind, BaseModel)
    new, put, names = kind.__new__, object.__setattr__, set(kind.model_fields)

    def make(*none: P.args, **values: P.kwargs) -> Body:
        made = new(kind)
        # As `BaseModel.model_construct` does, which goes through the fields for aliases and defaults first.
        put(made, "__dict__", values)
        put(made, "__pydantic_fields_set__", names)
        put(made, "__pydantic_extra__", None)
        put(made, "__pydantic_private__", None)
        return cast(Body, made)

    return make


class VersionedOutput(Output):
    """Base of answers about a row that counts its changes."""

    version: int = Field(description="Grows with every change; in quotes, it will do as `If-Match`")


class Page(Output, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = Field(
        None, description="Give it as `after` to get the next page; null on the last page"
    )


def as_json(body: BaseModel) -> Response:
    """The answer of a route whose answers are long, written where the route runs.

    FastAPI would hand a body to another thread to be checked once more, and write it on the event loop.
    """
    return Response(body.model_dump_json(by_alias=True), media_type="application/json")


PageLimit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="At most so many items")]
PageAfter = Annotated[
    str | None, Query(max_length=1500, description="`next` of the page before, under the same `sort`")
]
BelowUnit = Annotated[UUID | None, Query(description="Only those of this org unit and of all below it")]
NameStart = Annotated[
    str | None, Query(min_length=1, max_length=100, description="Only those whose name begins so")
]
SORT = Query(description="By what they are sorted; with a minus, the other way round")


def encode_cursor(*parts: str) -> str:
    """Where a page ended, as an opaque word for an address."""
    return base64.urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, parts: int) -> list[str]:
    """The parts given to `encode_cursor`."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        found = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError, RecursionError):  # the last for ten thousand brackets
        found = None
    if (
        not isinstance(found, list)
        or len(found) != parts
        or not all(isinstance(part, str) and "\0" not in part for part in found)
    ):
        raise bad_cursor()
    return found


def decode_pair(
    cursor: str, first: Callable[[str], First], second: Callable[[str], Second]
) -> tuple[First, Second]:
    """The two parts given to `encode_cursor`, each read by its function (which raises ValueError)."""
    one, other = decode_cursor(cursor, 2)
    try:
        return first(one), second(other)
    except ValueError:
        raise bad_cursor() from None


def moment(text: str) -> datetime:
    """A time with its zone, as cursors carry it; raises ValueError for one without."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return _of_our_times(found)


def _of_our_times(found: datetime) -> datetime:
    # In UTC, or in the county's zone, the first hours of the year 1 would lie before all that a datetime can say.
    if not _YEARS.start <= found.year < _YEARS.stop:
        raise PydanticCustomError("moment", "Not a time of the years 1901 to 2999")
    return found


Moment = Annotated[AwareDatetime, AfterValidator(_of_our_times)]
"""A time with its zone, which any zone can tell."""


def _day(value: object) -> object:
    # Left to itself, pydantic takes 0 for the first of January 1970.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _ISO_DAY.fullmatch(value):
            found = date.fromisoformat(value)
            if found.year in _YEARS:
                return found
    except ValueError:
        pass  # no such day: said below
    raise PydanticCustomError("day", "A day of the years 1901 to 2999 is needed, such as 2026-11-23")


Day = Annotated[date, BeforeValidator(_day)]
"""A day that people can mean, written as such: every sum over its weeks, in any zone, is a day again."""


def bad_cursor() -> Invalid:
    """The refusal of an `after` that is not the `next` of any page."""
    return Invalid(
        "page.bad_cursor", "Unknown page", "Use the `next` of the page before as `after`, unchanged."
    )


def _known_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise PydanticCustomError("time_zone", "Not a time zone of the IANA database, such as Asia/Shanghai")
    return name


TimeZoneName = Annotated[str, AfterValidator(_known_time_zone)]


def line(longest: int) -> StringConstraints:
    """Constraints of a text of one line: something to read, and no control characters (PostgreSQL stores no NUL)."""
    return StringConstraints(
        strip_whitespace=True, min_length=1, max_length=longest, pattern=r"^[^\x00-\x1f\x7f]+$"
    )


Name = Annotated[str, line(200)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,32}$")]
