"""Relay nodes as real processes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from media_relay.api import ControlLink, node_command
from media_relay.messages import Event, NodeReady
from tests.patience import PATIENCE


class RunningNode:
    """A node's process and our end of its control link."""

    def __init__(self, process: asyncio.subprocess.Process, link: ControlLink, events: list[Event]) -> None:
        self.process = process
        self.link = link
        self.events = events
        self.lost = asyncio.Event()
        self._heard = asyncio.Event()

    def hear(self, event: Event) -> None:
        self.events.append(event)
        self._heard.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._heard.clear()
                await self._heard.wait()

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


@asynccontextmanager
async def running_node(*addresses: str) -> AsyncIterator[RunningNode]:
    """A node on a free port, ready."""
    ours, theirs = socket.socketpair()
    command = node_command(theirs.fileno(), 0, addresses or ("127.0.0.1",))
    process = await asyncio.create_subprocess_exec(
        *command, pass_fds=[theirs.fileno()], stderr=asyncio.subprocess.PIPE
    )
    theirs.close()
    heard: list[RunningNode] = []
    link = await ControlLink.attach(ours, lambda e: heard[0].hear(e), lambda: heard[0].lost.set())
    node = RunningNode(process, link, [])
    heard.append(node)
    try:
        await node.until(lambda: any(isinstance(e, NodeReady) for e in node.events))
        yield node
    finally:
        link.detach()
        try:
            async with asyncio.timeout(PATIENCE):
                _, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    assert errors == b"", "a node that ends in order says nothing"
