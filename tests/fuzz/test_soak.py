"""A minute of lively lessons; ``python -m tests.fuzz.soak`` is the long one."""

from __future__ import annotations

import gc

import pytest

from tests.fuzz.soak import Soak
from tests.media_relay.clients import Bench


# It collects garbage, and with it what tests that failed before have left open: theirs, and not its own failure.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_comes_and_goes_leaves_nothing_behind(bench: Bench) -> None:
    soak = Soak(bench, seed=3)
    tally = soak.play(0.8)
    assert min(tally.joined, tally.left, tally.vanished, tally.restarted, tally.moved) > 3
    assert tally.received > 5_000
    relay = bench.relay
    assert relay.drops().get("fault", 0) == 0
    soak.finish()
    gc.collect()
    assert not relay.port.unfinished
    for part in (relay, relay._speech, relay._viewers, relay._sampling, relay.port.tcp):
        for name, remembered in vars(part).items():
            if isinstance(remembered, dict | set | list) and name != "slots":
                assert not remembered, f"{type(part).__name__}.{name} keeps what nobody needs any more"
