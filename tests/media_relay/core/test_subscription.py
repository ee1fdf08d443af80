"""What one subscriber may be sent, and sent again."""

from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.subscription import Subscription


def begun(first: int = 0) -> Subscription:
    subscription = Subscription()
    subscription.begin(first)
    return subscription


def test_a_subscriber_that_waits_gets_nothing_again() -> None:
    subscription = Subscription()
    assert subscription.may_resend(5, 10, 1.0) is None
    subscription.begin(0)
    assert subscription.may_resend(5, 10, 1.0) == 5


def test_numbers_are_extended_to_the_nearest() -> None:
    assert begun().may_resend(65_535, 65_540, 1.0) == 65_535
    assert begun().may_resend(3, 65_540, 1.0) == 65_539


def test_numbers_above_16_bits_are_taken_modulo() -> None:
    # aiortc unpacks the bit mask of a NACK without wrapping.
    assert begun().may_resend(65_537, 65_540, 1.0) == 65_537
    assert begun().may_resend(65_537, 3, 1.0) == 1


def test_what_was_not_sent_yet_is_not_sent_again() -> None:
    assert begun().may_resend(11, 10, 1.0) is None


def test_nothing_from_before_the_subscriber_began_is_sent() -> None:
    # Its SRTP rollover counter starts with its first packet: 65535 would count as one rollover later.
    subscription = begun(65_537)
    assert subscription.may_resend(65_535, 65_540, 1.0) is None
    assert subscription.may_resend(1, 65_540, 1.0) == 65_537


def test_the_same_packet_is_not_sent_twice_in_a_round_trip() -> None:
    subscription = begun()
    assert subscription.may_resend(5, 10, 1.000) == 5
    assert subscription.may_resend(5, 10, 1.020) is None
    assert subscription.may_resend(5, 10, 1.040) == 5


def test_what_is_sent_again_in_20_ms_is_limited() -> None:
    subscription = begun()
    granted = [subscription.may_resend(n, 1_000, 1.0) for n in range(500)]
    assert sum(n is not None for n in granted) == 128
    assert subscription.may_resend(600, 1_000, 1.019) is None
    assert subscription.may_resend(600, 1_000, 1.020) == 600


@given(st.lists(st.tuples(st.integers(0, 70_000), st.floats(0, 0.03)), max_size=1_000))
def test_memory_is_bounded(asked: list[tuple[int, float]]) -> None:
    subscription = begun()
    now = 0.0
    for number, pause in asked:
        now += pause
        subscription.may_resend(number, 40_000, now)
    assert len(subscription._resent) <= 512


def test_a_pause_goes_on_with_the_next_keyframe() -> None:
    subscription = begun(100)
    subscription.pause(200)
    assert subscription.waiting and not subscription.stale
    subscription.begin(300)
    assert not subscription.waiting
    assert subscription.may_resend(150, 310, 1.0) == 150, "it began before the pause"


def test_a_pause_that_makes_the_rollover_counter_ambiguous_is_for_good() -> None:
    subscription = begun(100)
    subscription.pause(200)
    subscription.pause(30_000)  # waits already: the pause began at 200
    subscription.begin(200 + (1 << 15))
    assert subscription.stale and subscription.waiting


def test_reports_are_remembered_and_impossible_round_trips_are_not() -> None:
    subscription = begun()
    subscription.report(12, 34, 0.05)
    subscription.report(13, 35, -1.0)
    assert (subscription.fraction_lost, subscription.jitter, subscription.rtt) == (13, 35, 0.05)
    subscription.report(14, 36, None)
    assert subscription.rtt == 0.05
