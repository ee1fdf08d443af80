"""The ring of packets against a dictionary."""

from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.history import SLOT, History


@given(st.lists(st.tuples(st.integers(0, 100), st.binary(max_size=20)), max_size=120))
def test_the_newest_packet_of_each_slot_is_found_and_nothing_else(stored: list[tuple[int, bytes]]) -> None:
    history = History(16)
    oracle: dict[int, tuple[int, bytes]] = {}
    for sequence, data in stored:
        slot = history.store(sequence, len(data))
        history.view[slot * SLOT : slot * SLOT + len(data)] = data
        oracle[sequence % 16] = sequence, data
    for sequence in range(101):
        slot = history.find(sequence)
        if oracle.get(sequence % 16, (-1,))[0] != sequence:
            assert slot == -1
        else:
            data = oracle[sequence % 16][1]
            assert bytes(history.view[slot * SLOT : slot * SLOT + history.lengths[slot]]) == data


def test_an_empty_history_has_nothing() -> None:
    history = History(4)
    assert [history.find(n) for n in range(8)] == [-1] * 8


def test_the_largest_packet_fits_its_slot() -> None:
    history = History(2)
    assert len(history.view) == 2 * SLOT
    assert history.lengths[history.store(5, SLOT)] == SLOT
