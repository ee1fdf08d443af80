"""What the schemas of all domains refuse."""

import pytest
from pydantic import TypeAdapter, ValidationError

from app.errors import Invalid
from app.schemas import Input, Moment, decode_cursor, encode_cursor, moment


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


def test_no_text_has_a_nul_in_it() -> None:
    assert Wish.model_validate_json('{"what": "a", "where": ["b"]}').where == ["b"]
    for body in ('{"what": "a\\u0000"}', '{"what": "a", "where": ["b", "\\u0000"]}'):
        with pytest.raises(ValidationError, match="NUL"):
            Wish.model_validate_json(body)
    with pytest.raises(Invalid):
        decode_cursor(encode_cursor("a\0"), 1)
