"""A real relay and a page whose link falls to a tenth within a moment, in virtual time: what becomes of the sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.link import Conditions, Link
from tests.media_relay.clients import Bench, relay_bench
from tests.media_relay.pages import RIDS, SOUND, Lesson, Page

WIDE = Conditions(delay=0.030, rate=3e6, queue_bytes=32_000)
NARROW = replace(WIDE, rate=300e3)
QUEUED = WIDE.queue_bytes * 8 / NARROW.rate
"""Seconds that the bottleneck holds."""
BEFORE, AFTER = 3.0, 7.0


@pytest.fixture
def bench() -> Iterator[Bench]:
    with relay_bench() as found:
        yield found


def late(page: Page, fell_at: float, end: float) -> list[tuple[float, float]]:
    """When sound was said, in seconds after the fall, and by how much it came late; infinitely what never came."""
    first = min(page.heard)
    count = int((fell_at + end - page.heard[first]) / SOUND)
    said = {number: page.heard[first] + (number - first) * SOUND for number in range(first, first + count)}
    return [
        (at - fell_at, page.heard.get(number, float("inf")) - at)
        for number, at in said.items()
        if at >= fell_at
    ]


@pytest.mark.parametrize("seed", range(2))
def test_sound_is_unbroken_soon_after_a_link_falls_to_a_tenth(bench: Bench, seed: int) -> None:
    lesson = Lesson(bench)
    lesson.film("main")
    camera = lesson.cameras[0]
    camera.sound_bytes, camera.frame_bytes = 120, dict(zip(RIDS, (800, 4_000, 17_000), strict=True))
    lesson.run(1 + seed * 0.37)
    link = Link(WIDE, seed)
    page = lesson.open("site", link)
    lesson.run(BEFORE)
    fell_at, link.conditions = lesson.now, NARROW
    lesson.run(AFTER)
    waits = late(page, fell_at, AFTER - 1)
    # What was said in the first third of a second fills the bottleneck, and the rest waits behind it for a while.
    assert all(wait < QUEUED for said, wait in waits if said >= 0.5), (
        "nothing more is lost, or piled up in front of it"
    )
    assert all(wait < 0.15 for said, wait in waits if said >= 2), "unbroken two seconds after the fall"
    after = [at - fell_at for at in page.seen if at - fell_at > 1.5]
    assert after[0] < 3, "the picture is live again soon"
    assert all(later - earlier < 0.5 for earlier, later in pairwise(after)), "and stays so"
    assert [rung for rung, _ in lesson.rungs("site")] == ["full", "audio_only", "low"], "and does not flap"
