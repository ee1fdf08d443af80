"""The estimate told to publishers without transport-wide feedback."""

from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.bandwidth import CEILING, FLOOR, UploadEstimate


def test_a_good_link_has_full_rate_at_once() -> None:
    assert UploadEstimate().update(0) == CEILING


def test_loss_brings_it_down_and_its_end_up_again() -> None:
    estimate = UploadEstimate()
    for _ in range(5):
        before = estimate.bitrate
        assert estimate.update(128) < before
    low = estimate.bitrate
    assert estimate.update(12) == low, "between two and ten per cent it stays"
    for _ in range(60):
        estimate.update(0)
    assert estimate.bitrate == CEILING


@given(st.lists(st.integers(0, 255), max_size=300))
def test_it_stays_between_floor_and_ceiling(losses: list[int]) -> None:
    estimate = UploadEstimate()
    for loss in losses:
        assert FLOOR <= estimate.update(loss) <= CEILING
