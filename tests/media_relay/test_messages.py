"""The control link's words: every message survives the way, anything else is one documented error."""

import json
from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay import messages
from media_relay.messages import (
    MAX_LINE,
    Command,
    Event,
    Message,
    MessageError,
    Publish,
    Reply,
    Sample,
    Samples,
    decode,
    encode,
)

TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
BY_ANNOTATION: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(),
    "bool": st.booleans(),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "str": TEXT,
    "tuple[str, ...]": st.lists(TEXT, max_size=4).map(tuple),
    "int | None": st.none() | st.integers(),
    "float | None": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "dict[str, int]": st.dictionaries(TEXT, st.integers(), max_size=4),
}
BY_ANNOTATION["tuple[Sample, ...]"] = st.lists(
    st.builds(Sample, **{f.name: BY_ANNOTATION[str(f.type)] for f in fields(Sample)}), max_size=3
).map(tuple)
CLASSES: list[type[Any]] = [*get_args(Command), *get_args(Reply), *get_args(Event)]


def instances(cls: type[Any]) -> st.SearchStrategy[Any]:
    return st.builds(cls, **{f.name: BY_ANNOTATION[str(f.type)] for f in fields(cls)})


@pytest.mark.parametrize("cls", CLASSES)
@given(data=st.data())
def test_every_message_survives_the_way(cls: type[Any], data: st.DataObject) -> None:
    message: Message = data.draw(instances(cls))
    line = encode(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1, "one message is one line"
    assert decode(line) == message


def test_every_message_is_known_by_its_name() -> None:
    assert set(messages._TYPES) == {cls.__name__ for cls in CLASSES}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
NAMES = st.sampled_from([f.name for cls in CLASSES for f in fields(cls)])


@given(
    st.one_of(
        st.binary(max_size=100),
        JSON.map(lambda v: json.dumps(v).encode()),
        st.builds(
            lambda kind, body: json.dumps({**body, "type": kind}).encode(),
            st.sampled_from([cls.__name__ for cls in CLASSES]) | JSON,
            st.dictionaries(NAMES, JSON, max_size=8),
        ),
    )
)
def test_any_line_is_a_message_with_fields_of_its_kind_or_the_documented_error(line: bytes) -> None:
    try:
        message = decode(line)
    except MessageError:
        return
    # What was taken can be told on.
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null",
        b"[]",
        b"{}",
        b'{"type":"Nothing"}',
        b'{"type":["Close"]}',
        b'{"type":"Close"}',
        b'{"type":"Close","request":"1","session":"s"}',
        b'{"type":"Close","request":true,"session":"s"}',
        b'{"type":"Close","request":1,"session":null}',
        b'{"type":"KeepOnly","request":1,"sessions":"abc"}',
        b'{"type":"KeepOnly","request":1,"sessions":[1]}',
        b'{"type":"Close","request":1,"session":"\xff"}',
        b'{"type":"Samples","samples":[1]}',
        b'{"type":"Samples","samples":[{}]}',
        b'{"type":"Samples","samples":[{"session":1}]}',
        b"[" * 100_000,
        b'{"type":"Close","request":' + b"9" * 5_000 + b',"session":"s"}',
    ],
)
def test_garbage_is_refused(line: bytes) -> None:
    with pytest.raises(MessageError):
        decode(line)


def test_fields_of_a_newer_version_are_passed_over() -> None:
    line = json.dumps({"type": "Close", "request": 1, "session": "s", "future": [1, 2]}).encode()
    assert decode(line) == messages.Close(1, "s")


def test_the_largest_offer_fits_a_line() -> None:
    assert len(encode(Publish(1, "s" * 64, "l" * 64, "main", "\x01" * 65_536))) < MAX_LINE


def test_a_full_event_of_samples_fits_a_line_many_times_over() -> None:
    sample = Sample(
        *("s" * 64, "l" * 64, "site-" + "x" * 32, True, 1e-9, 1e-9, 1e-9, 1e-9, 1 << 40, 1 << 40),
        *("v" * 64, "audio_only", 1 << 40, 1 << 40, 3),
    )
    line = encode(Samples((sample,) * messages.SAMPLES_AT_ONCE))
    assert len(line) < MAX_LINE / 5
