"""What one subscriber may be sent, and sent again."""

from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.layers import Layers
from media_relay.core.subscription import Subscription


class Heard:
    """A subscription whose track has reached some number."""

    def __init__(self, first: int | None = 0) -> None:
        self.layers = Layers(is_video=True)
        self.rendition = self.layers.renditions[0]
        self.subscription = Subscription(self.layers)
        if first is not None:
            self.begin(first)

    def begin(self, number: int) -> None:
        self.subscription.begin(self.rendition, number)

    def reach(self, highest: int) -> None:
        """The newest packets up to this number are in the history and have been forwarded."""
        track = self.rendition.track
        for number in range(max(0, highest - track.history.slots + 1), highest + 1):
            track.history.store(number, 0)
        track._last_sequence = track.forwarded = highest

    def asks(self, number: int, highest: int, now: float = 1.0) -> int | None:
        """The number on the track that is sent again."""
        self.reach(highest)
        slot = self.subscription.may_resend(number, now)
        return None if slot is None else self.rendition.number_at(slot[1])


def test_a_subscriber_that_waits_gets_nothing_again() -> None:
    heard = Heard(None)
    assert heard.asks(5, 10) is None
    heard.begin(0)
    assert heard.asks(5, 10) == 5


def test_numbers_are_extended_to_the_nearest() -> None:
    assert Heard().asks(65_535, 65_540) == 65_535
    assert Heard().asks(3, 65_540) == 65_539


def test_numbers_above_16_bits_are_taken_modulo() -> None:
    # aiortc unpacks the bit mask of a NACK without wrapping.
    assert Heard().asks(65_537, 65_540) == 65_537
    assert Heard().asks(65_537, 3) == 1


def test_what_was_not_sent_yet_is_not_sent_again() -> None:
    assert Heard().asks(11, 10) is None


def test_nothing_from_before_the_subscriber_began_is_sent() -> None:
    # Its SRTP rollover counter starts with its first packet: 65535 would count as one rollover later.
    heard = Heard(65_537)
    assert heard.asks(65_535, 65_540) is None
    assert heard.asks(1, 65_540) == 65_537


def test_the_same_packet_is_not_sent_twice_in_a_round_trip() -> None:
    heard = Heard()
    assert heard.asks(5, 10, 1.000) == 5
    assert heard.asks(5, 10, 1.020) is None
    assert heard.asks(5, 10, 1.040) == 5


def test_a_repair_that_waits_in_a_queue_is_not_sent_once_more() -> None:
    heard = Heard()
    assert heard.asks(5, 10, 1.000) == 5
    assert heard.subscription.may_resend(5, 1.800, waits=0.85) is None
    assert heard.subscription.may_resend(5, 1.900, waits=0.85) is not None


def test_what_is_sent_again_at_once_and_in_a_second_is_limited() -> None:
    heard = Heard()
    granted = [heard.asks(n, 1_000) for n in range(500)]
    assert sum(n is not None for n in granted) == 128
    assert heard.asks(600, 1_000, 1.001) is None
    assert heard.asks(600, 1_000, 1.003) == 600
    greedy = [heard.asks(n % 1_000, 1_000, 1.003 + n / 10_000) for n in range(10_000)]
    assert sum(n is not None for n in greedy) <= 501


@given(st.lists(st.tuples(st.integers(0, 70_000), st.floats(0, 0.03)), max_size=1_000))
def test_memory_is_bounded(asked: list[tuple[int, float]]) -> None:
    heard = Heard()
    now = 0.0
    for number, pause in asked:
        now += pause
        heard.asks(number, 40_000, now)
    assert len(heard.subscription._resent) <= 512


def test_after_a_pause_the_next_number_follows_however_long_it_was() -> None:
    heard = Heard(100)
    heard.reach(200)
    heard.subscription.pause()
    assert heard.subscription.waiting and heard.subscription.current is None
    heard.reach(90_000)
    heard.subscription.pause()  # waits already: the pause began at 200
    heard.begin(90_001)
    assert not heard.subscription.waiting
    heard.reach(90_010)
    assert heard.subscription.reached == 210
    assert heard.asks(201, 90_010) == 90_001
    assert heard.asks(211, 90_010) is None


def test_a_pause_in_which_nothing_came_changes_nothing() -> None:
    heard = Heard(100)
    heard.reach(200)
    path = heard.subscription.path
    heard.subscription.pause()
    heard.begin(201)
    assert heard.subscription.path is path


def test_reports_are_remembered_and_impossible_round_trips_are_not() -> None:
    subscription = Heard().subscription
    subscription.report(12, 34, 0.05)
    subscription.report(13, 35, -1.0)
    assert (subscription.fraction_lost, subscription.jitter, subscription.rtt) == (13, 35, 0.05)
    subscription.report(14, 36, None)
    assert subscription.rtt == 0.05
