"""How soon those who come at the same time see a picture, over a link as long as a county is wide."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Final

from media_relay.load_test.doors import LinkDoor
from media_relay.load_test.running import LoadTest, Plan
from media_relay.messages import NodeReady
from tests.benchmarks.figures import Figure, Selection
from tests.emulator import Emulator
from tests.link import Conditions
from tests.media_relay.nodes import RunningNode, running_node

_SITES: Final = 30
_ONE_WAY: Final = 0.020
_WARM_UP: Final = 1.0
_P50: Final = f"relay.first_frame_p50_ms.n{_SITES}"
_MAX: Final = f"relay.first_frame_max_ms.n{_SITES}"
_LOST: Final = f"relay.first_frame_lost_packets.n{_SITES}"


class _FarDoor(LinkDoor):
    """Subscribers reach the node through the emulator; the publisher is at hand."""

    def __init__(self, node: RunningNode, emulator: Emulator, port: int) -> None:
        super().__init__(node.link)
        self._ports = f" {port} typ host", f" {emulator.port} typ host"

    async def subscribe(self, offer: str) -> str:
        return (await super().subscribe(offer)).replace(*self._ports)


async def joining_figures(wanted: Selection) -> AsyncIterator[Figure]:
    """Thirty sites join within the same second: from the answer to a whole keyframe, and what they lost."""
    if not wanted.takes_any([_P50, _MAX, _LOST]):
        return
    link = Conditions(delay=_ONE_WAY)
    async with running_node() as node:
        port = next(event.port for event in node.events if isinstance(event, NodeReady))
        async with (
            Emulator(("127.0.0.1", port), up=link, down=link) as emulator,
            LoadTest(_FarDoor(node, emulator, port), Plan(_SITES, joins_per_second=_SITES)) as load,
        ):
            await load.join(after=_WARM_UP)
            report = await load.measure(2.0)
    print(f"first frame: {report.receiving} of {_SITES} receive", file=sys.stderr)  # noqa: T201
    values = {_P50: report.first_frame_p50_ms, _MAX: report.first_frame_max_ms}
    for name, value in values.items():
        if value is not None and wanted.takes(name):
            yield Figure(name, value, "ms")
    if wanted.takes(_LOST):
        yield Figure(_LOST, report.lost_packets, "packets")
