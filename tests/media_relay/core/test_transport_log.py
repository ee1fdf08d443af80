"""The memory of which packet went out with which transport-wide number, and what became of it."""

from array import array
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.feedback_reader import TICK, Feedback
from media_relay.core.forwarding import Batch
from media_relay.core.transport_log import RECORDS, Cluster, Sent, TransportLog

WIRE = 100 + 28


def batch(ssrc: int, *numbers: int) -> Batch:
    return Batch(ssrc, array("H", numbers), 100 * len(numbers))


def feedback(base: int, *arrivals: int | None, reference: int = 0) -> Feedback:
    return Feedback(base & 0xFFFF, reference, list(arrivals), None not in arrivals)


def sent(batches: int, each: int = 2, first: int = 0) -> TransportLog:
    """A log of batches that went out every 10 ms."""
    log = TransportLog()
    log.next = log.acknowledged = first
    for number in range(batches):
        log.note(Sent.of(batch(1, *range(number * each, number * each + each)), 0.010 * number))
    return log


def test_numbers_go_on_over_all_sources_and_wrap() -> None:
    log = TransportLog()
    log.next = 0xFFFE
    log.note(Sent.of(batch(1, 10, 11, 12), 0.0))
    log.note(Sent.of(batch(2, 10), 0.0))
    assert [log.number_of(1, n) for n in (10, 11, 12, 13)] == [0xFFFE, 0xFFFF, 0x10000, None]
    assert log.number_of(2, 10) == 0x10001
    assert log.next == 0x10002


def test_what_feedback_missed_is_told_by_source_and_number() -> None:
    log = TransportLog()
    log.note(Sent.of(batch(1, 10, 11, 12), 0.0))
    log.note(Sent.of(batch(2, 0xFFFF, 0), 0.0))
    log.acknowledge(feedback(0, 1, None, 2, None, 3))
    assert log.missed == [(1, 11), (2, 0xFFFF)]
    log.note(Sent.of(batch(1, 13), 0.0))
    log.acknowledge(feedback(3, None, 3, 4))
    assert log.missed == [], "of that an earlier message spoke"


def test_what_is_too_old_is_forgotten() -> None:
    log = TransportLog()
    for number in range(RECORDS + 1):
        log.note(Sent.of(batch(1, number), 0.0))
    assert log.number_of(1, 0) is None
    assert log.number_of(1, 1) == 1


def test_the_delay_is_that_of_the_fastest_batch() -> None:
    log = sent(3)
    digest = log.acknowledge(feedback(0, 200, 240, 220, 260, 320, 360))
    assert digest is not None
    assert (digest.packets, digest.lost, digest.octets) == (6, 0, 6 * WIRE)
    # Sent after 0, 10 and 20 ms; a batch's own length does not count.
    assert digest.delay == pytest.approx(220 * TICK - 0.010)
    assert digest.arrived_at == pytest.approx(360 * TICK)
    assert log.acknowledged == 6 and log.unanswered_since is None


def test_lost_packets_count_once_and_come_late_once() -> None:
    log = sent(4, first=0xFFFC)
    first = log.acknowledge(feedback(0xFFFC, 10, None, 30, None))
    assert first is not None and (first.packets, first.lost, first.octets) == (4, 2, 2 * WIRE)
    again = log.acknowledge(feedback(0xFFFC, 10, 500, 30, None, 40, 50, 60, 70))
    assert again is not None and (again.packets, again.lost, again.late) == (4, 0, 1)
    assert log.acknowledge(feedback(0xFFFC, 10, 500, 30, None)) is None


def test_feedback_on_what_was_never_sent_is_ignored() -> None:
    log = sent(2)
    assert log.acknowledge(feedback(2, 1, 1, 1)) is None
    assert log.acknowledge(feedback(40_000, 1)) is None
    assert log.acknowledged == 0 and not log.heard


def test_feedback_that_comes_after_its_records_are_gone_does_no_harm() -> None:
    log = sent(RECORDS + 10, each=1)
    digest = log.acknowledge(feedback(0, *range(20)))
    assert digest is not None and digest.packets == 20 and digest.octets == 10 * WIRE


def test_the_receivers_clock_goes_on_when_its_reference_wraps() -> None:
    log = sent(2, each=1)
    first = log.acknowledge(feedback(0, 4, reference=0xFFFFFF))
    second = log.acknowledge(feedback(1, 4, reference=1))
    assert first is not None and second is not None
    assert second.arrived_at - first.arrived_at == pytest.approx(2 * 0.064)


def test_a_cluster_arrives_as_fast_as_the_link_lets_it() -> None:
    log = sent(1)
    cluster = log.cluster = Cluster(log.next)
    for number in range(1, 4):
        log.note(Sent.of(batch(1, 2 * number, 2 * number + 1), 0.010 * number))
    cluster.end = log.next
    log.note(Sent.of(batch(1, 8), 0.1))
    # Batches of the cluster come 20 ms apart; what came before and after it does not count.
    log.acknowledge(feedback(0, 0, 0, 80, 80, 160, 160, 240, 240, 900))
    assert cluster.bitrate == pytest.approx(4 * WIRE * 8 / 0.040)
    assert (cluster.packets, cluster.lost) == (6, 0)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=30),
    st.lists(st.integers(1, 40), min_size=1, max_size=12),
    st.lists(st.integers(0, 300), min_size=300, max_size=300),
)
def test_complete_feedback_says_the_same_where_a_cluster_is_watched(
    sizes: list[int], spoken: list[int], deltas: list[int]
) -> None:
    # A cluster that holds nothing takes the way of all feedback; without one there is a shorter way.
    logs = TransportLog(), TransportLog()
    logs[1].cluster = Cluster(1 << 40)
    for index, size in enumerate(sizes):
        for log in logs:
            log.note(Sent.of(batch(1, *range(size)), 0.007 * index))
    base = 0
    for count in spoken:
        ticks = list(accumulate(deltas[:count]))
        one, two = (log.acknowledge(feedback(base, *ticks)) for log in logs)
        assert one == two
        assert logs[0].acknowledged == logs[1].acknowledged
        assert logs[0].unanswered_since == logs[1].unanswered_since
        base += max(1, count - 2)  # speaking of some twice
