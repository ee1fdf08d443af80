"""Sequence numbers against a slow, obvious oracle."""

from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.sequence import SequenceMap, extend


@given(st.integers(-(1 << 20), 1 << 40), st.integers(-0x8000, 0x7FFF))
def test_extending_finds_the_nearest_number(near: int, distance: int) -> None:
    assert extend((near + distance) & 0xFFFF, near) == near + distance


@given(st.integers(0, 65_535), st.integers(-10, 1 << 33))
def test_an_extended_number_keeps_its_low_bits(number: int, near: int) -> None:
    extended = extend(number, near)
    assert extended & 0xFFFF == number
    assert abs(extended - near) <= 0x8000


def oracle(first: int, outgoing: int, left_out: set[int], number: int) -> int:
    """Count the numbers from the first on that were not left out."""
    return outgoing + sum(n not in left_out for n in range(first, number))


@given(
    st.integers(0, 65_535),
    st.integers(0, 1 << 20),
    st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=14),
)
def test_in_order_packets_leave_no_gap_but_those_of_lost_ones(
    first: int, outgoing: int, steps: list[tuple[int, bool]]
) -> None:
    numbers = SequenceMap(first, outgoing)
    left_out: set[int] = set()
    assert numbers.map(first) == outgoing
    number = first
    for step, drop in steps:
        number += step
        if drop:
            assert numbers.leave_out(number)
            left_out.add(number)
        else:
            assert numbers.map(number) == oracle(first, outgoing, left_out, number)


@given(
    st.integers(0, 1_000),
    st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=15),
    st.data(),
)
def test_late_packets_get_the_number_they_would_have_had(
    first: int, steps: list[tuple[int, bool]], data: st.DataObject
) -> None:
    numbers = SequenceMap(first, 100)
    numbers.map(first)
    left_out: set[int] = set()
    seen = {first}
    number = first
    for step, drop in steps:
        number += step
        seen.add(number)
        if drop:
            numbers.leave_out(number)
            left_out.add(number)
        else:
            numbers.map(number)
    missing = sorted(set(range(first, number)) - seen)
    for late in data.draw(st.permutations(missing)):
        assert numbers.map(late) == oracle(first, 100, left_out, late)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=200), st.sets(st.integers(0, 400)))
def test_no_two_numbers_ever_share_an_outgoing_one(arrivals: list[int], padding: set[int]) -> None:
    # Two packets under one number would be two plaintexts under one GCM nonce.
    numbers = SequenceMap(200, 1_000)
    by_outgoing: dict[int, int] = {}
    for number in arrivals:
        if number in padding:
            numbers.leave_out(number)
        elif (outgoing := numbers.map(number)) is not None:
            assert by_outgoing.setdefault(outgoing, number) == number


def test_what_went_out_cannot_be_left_out_any_more() -> None:
    numbers = SequenceMap(10, 50)
    assert numbers.map(12) == 52
    assert not numbers.leave_out(11)
    assert not numbers.leave_out(12)
    assert numbers.map(11) == 51


def test_only_sixteen_gaps_are_remembered() -> None:
    numbers = SequenceMap(0, 0)
    for number in range(1, 101, 2):
        assert numbers.leave_out(number)
    assert numbers.map(100) == 50
    assert numbers.map(98) == 49
    assert numbers.map(2) is None, (
        "a packet from before what is remembered must not get somebody else's number"
    )


def test_before_the_first_there_is_nothing() -> None:
    assert SequenceMap(10, 50).map(9) is None
