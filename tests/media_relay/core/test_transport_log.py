"""The memory of which packet went out with which transport-wide number."""

from array import array

from media_relay.core.forwarding import Layout
from media_relay.core.transport_log import RECORDS, TransportLog


def batch(ssrc: int, *numbers: int) -> Layout:
    return Layout(
        [(100 * i, 84) for i in range(len(numbers))], [], 100 * len(numbers), ssrc, array("H", numbers)
    )


def test_numbers_go_on_over_all_sources_and_wrap() -> None:
    log = TransportLog()
    log.next = 0xFFFE
    log.note(batch(1, 10, 11, 12), 0.0)
    log.note(batch(2, 10), 0.0)
    assert [log.number_of(1, n) for n in (10, 11, 12, 13)] == [0xFFFE, 0xFFFF, 0, None]
    assert log.number_of(2, 10) == 1
    assert log.next == 2


def test_what_is_too_old_is_forgotten() -> None:
    log = TransportLog()
    for number in range(RECORDS + 1):
        log.note(batch(1, number), 0.0)
    assert log.number_of(1, 0) is None
    assert log.number_of(1, 1) == 1
