"""A real relay and pages behind narrow links, in virtual time: what they are given, and what is told about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from media_relay.messages import Samples
from tests.link import Conditions, Link
from tests.media_relay.clients import OPUS, RED, Bench, relay_bench
from tests.media_relay.pages import Lesson

WIDE = Conditions(delay=0.020, rate=10e6)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with relay_bench() as found:
        yield found


def test_a_page_on_a_narrow_link_gets_less_and_again_more_and_that_is_told(bench: Bench) -> None:
    lesson = Lesson(bench)
    lesson.film("main")
    lesson.run(1)
    link, other = Link(WIDE, 1), Link(WIDE, 2)
    weak, strong = lesson.open("weak", link), lesson.open("strong", other)
    lesson.run(5)
    assert lesson.rungs("weak") == [("full", "start")]
    link.conditions = Conditions(delay=0.020, rate=300e3)
    lesson.run(4)
    heard = len(weak.sounds)
    lesson.run(6)
    assert len(weak.sounds) - heard >= 295, "sound is unbroken"
    assert {packet.payload_type for packet in weak.sounds[heard:]} == {OPUS}, "and not repeated for nothing"
    told = lesson.rungs("weak")
    assert told[-1] == ("low", "congestion"), told
    assert {reason for _, reason in told[1:]} == {"congestion"}
    link.conditions = WIDE
    lesson.run(14)
    assert lesson.rungs("weak")[-1] == ("full", "recovered")
    assert {page.sounds[-1].payload_type for page in (weak, strong)} == {RED}
    assert lesson.rungs("strong") == [("full", "start")], "nobody else's picture changes"
    assert weak.undecodable == strong.undecodable == 0
    numbers = [packet.number for packet in strong.packets if packet.payload_type == 96]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), (
        "nor does anybody else lose anything"
    )
    samples = [s for e in bench.events if isinstance(e, Samples) for s in e.samples if s.session == "weak"]
    narrow = [s.estimate for s in samples if s.rung == "low"]
    assert narrow and all(e is not None and 150e3 < e < 450e3 for e in narrow)


def test_the_streams_of_a_page_share_its_link_as_the_page_prefers(bench: Bench) -> None:
    lesson = Lesson(bench)
    lesson.film("main")
    lesson.film("board")
    lesson.run(1)
    link = Link(Conditions(delay=0.020, rate=1e6), 1)
    lesson.open("one", link, "main", "page")
    lesson.open("two", link, "board", "page")
    lesson.run(10)
    assert (lesson.rungs("one")[-1][0], lesson.rungs("two")[-1][0]) == ("middle", "low")
    bench.relay.prefer("lesson", "page", "board")
    lesson.run(6)
    assert (lesson.rungs("one")[-1], lesson.rungs("two")[-1]) == (
        ("low", "preferred"),
        ("middle", "preferred"),
    )
    bench.relay.prefer("lesson", "nobody", "board")


def test_what_a_page_prefers_may_be_said_before_it_plays(bench: Bench) -> None:
    lesson = Lesson(bench)
    lesson.film("main")
    lesson.film("board")
    lesson.run(1)
    link = Link(Conditions(delay=0.020, rate=1e6), 1)
    bench.relay.prefer("lesson", "page", "board")
    lesson.open("one", link, "main", "page")
    lesson.open("two", link, "board", "page")
    lesson.run(8)
    assert (lesson.rungs("one")[-1][0], lesson.rungs("two")[-1][0]) == ("low", "middle")
