"""A site's bad link is its own affair."""

import asyncio

import pytest

from tests.patience import PATIENCE
from tests.scenarios.isolation import GOOD, alone_and_beside_three, table


@pytest.mark.slow
def test_three_sites_in_trouble_change_nothing_for_the_other_seventeen() -> None:
    async def bounded() -> None:
        async with asyncio.timeout(2 * PATIENCE):
            alone, beside = await alone_and_beside_three(3.0)
        told = table(alone, beside)
        for run in (alone, beside):
            assert run.report.receiving == GOOD, told
            assert run.report.lost_packets == 0, told
            assert run.rungs_changed == 0, told
        assert beside.keyframes_asked <= 3, (
            f"each of the three once at most, as everybody is sent them: {told}"
        )
        assert beside.report.layers == alone.report.layers, told
        # Everybody gets what is published; the two ends of the time catch another frame or so.
        share = beside.report.packets / (beside.report.published_packets * GOOD)
        assert abs(share - 1) < 0.05, told
        assert alone.report.latency_p99_ms is not None and beside.report.latency_p99_ms is not None
        # How long the machine keeps everybody waiting is chance; the three would add their own hundreds.
        assert beside.report.latency_p99_ms < 2 * alone.report.latency_p99_ms + 50, told
        assert beside.report.concealed_percent <= alone.report.concealed_percent + 1, told
        assert beside.report.frozen_percent <= alone.report.frozen_percent + 5, told

    asyncio.run(bounded())
