"""Real relay nodes for tests: a process of their own, commanded over a real control link."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from media_relay.api import ControlLink, node_command
from media_relay.messages import Event, NodeReady

_ROOT = Path(__file__).resolve().parent.parent
_START_TIMEOUT = 20.0
_STOP_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node that takes commands."""

    link: ControlLink
    pid: int
    port: int


@asynccontextmanager
async def running_node(address: str = "127.0.0.1") -> AsyncIterator[RunningNode]:
    """A node on any free port; it ends when its control link does, and must do so cleanly."""
    ours, theirs = socket.socketpair()
    ready: asyncio.Future[NodeReady] = asyncio.get_running_loop().create_future()
    lost = asyncio.Event()

    def on_event(event: Event) -> None:
        if isinstance(event, NodeReady) and not ready.done():
            ready.set_result(event)

    command = node_command(theirs.fileno(), 0, [address])
    process = await asyncio.create_subprocess_exec(
        *command, pass_fds=[theirs.fileno()], cwd=_ROOT, stderr=sys.stderr
    )
    theirs.close()
    try:
        link = await ControlLink.attach(ours, on_event, lost.set)
        async with asyncio.timeout(_START_TIMEOUT):
            started = await ready
        try:
            yield RunningNode(link, started.pid, started.port)
        finally:
            link.detach()
        async with asyncio.timeout(_STOP_TIMEOUT):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
