"""What a mistake in our own code costs: a datagram, a stream's tick or a command, and never the node."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading

import pytest

from media_relay.api import ControlLink, NodeLost
from media_relay.control import Control
from media_relay.messages import MAX_LINE, Event, NodeReady, SpeakerChanged
from media_relay.node import Node, bind
from media_relay.publisher import Publisher
from media_relay.relay import Relay
from media_relay.stream import Stream
from tests.media_relay.clients import DELTA, KEYFRAME, Bench, rtp
from tests.patience import PATIENCE

VIDEO = 0x11111111


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in Python's way in that some packets hit: those with an odd timestamp."""
    sound = Publisher.rtp

    def rtp_with_a_mistake(
        self: Publisher, view: memoryview, start: int, end: int, now: float, arrival: float
    ) -> bool:
        if view[start + 7] & 1:
            raise ZeroDivisionError("a mistake")
        return sound(self, view, start, end, now, arrival)

    monkeypatch.setattr(Publisher, "rtp", rtp_with_a_mistake)


@pytest.mark.usefixtures("fragile")
@pytest.mark.parametrize("bench", [False], ids=["python"], indirect=True)
def test_it_costs_a_datagram_and_not_its_neighbours(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    for number in range(1, 101):
        payload = KEYFRAME if number == 1 else DELTA
        teacher.send_rtp(rtp(VIDEO, number, 2 * number + (number % 10 == 0), payload))
    bench.until(lambda: len(site.packets) == 90)
    assert bench.relay.drops()["fault"] == 10
    (told,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert told.exc_info is not None and "a mistake" in str(told.exc_info[1])
    # What was not taken in is asked for again, as if the link had lost it.
    bench.tick(5)
    assert site.undecodable == 0


def test_it_costs_one_stream_a_tick_and_not_the_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher, site = bench.publisher(), bench.subscriber()
    teacher.send_rtp(rtp(VIDEO, 1, 1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    sound = Stream.catch_up

    def catch_up_with_a_mistake(self: Stream, now: float) -> None:
        if self.name == "broken":
            raise ZeroDivisionError("a mistake")
        sound(self, now)

    monkeypatch.setattr(Stream, "catch_up", catch_up_with_a_mistake)
    bench.relay._streams = {
        ("lesson", "broken"): Stream("lesson", "broken", bench.relay._fanout),
        **bench.relay._streams,
    }
    teacher.send_rtp(rtp(VIDEO, 3, 3, DELTA))
    bench.pump()
    reports = len(teacher.reports)
    bench.relay.tick()
    assert bench.relay.drops()["fault"] == 1
    for _ in range(60):
        bench.tick()
    assert len(teacher.reports) > reports
    assert ("lesson", "broken") not in bench.relay._streams, "a stream that nobody uses does not stay"


class LinkedNode:
    """A node in this process, at the other end of a control link."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[Event] = asyncio.Queue()
        self.ours, self.theirs = socket.socketpair()
        self.sock = bind(0)
        self.node = Node(self.sock, ["127.0.0.1"])

    async def ready(self) -> ControlLink:
        link = await ControlLink.attach(self.ours, self._heard.put_nowait, lambda: None)
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await self._heard.get(), NodeReady)
        return link


def test_a_command_that_fails_is_answered_and_the_node_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def keep_only_with_a_mistake(self: Relay, sessions: object) -> None:
        raise ZeroDivisionError("a mistake")

    failed = threading.Event()

    def tick_with_a_mistake(self: Relay) -> None:
        monkeypatch.undo()
        failed.set()
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(Relay, "keep_only", keep_only_with_a_mistake)

    async def scenario() -> None:
        linked = LinkedNode()
        with linked.sock:
            running = asyncio.create_task(asyncio.to_thread(linked.node.run, linked.theirs))
            link = await linked.ready()
            for _ in range(3):
                with pytest.raises(NodeLost, match="KeepOnly"):
                    await link.keep_only(["one"])
            monkeypatch.setattr(Relay, "tick", tick_with_a_mistake)
            assert await asyncio.to_thread(failed.wait, PATIENCE)
            stats = await link.stats()
            assert stats.drops["fault"] == 4
            link.detach()
            await running

    asyncio.run(scenario())
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == 1, (
        "one traceback in ten seconds"
    )


def test_a_web_process_that_does_not_read_costs_bounded_memory() -> None:
    linked = LinkedNode()
    with linked.sock, linked.ours:
        control = linked.node._control = Control(linked.theirs)
        for _ in range(400):
            linked.node._say(SpeakerChanged("lesson", "x" * 65_536))
        assert control.unsent < 9 << 20
        assert linked.node._relay.drops()["control"] > 200
        linked.ours.close()
        assert control.read() == [] and control.over
        linked.node._relay.shut_down()
        control.close()


def test_lines_of_the_control_link_come_whole_or_end_it() -> None:
    ours, theirs = socket.socketpair()
    control = Control(theirs)
    with ours:
        ours.sendall(b"one\ntw")
        assert control.read() == [b"one"]
        ours.sendall(b"o\nthree\n")
        assert control.read() == [b"two", b"three"] and control.read() == []
        for _ in range(MAX_LINE // 65_536 + 1):
            ours.sendall(bytes(65_536))
            assert control.read() == []
        assert control.over, "a line too long for a message"
        control.close()
