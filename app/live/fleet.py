"""The relay nodes as the sessions see them: which one takes a lesson, what each is to keep, which is being emptied."""

import contextlib
from collections.abc import Callable

import structlog

from app.errors import Conflict, NotFound
from app.live.nodes import NodeStatus, RelayNode, RelayPool
from app.live.rules import NodeLoad, least_loaded
from app.live.sessions import SessionRegister
from media_relay.api import ControlLink, NodeLost
from media_relay.messages import NodeStats

_log = structlog.stdlib.get_logger(__name__)


class Fleet:
    """All relay nodes, kept to what the register of sessions says. `leave` is called with a node whose lessons are
    to go on elsewhere."""

    def __init__(self, pool: RelayPool, sessions: SessionRegister, leave: Callable[[int], None]) -> None:
        self._pool = pool
        self._sessions = sessions
        self._leave = leave
        self._releases: dict[int, bool] = {}
        self.stats: dict[int, NodeStats] = {}
        """Counters of the nodes by number, as they were read last. Any thread may look."""

    def link(self, number: int) -> ControlLink:
        """The control link of a node; raises :exc:`NodeLost` when it is down."""
        return self._pool.link(number)

    def place(self) -> int | None:
        """The node for a lesson that is on none yet."""
        return least_loaded({number: self._load(number) for number in self._pool.open})

    def _load(self, number: int) -> NodeLoad:
        sessions = len(self._sessions.of_node(number))
        stats = self.stats.get(number)
        if stats is None:
            return NodeLoad(sessions)
        return NodeLoad(sessions, stats.publishers + stats.subscribers, stats.stress)

    async def read_stats(self) -> dict[int, NodeStats]:
        """Counters of the nodes now; one that does not answer is given up and started anew."""
        self.stats = await self._pool.stats()
        return self.stats

    async def check(self) -> None:
        """Tell every node again what should be; one that does not answer is started anew."""
        await self.read_stats()
        for number in self._pool.ready:
            await self.reconcile(number)

    async def reconcile(self, number: int) -> None:
        """Tell a node which sessions to keep."""
        with contextlib.suppress(NodeLost):
            await self._pool.link(number).keep_only(session.id for session in self._sessions.of_node(number))

    # --- nodes that are to be ended ---

    def nodes(self) -> list[NodeStatus]:
        """Every node as it is now."""
        return [self._status(node) for node in self._pool.nodes]

    async def drain(self, number: int, *, release: bool = False, move: bool = False) -> NodeStatus:
        """Bring no new lessons to a node, and end it when those it has are over; then it starts afresh.

        With ``release`` it stays away until :meth:`undrain`. With ``move`` its lessons go on elsewhere at once: their
        pages come again within a few seconds. Raises :exc:`NotFound`, and :exc:`Conflict` where nobody could take
        the lessons over.
        """
        node = self._node(number)
        if node.link is None:
            raise Conflict("node.not_running", "Node not running", f"Relay node {number} is {node.state}.")
        if move and not set(self._pool.open) - {number}:
            raise Conflict("node.last", "No other node", "No other relay node takes the lessons of this one.")
        node.draining, self._releases[number] = True, release
        with contextlib.suppress(NodeLost):  # then it has ended by itself
            await node.link.drain()
            if move:
                self._leave(number)
                await self.reconcile(number)
        _log.info("relay node is being emptied", node=number, release=release, move=move)
        return self._status(node)

    async def undrain(self, number: int) -> NodeStatus:
        """Bring lessons to a node again; a released one starts. Raises :exc:`NotFound`."""
        node = self._node(number)
        node.want()
        if node.link is not None:
            with contextlib.suppress(NodeLost):
                await node.link.drain(on=False)
        _log.info("relay node takes lessons again", node=number)
        return self._status(node)

    def drained(self, number: int) -> None:
        """A node says that it is empty."""
        node = self._node(number)
        # A session whose offer is on its way there was registered already.
        if node.draining and not self._sessions.of_node(number):
            _log.info("relay node is empty", node=number)
            self._renew(node)

    def went_down(self, number: int) -> None:
        """A node is gone; one that was being emptied is empty now."""
        self.stats.pop(number, None)
        node = self._node(number)
        if node.draining:
            self._renew(node)

    def _renew(self, node: RelayNode) -> None:
        node.renew(release=self._releases.pop(node.number, False))

    def _node(self, number: int) -> RelayNode:
        if not 0 <= number < len(self._pool.nodes):
            raise NotFound("node.not_found", "No such relay node", f"There is no relay node {number} here.")
        return self._pool.nodes[number]

    def _status(self, node: RelayNode) -> NodeStatus:
        sessions = self._sessions.of_node(node.number)
        stats = self.stats.get(node.number)
        lessons = len({session.key.lesson_id for session in sessions})
        stress = stats.stress if stats and node.link is not None else None
        return NodeStatus(node.number, node.port, node.state, node.pid, lessons, len(sessions), stress)
