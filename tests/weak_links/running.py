"""A row of the table: a node, an emulator, a real Chromium and the load tool as receivers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Browser

from media_relay.load_test.doors import LinkDoor
from media_relay.load_test.report import Report
from media_relay.load_test.running import LoadTest, Plan
from media_relay.messages import NodeReady, RungChanged
from tests.emulator import Emulator
from tests.media_relay.nodes import RunningNode
from tests.weak_links.figures import Notes, Seen, seen, time_to_height
from tests.weak_links.links import Phase, Row
from tests.weak_links.page import Room

LESSON: Final = "weak-links"
STREAM: Final = "main"
_SETTLE: Final = 0.8
"""Seconds in which the load tool's last losses are repaired or never."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one phase."""

    row: str
    phase: Phase
    chromium: Seen
    rung: str
    """The last one the relay told in this phase or before; empty when it told none."""
    rungs: tuple[str, ...]
    """Those told in this phase, with their reasons."""
    full_again: float | None
    """Seconds until pictures were as large as in the first phase."""
    load: Report | None


def port_of(node: RunningNode) -> int:
    """The node's media port."""
    return next(event.port for event in node.events if isinstance(event, NodeReady))


class Behind:
    """Rewrites a node's answers to name the emulator's port, as those of a node behind a port mapping would.

    ``blocks_udp``: the firewall around the receiver lets TCP out only.
    """

    def __init__(self, node: RunningNode, emulator: Emulator, *, blocks_udp: bool) -> None:
        self._ports = f" {port_of(node)} typ host", f" {emulator.port} typ host"
        self._blocked = " udp " if blocks_udp else None

    def __call__(self, answer: str) -> str:
        lines = answer.splitlines(keepends=True)
        return "".join(
            line.replace(*self._ports)
            for line in lines
            if self._blocked is None or not line.startswith("a=candidate") or self._blocked not in line
        )


class BehindDoor(LinkDoor):
    """The load tool's way in: it watches the same teacher behind the same emulator."""

    def __init__(self, node: RunningNode, behind: Behind) -> None:
        super().__init__(node.link, LESSON, STREAM)
        self._behind = behind

    async def subscribe(self, offer: str) -> str:
        """The answer to a subscriber's offer."""
        return self._behind(await super().subscribe(offer))


async def publish(
    node: RunningNode,
    browser: Browser,
    width: int,
    height: int,
    frames: int,
    codec: str = "",
    mode: str = "",
) -> Room:
    """A Chromium that teaches over a good link, as our page does or with another codec."""

    async def answer(offer: str) -> str:
        return (await node.link.publish("teacher", LESSON, STREAM, offer)).sdp

    room = await Room.open(browser, answer)
    await room.publish(width, height, frames, codec, mode)
    return room


async def run_row(
    node: RunningNode, browser: Browser, row: Row, *, load_tool: bool, seed: int, without: Sequence[str] = ()
) -> list[Outcome]:
    """Let a receiver of each kind go through the row's phases; Chromium's offer loses the lines with words of
    ``without``."""
    first = row.phases[0]
    address = "127.0.0.1", port_of(node)
    async with Emulator(address, up=first.up, down=first.down, seed=seed) as emulator:
        behind = Behind(node, emulator, blocks_udp=row.tcp)
        load_tool = load_tool and not row.tcp  # it knows no other way than UDP
        plan = Plan(int(load_tool), media=None)
        async with LoadTest(BehindDoor(node, behind), plan) as load:
            session = f"chromium-{row.name}"
            told = len(node.events)

            async def answer(offer: str) -> str:
                lines = offer.splitlines(keepends=True)
                taken = "".join(line for line in lines if not any(words in line for words in without))
                return behind((await node.link.subscribe(session, LESSON, STREAM, taken)).sdp)

            room = await Room.open(browser, answer)
            await room.play()
            await load.join()
            await asyncio.sleep(row.settle)
            spans = []
            for phase in row.phases:
                emulator.change(up=phase.up, down=phase.down)
                begin, heard = time.time(), len(node.events)
                report, _ = await asyncio.gather(
                    load.measure(phase.seconds - _SETTLE, settle=_SETTLE), asyncio.sleep(phase.seconds)
                )
                spans.append((phase, begin, time.time(), heard, report if load_tool else None))
            notes = await room.notes()
            await room.leave()
            await node.link.close(session)
    return _outcomes(row, notes, spans, node, session, told)


def _outcomes(
    row: Row,
    notes: Notes,
    spans: list[tuple[Phase, float, float, int, Report | None]],
    node: RunningNode,
    session: str,
    told: int,
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    stops = [heard for _, _, _, heard, _ in spans[1:]] + [len(node.events)]
    for (phase, begin, end, heard, report), stop in zip(spans, stops, strict=True):
        changes = [e for e in node.events[told:stop] if isinstance(e, RungChanged) and e.session == session]
        recent = [e for e in node.events[heard:stop] if isinstance(e, RungChanged) and e.session == session]
        figures = seen(notes, begin, end)
        full = outcomes[0].chromium.height if outcomes else 0
        outcomes.append(
            Outcome(
                row=row.name,
                phase=phase,
                chromium=figures,
                rung=changes[-1].rung if changes else "",
                rungs=tuple(f"{e.rung} ({e.reason})" for e in recent),
                full_again=time_to_height(notes, begin, full) if phase.name == "return" else None,
                load=report,
            )
        )
    return outcomes
