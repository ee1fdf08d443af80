"""The benchmarks run, and say what they were asked for."""

import asyncio

import pytest

from media_relay.load_test.media import MediaPlan
from tests.benchmarks import relay
from tests.benchmarks.feedback import measure_feedback
from tests.benchmarks.figures import Figure, Selection
from tests.benchmarks.floor import measure_floor
from tests.benchmarks.relay import relay_figures


@pytest.mark.parametrize(
    ("prefix", "taken"),
    [
        ("", {"relay.cost.n1", "relay.cost.n10", "relay.lag.n1"}),
        ("relay.cost", {"relay.cost.n1", "relay.cost.n10"}),
        ("relay.cost.n1", {"relay.cost.n1"}),
        ("app", set()),
    ],
)
def test_a_prefix_selects_figures(prefix: str, taken: set[str]) -> None:
    names = ["relay.cost.n1", "relay.cost.n10", "relay.lag.n1"]
    assert {name for name in names if Selection(prefix).takes(name)} == taken


@pytest.mark.slow
def test_one_subscriber_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_WARM_UP", 0.1)  # that there is a figure, not which
    monkeypatch.setattr(relay, "_TRIES", 1)

    async def run() -> list[Figure]:
        return [figure async for figure in relay_figures(Selection("relay.us_per_packet.n1"), 0.5)]

    (figure,) = asyncio.run(run())
    assert (figure.name, figure.unit) == ("relay.us_per_packet.n1", "µs")
    assert 1 < figure.value < 10_000


def test_feedback_is_cheap() -> None:
    assert 1 < measure_feedback(0.05, 0.020) < 1_000


@pytest.mark.slow
def test_the_floor_is_low() -> None:
    assert 0.1 < measure_floor(2, MediaPlan()) < 100
