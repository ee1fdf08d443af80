"""When a node waits for more packets, in made-up time."""

from __future__ import annotations

from media_relay.core.gathering import BUSY, PAUSE, Gathering


def test_only_a_busy_node_waits() -> None:
    gathering = Gathering(10.0, 3.0)
    assert gathering.pause == 0
    assert not gathering.due(10.1)
    assert gathering.due(10.3)
    gathering.measure(10.3, 3.1)
    assert gathering.pause == PAUSE
    gathering.measure(10.6, 3.1 + 0.3 * BUSY / 2)
    assert gathering.pause == 0


def test_a_node_that_was_stopped_goes_on() -> None:
    gathering = Gathering(10.0, 3.0)
    gathering.measure(10.0, 3.0)
    assert gathering.pause == 0
