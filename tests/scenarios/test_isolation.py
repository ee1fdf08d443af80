"""A site's bad link is its own affair."""

import asyncio

import pytest

from tests.patience import PATIENCE
from tests.scenarios.isolation import GOOD, Run, alone_and_beside_three, table

TRIES = 5
"""A machine that others want disturbs one run or the other; three sites that disturb do so in every run."""


@pytest.mark.slow
def test_three_sites_in_trouble_change_nothing_for_the_other_seventeen() -> None:
    async def bounded() -> tuple[Run, Run]:
        async with asyncio.timeout(2 * PATIENCE):
            return await alone_and_beside_three(3.0)

    told = ""
    for _ in range(TRIES):
        alone, beside = asyncio.run(bounded())
        if not (changed := _changed(alone, beside)):
            return
        told += f"\n{', '.join(changed)}\n{table(alone, beside)}\n"
    raise AssertionError(told)


def _changed(alone: Run, beside: Run) -> list[str]:
    """What the seventeen would have noticed."""
    first, second = alone.report, beside.report
    assert first.latency_p99_ms is not None and second.latency_p99_ms is not None
    share = second.packets / (second.published_packets * GOOD)
    findings = {
        "not everybody receives": {first.receiving, second.receiving} != {GOOD},
        "packets were lost": first.lost_packets + second.lost_packets > 0,
        "rungs changed": alone.rungs_changed + beside.rungs_changed > 0,
        # Each of the three once at most, as everybody is sent them.
        "keyframes were asked for": beside.keyframes_asked > 3,
        "other layers": second.layers != first.layers,
        # Everybody gets what is published; the two ends of the time catch another frame or so.
        "not all that is published": abs(share - 1) >= 0.05,
        # How long the machine keeps everybody waiting is chance; the three would add their own hundreds.
        "later": second.latency_p99_ms >= 2 * first.latency_p99_ms + 50,
        "worse sound": second.concealed_percent > first.concealed_percent + 1,
        "more often frozen": second.frozen_percent > first.frozen_percent + 5,
    }
    return [finding for finding, found in findings.items() if found]
