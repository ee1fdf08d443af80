"""The relay nodes: child processes with a control link each, started again when they die."""

import asyncio
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from app.supervisor import end, keep_running
from media_relay.api import ControlLink, NodeLost, node_command
from media_relay.messages import Event, NodeReady, NodeStats

_log = structlog.stdlib.get_logger(__name__)

STOP_GRACE = 0.8
"""Seconds a node has to leave by itself; with the push that follows it stays within the promised three."""

EventSink = Callable[[int, Event], None]
"""Called with the node's number and what it reports."""

DownSink = Callable[[int], None]
"""Called with the number of a node that is gone, and all its media sessions with it."""


class NodeState(StrEnum):
    """What a node does."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A relay node as its operator sees it."""

    index: int
    port: int
    state: NodeState
    pid: int | None
    lessons: int
    sessions: int
    stress: float | None
    """As it was read last; ``None`` before."""


class RelayNode:
    """One node over all its lives. `link` is there while the node takes commands."""

    def __init__(
        self,
        number: int,
        port: int,
        addresses: Sequence[str],
        on_event: EventSink,
        on_down: DownSink,
        *,
        native: bool,
    ) -> None:
        self.number = number
        self.port = port
        self.pid: int | None = None
        self.link: ControlLink | None = None
        self._addresses = addresses
        self._native = native
        self._on_event = on_event
        self._on_down = on_down
        self._attached: ControlLink | None = None
        self._lost = asyncio.Event()
        self.draining = False
        """Whether it takes no new lessons, and is ended when the last one is over."""
        self._wanted = asyncio.Event()
        self._wanted.set()

    @property
    def state(self) -> NodeState:
        """What it does now."""
        if not self._wanted.is_set():
            return NodeState.RELEASED
        if self.link is None:
            return NodeState.STARTING
        return NodeState.DRAINING if self.draining else NodeState.READY

    def renew(self, *, release: bool) -> None:
        """End this life; another one begins at once, or with :meth:`want` where the node is released."""
        self.draining = False
        if release:
            self._wanted.clear()
        self._lost.set()

    def want(self) -> None:
        """Let the node live again."""
        self.draining = False
        self._wanted.set()

    async def live(self) -> None:
        """One life of the node's process, from its start to its end."""
        await self._wanted.wait()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await self._spawn(theirs)
            except BaseException:
                ours.close()
                raise
        self.pid = process.pid
        self._lost = asyncio.Event()
        try:
            self._attached = await ControlLink.attach(ours, self._take, self._lost.set)
            await self._lost.wait()
        finally:
            if self._attached is not None:
                self._attached.detach()
            self._attached = self.link = self.pid = None
            self._on_down(self.number)
            await end(process, STOP_GRACE)

    def abandon(self) -> None:
        """Give up this life of a node that no longer answers."""
        self._lost.set()

    def _take(self, event: Event) -> None:
        if isinstance(event, NodeReady):
            self.link = self._attached
            _log.info(
                "relay node ready", node=self.number, pid=event.pid, port=event.port, forwards=event.forwards
            )
        self._on_event(self.number, event)

    async def _spawn(self, theirs: socket.socket) -> Process:
        command = node_command(theirs.fileno(), self.port, self._addresses, native=self._native)
        # A session of its own: Ctrl-C in the terminal is ours to answer, the node follows the link.
        return await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True
        )


class RelayPool:
    """All nodes of this process."""

    def __init__(
        self,
        count: int,
        first_port: int,
        addresses: Sequence[str],
        on_event: EventSink,
        on_down: DownSink,
        *,
        native: bool,
    ) -> None:
        self.nodes = [
            RelayNode(number, first_port + number, addresses, self._take, self._down, native=native)
            for number in range(count)
        ]
        self._on_event = on_event
        self._on_down = on_down
        self._tasks: list[asyncio.Task[None]] = []
        self._any_ready = asyncio.Event()

    @property
    def ready(self) -> list[int]:
        """The numbers of the nodes that take commands."""
        return [node.number for node in self.nodes if node.link is not None]

    @property
    def open(self) -> list[int]:
        """Those of them that take new lessons."""
        return [node.number for node in self.nodes if node.link is not None and not node.draining]

    def link(self, number: int) -> ControlLink:
        """The control link of a node; raises :exc:`NodeLost` when it is down."""
        link = self.nodes[number].link
        if link is None:
            raise NodeLost(f"relay node {number} is not running")
        return link

    async def wait_ready(self, seconds: float) -> None:
        """Wait until some node takes commands; raises :exc:`TimeoutError`."""
        async with asyncio.timeout(seconds):
            await self._any_ready.wait()

    def start(self) -> None:
        """Start every node; returns before they are ready."""
        for node in self.nodes:
            name = f"relay node {node.number}"
            self._tasks.append(asyncio.create_task(keep_running(name, node.live), name=name))

    async def stop(self) -> None:
        """End every node and wait until their processes are gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def stats(self) -> dict[int, NodeStats]:
        """Counters of every node. A node that does not answer hangs: it is given up and started again."""
        found: dict[int, NodeStats] = {}
        for node in self.nodes:
            if node.link is None:
                continue
            try:
                found[node.number] = await node.link.stats()
            except NodeLost:
                _log.error("relay node does not answer", node=node.number, pid=node.pid)
                node.abandon()
        return found

    def _take(self, number: int, event: Event) -> None:
        if isinstance(event, NodeReady):
            self._any_ready.set()
        self._on_event(number, event)

    def _down(self, number: int) -> None:
        if not self.ready:
            self._any_ready.clear()
        self._on_down(number)
