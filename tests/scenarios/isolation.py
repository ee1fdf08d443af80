"""Nobody's bad link hurts anybody else: 17 sites of a lesson, alone and with three in trouble beside them.

``python -m tests.scenarios.isolation`` prints both runs as a table. The three: a link of 150 kbit/s, one that loses a
fifth of everything, and a client over TCP that ceases to read but goes on answering for its consent.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from media_relay.api import OfferRefused
from media_relay.load_test.doors import LinkDoor
from media_relay.load_test.report import Report
from media_relay.load_test.running import LoadTest, Plan
from media_relay.messages import NodeReady, RungChanged
from tests.emulator import Emulator
from tests.link import Conditions
from tests.media_relay.nodes import RunningNode, running_node
from tests.media_relay.tcp_client import TcpClient

GOOD: Final = 17
SLOW: Final = Conditions(rate=150e3, delay=0.030, queue_bytes=32_000)
LOSSY: Final = Conditions(loss=0.20, delay=0.030)
_LESSON: Final = "isolation"
_CONSENT_EVERY: Final = 2.0
_SETTLE: Final = 0.8
_WARM_UP: Final = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """How the 17 fared."""

    report: Report
    rungs_changed: int
    keyframes_asked: int
    """Of the teacher: each is sent to all."""
    cpu_percent: float
    """Of one processor, used by the node."""
    drops: dict[str, int]


class _Door(LinkDoor):
    """One lesson for everybody, with sessions named after who comes; through an emulator, if there is one."""

    def __init__(self, node: RunningNode, who: str, emulator: Emulator | None = None) -> None:
        super().__init__(node.link, _LESSON)
        self._node = node
        self._who = who
        self._emulator = emulator

    async def subscribe(self, offer: str) -> str:
        """The answer to a subscriber's offer."""
        answer = await _subscribe(self._node, f"{self._who}-{next(self._numbers)}", offer)
        if self._emulator is None:
            return answer
        return answer.replace(f" {port_of(self._node)} typ host", f" {self._emulator.port} typ host")


async def _subscribe(node: RunningNode, session: str, offer: str) -> str:
    """The node's answer; a node that is under stress is asked again a moment later, as clients do."""
    while True:
        try:
            return (await node.link.subscribe(session, _LESSON, "main", offer)).sdp
        except OfferRefused as refused:
            if refused.code != "node.full":
                raise
            await asyncio.sleep(0.5)


def port_of(node: RunningNode) -> int:
    """The node's media port."""
    return next(event.port for event in node.events if isinstance(event, NodeReady))


@asynccontextmanager
async def _behind(node: RunningNode, who: str, down: Conditions, up: Conditions) -> AsyncIterator[LoadTest]:
    near = Conditions(delay=0.030)
    async with (
        Emulator(("127.0.0.1", port_of(node)), up=near, down=near) as emulator,
        LoadTest(_Door(node, who, emulator), Plan(1, media=None)) as load,
    ):
        await load.join()
        emulator.change(up=up, down=down)  # in class already: joining over such a link is another matter
        yield load


@asynccontextmanager
async def _stalled(node: RunningNode) -> AsyncIterator[None]:
    """A client that stops reading when it is connected, and sends its checks all the same."""
    client = TcpClient("stalled")
    client.take_answer(await _subscribe(node, "stalled", client.offer()))

    async def until(condition: Callable[[], bool]) -> None:
        while not condition():
            client.drain()
            await asyncio.sleep(0.005)

    client.send(client.check())
    await until(lambda: bool(client.stun_answers))
    assert client.dtls is not None
    for datagram in client.dtls.start():
        client.send(datagram)
    await until(lambda: client.connected)

    async def stay() -> None:
        while True:
            client.send(client.check())
            await asyncio.sleep(_CONSENT_EVERY)

    staying = asyncio.create_task(stay())
    try:
        yield
    finally:
        staying.cancel()
        client.socket.close()


async def _measure(node: RunningNode, load: LoadTest, seconds: float) -> Run:
    told = len(node.events)
    before = await node.link.stats()
    publisher = load.publisher
    assert publisher is not None
    publisher.keyframe_requests.clear()
    report = await load.measure(seconds, settle=_SETTLE)
    after = await node.link.stats()
    changes = [e for e in node.events[told:] if isinstance(e, RungChanged) and e.session.startswith("good")]
    cpu = (after.cpu_seconds - before.cpu_seconds) / (seconds + _SETTLE) * 100
    drops = {name: count - before.drops.get(name, 0) for name, count in after.drops.items()}
    return Run(
        report,
        len(changes),
        len(publisher.keyframe_requests),
        round(cpu, 1),
        {name: count for name, count in drops.items() if count},
    )


async def alone_and_beside_three(seconds: float) -> tuple[Run, Run]:
    """The 17 by themselves, and the same 17 when the three have come."""
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(running_node())
        load = await stack.enter_async_context(LoadTest(_Door(node, "good"), Plan(GOOD)))
        await load.join()
        await asyncio.sleep(_WARM_UP)
        alone = await _measure(node, load, seconds)
        await stack.enter_async_context(_behind(node, "slow", SLOW, Conditions(delay=0.030)))
        await stack.enter_async_context(_behind(node, "lossy", LOSSY, LOSSY))
        await stack.enter_async_context(_stalled(node))
        beside = await _measure(node, load, seconds)
        return alone, beside


def table(alone: Run, beside: Run) -> str:
    """Both runs in Markdown."""

    def row(name: str, value: Callable[[Run], object]) -> str:
        return f"| {name} | {value(alone)} | {value(beside)} |"

    def per_site(run: Run) -> str:
        return f"{run.report.packets_per_second / GOOD:.1f}"

    return "\n".join(
        [
            f"| the {GOOD} sites with good links | by themselves | beside the three |",
            "|---|---|---|",
            row("packets a second and site", per_site),
            row("Mbit/s in all", lambda run: run.report.megabits_per_second),
            row("packets that never came", lambda run: run.report.lost_packets),
            row("layer: sites", lambda run: run.report.layers),
            row("keyframes asked of the teacher", lambda run: run.keyframes_asked),
            row("changes of rung", lambda run: run.rungs_changed),
            row("latency p50, ms", lambda run: run.report.latency_p50_ms),
            row("latency p99, ms", lambda run: run.report.latency_p99_ms),
            row("freezes", lambda run: run.report.freezes),
            row("sound lost or late, %", lambda run: run.report.concealed_percent),
            row("node, % of a processor", lambda run: run.cpu_percent),
            row("drops counted by the node", lambda run: run.drops or "none"),
        ]
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios.isolation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each run (default 20)")
    options = parser.parse_args()
    print(table(*asyncio.run(alone_and_beside_three(options.seconds))))  # noqa: T201


if __name__ == "__main__":
    main()
