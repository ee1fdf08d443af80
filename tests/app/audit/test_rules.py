"""Sealing and checking a chain: whatever is done to it afterwards shows."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.rules import GENESIS, Act, Event, Head, Sealed, faults, seal, written

COUNTY = uuid.UUID(int=1)
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def chain(length: int) -> list[Sealed]:
    head, events = Head(), []
    for number in range(length):
        event = Event(Act.ROOM_ADDED, COUNTY, subject_id=uuid.UUID(int=number), after=written({"n": number}))
        events.append(seal(event, head, NOW + timedelta(seconds=number)))
        head = Head(events[-1].number, events[-1].hash)
    return events


def head_of(events: Sequence[Sealed]) -> Head:
    return Head(events[-1].number, events[-1].hash)


def words(events: Sequence[Sealed], head: Head) -> list[str]:
    return [fault.words for fault in faults(events, head)]


@given(st.integers(1, 20))
def test_an_untouched_chain_has_no_fault(length: int) -> None:
    events = chain(length)
    assert words(events, head_of(events)) == []
    assert events[0].previous == GENESIS


def test_a_chain_that_nobody_has_begun_has_no_fault() -> None:
    assert words([], Head()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"after": written({"n": 99})},
        {"before": "{}"},
        {"person_id": uuid.UUID(int=9)},
        {"address": "10.0.0.1"},
        {"act": Act.PERSON_ADMITTED},
        {"subject_id": None},
        {"org_unit_id": COUNTY},
        {"subject_kind": "room"},
    ],
)
def test_a_changed_event_is_named(change: dict[str, object]) -> None:
    events = chain(5)
    head = head_of(events)
    events[2] = replace(events[2], event=replace(events[2].event, **change))  # type: ignore[arg-type]
    assert words(events, head) == ["event 3 was changed"]


def test_a_changed_time_is_named() -> None:
    events = chain(3)
    events[1] = replace(events[1], at=NOW - timedelta(days=1))
    assert words(events, head_of(events)) == ["event 2 was changed"]


def test_a_change_with_a_hash_of_its_own_is_named_by_the_event_after_it() -> None:
    events = chain(5)
    head = head_of(events)
    forged = replace(events[2].event, after=written({"n": 99}))
    events[2] = seal(forged, Head(events[1].number, events[1].hash), events[2].at)
    assert [fault.number for fault in faults(events, head)] == [4]


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (slice(2, 3), "event 3 is missing"),
        (slice(1, 4), "events 2 to 4 are missing"),
        (slice(0, 1), "event 1 is missing"),
        (slice(4, 5), "event 5 is missing"),
    ],
)
def test_missing_events_are_named(gone: slice, said: str) -> None:
    events = chain(5)
    head = head_of(events)
    del events[gone]
    assert words(events, head) == [said]


def test_an_event_put_in_at_the_end_is_named() -> None:
    events = chain(3)
    head = head_of(events)
    events.append(seal(Event(Act.TERM_OPENED, COUNTY), head, NOW))
    assert words(events, head) == ["event 4 was put in: the chain ended at 3"]


def test_an_end_that_was_written_anew_is_named() -> None:
    events = chain(3)
    head = head_of(events)
    events[2] = seal(Event(Act.TERM_OPENED, COUNTY), Head(2, events[1].hash), NOW)
    assert words(events, head) == ["event 3 is not the one the chain ended with"]


@given(st.data())
def test_no_exchange_of_two_events_goes_unnoticed(data: st.DataObject) -> None:
    events = chain(6)
    head = head_of(events)
    one, other = data.draw(st.lists(st.integers(0, 5), min_size=2, max_size=2, unique=True))
    events[one], events[other] = (
        replace(events[other], number=one + 1),
        replace(events[one], number=other + 1),
    )
    assert words(events, head)


def test_facts_are_written_the_same_whatever_their_order() -> None:
    day = date(2026, 11, 22)
    assert written({"b": 1, "a": "教室", "c": day}) == written({"c": day, "a": "教室", "b": 1})
    assert written({"a": "教室", "c": day}) == '{"a":"教室","c":"2026-11-22"}'
    assert written(None) is None
