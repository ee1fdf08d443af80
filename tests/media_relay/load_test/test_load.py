"""The load test itself, against a real node and against nobody."""

import asyncio
import json

import pytest

from media_relay.__main__ import main
from media_relay.load_test.doors import LinkDoor, LoadTestError
from media_relay.load_test.media import MediaPlan
from media_relay.load_test.report import Window, as_text, summarise
from media_relay.load_test.running import LoadTest, Plan
from tests.media_relay.nodes import running_node


def test_every_subscriber_of_a_node_receives_everything() -> None:
    async def run() -> None:
        async with running_node() as node, LoadTest(LinkDoor(node.link), Plan(subscribers=3)) as load:
            await load.join()
            await load.measure(0.1, settle=0.0)  # until all have begun with a keyframe
            report = await load.measure(1.0)
            stats = await node.link.stats()
        assert report.good
        assert (report.subscribers, report.receiving) == (3, 3)
        assert report.packets >= 3 * 0.9 * report.published_packets
        # Three subscribers are few enough to decrypt every packet, and every packet carries our stamp.
        assert report.latency_samples >= 0.99 * report.packets
        assert report.latency_p50_ms is not None and report.latency_p50_ms > 0
        assert report.layers == {"0": 3}
        assert report.transport_feedbacks >= 3 * 5, "about ten a second from each"
        assert stats.subscribers == 3
        assert not any(stats.drops.values())

    asyncio.run(run())


def test_a_subscriber_that_is_sent_away_is_missed() -> None:
    async def run() -> None:
        async with running_node() as node, LoadTest(LinkDoor(node.link), Plan(subscribers=2)) as load:
            await load.join()
            await load.measure(0.1, settle=0.0)
            await node.link.close("load-test-main-subscriber-3")
            report = await load.measure(0.5)
        assert (report.subscribers, report.receiving) == (2, 1)
        assert not report.good

    asyncio.run(run())


def test_a_refused_offer_ends_the_test_in_one_line() -> None:
    class Refusing:
        async def publish(self, offer: str) -> str:
            raise LoadTestError("POST http://localhost/whip: 401 Unknown token")

        async def subscribe(self, offer: str) -> str:
            raise LoadTestError("POST http://localhost/whep: 401 Unknown token")

        async def close(self) -> None:
            """Nothing was opened."""

    async def run(plan: Plan) -> None:
        async with LoadTest(Refusing(), plan) as load:
            await load.join()

    with pytest.raises(LoadTestError, match="whip: 401"):
        asyncio.run(run(Plan(subscribers=3)))
    with pytest.raises(LoadTestError, match="whep: 401"):
        asyncio.run(run(Plan(subscribers=3, media=None)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--whep"),
        (["--subscribers", "0"], "nothing to do"),
        (["--whip", "http://127.0.0.1:1/x", "--subscribers", "0"], "POST http://127.0.0.1:1/x"),
        (["--whep", "no-address"], "POST no-address"),
        (["--shape", "lesson", "--whip", "http://127.0.0.1:1/{stream}"], "--whep URL with {stream}"),
        (
            ["--shape", "lesson", "--lessons", "A,B", "--whip", "h/{stream}", "--whep", "h/{stream}"],
            "{lesson}",
        ),
        (["--shape", "lesson", "--whip", "h/{lesson}/{stream}", "--whep", "h/{stream}"], "POST h/1/"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["load-test", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert said.err.count("\n") == 1


def test_a_report_is_for_people_and_for_machines() -> None:
    begin, end = Window(1.0, 0, (), 0, 0, 0), Window(3.0, 600, (), 120_000, 1, 0)
    report = summarise(begin, end, [], [1.0, 2.0, 3.0], [])
    assert json.loads(report.as_json())["published_packets"] == 600
    assert (report.latency_p50_ms, report.latency_max_ms, report.join_p50_ms) == (2.0, 3.0, None)
    assert "p50 2.0 ms" in as_text(report)


def test_a_report_says_how_much_stood_still_and_was_not_heard() -> None:
    begin, end = (
        Window(at, 0, (), 0, 0, 0, (), freezes, still) for at, freezes, still in ((0, 1, 0.5), (4, 3, 1.5))
    )
    report = summarise(begin, end, [], [], [])
    assert (report.freezes, report.frozen_percent, report.concealed_percent) == (2, 25.0, 0.0)
    assert "2 freezes, 25.0 % of the time" in as_text(report)
    assert (report.transport_feedbacks, report.layers) == (0, {})


def test_a_picture_in_three_layers_arrives_in_the_largest_beside_redundant_sound() -> None:
    async def run() -> None:
        plan = Plan(subscribers=2, media=MediaPlan(layers=3, redundant=True), redundant=True)
        async with running_node() as node, LoadTest(LinkDoor(node.link), plan) as load:
            await load.join()
            await load.measure(0.3, settle=0.0)  # until the keyframe of the largest layer
            report = await load.measure(1.0)
            sounds = [subscriber.repeated for subscriber in load.subscribers]
        assert report.good
        assert report.receiving == 2
        assert min(sounds) >= 40, "each with the one before"
        assert report.layers == {"2": 2}

    asyncio.run(run())
