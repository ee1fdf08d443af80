"""What the schemas of all domains refuse."""

from typing import Any, cast

import pytest
from pydantic import TypeAdapter, ValidationError

from app.errors import Invalid
from app.lessons.schemas import LessonOut
from app.schemas import Day, Input, Moment, as_json, decode_cursor, encode_cursor, moment, trusted


class Wish(Input):
    """A request body."""

    what: str
    where: list[str] = []


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2026-11-22T08:00:00+08:00", True),
        ("1901-01-01T00:00:00+14:00", True),
        ("2999-12-31T23:59:59-14:00", True),
        ("0001-01-01T00:00:00+14:00", False),  # no zone to the west of it can tell this one
        ("9999-12-31T23:59:59-14:00", False),
        ("2026-11-22T08:00:00", False),
    ],
)
def test_times_are_of_our_times_and_have_a_zone(text: str, good: bool) -> None:
    for read in (moment, TypeAdapter(Moment).validate_python):
        if good:
            assert read(text).isoformat() == text
        else:
            with pytest.raises(ValueError, match="zone|timezone|1901"):
                read(text)


@pytest.mark.parametrize(
    ("given", "good"),
    [
        ("2028-02-29", True),
        ("2027-02-29", False),
        ("0001-01-01", False),
        ("9999-12-31", False),  # its week has no Sunday
        ("20261123", False),
        ("2026-11-23T00:00:00", False),
        ("1893456000", False),  # seconds since 1970
        (0, False),
    ],
)
def test_days_are_written_as_days_and_of_our_times(given: object, good: bool) -> None:
    if good:
        assert str(TypeAdapter(Day).validate_python(given)) == given
    else:
        with pytest.raises(ValidationError, match="such as 2026-11-23"):
            TypeAdapter(Day).validate_python(given)


def test_no_text_has_a_nul_in_it() -> None:
    assert Wish.model_validate_json('{"what": "a", "where": ["b"]}').where == ["b"]
    for body in ('{"what": "a\\u0000"}', '{"what": "a", "where": ["b", "\\u0000"]}'):
        with pytest.raises(ValidationError, match="NUL"):
            Wish.model_validate_json(body)
    with pytest.raises(Invalid):
        decode_cursor(encode_cursor("a\0"), 1)


def test_what_is_trusted_is_the_same_as_what_was_looked_at() -> None:
    example = cast(dict[str, Any], LessonOut.model_config["json_schema_extra"])["example"]
    checked = LessonOut.model_validate(example)
    made = trusted(LessonOut)(**{name: getattr(checked, name) for name in LessonOut.model_fields})
    assert made == checked
    assert made.model_dump_json() == checked.model_dump_json()
    assert as_json(made).body == as_json(checked).body
