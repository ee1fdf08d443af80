"""What the control plane may use of the relay: start a node's process and talk to it.

The exception tree:

- :exc:`RelayError`
    - :exc:`OfferRefused` — the node read the offer and says no, with a stable ``code``.
    - :exc:`NodeLost` — the node's process or link ended, or it failed over a fault of its own; what it was asked
      may or may not have happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import sys
from collections.abc import Callable, Iterable, Sequence

from media_relay.messages import (
    MAX_LINE,
    NODE_FAULT,
    Answer,
    Close,
    Command,
    Drain,
    Event,
    GetStats,
    KeepOnly,
    MessageError,
    NodeDrained,
    NodeReady,
    NodeStats,
    Prefer,
    Publish,
    Refused,
    Reply,
    RungChanged,
    Samples,
    SessionClosed,
    SessionConnected,
    SpeakerChanged,
    StreamMuted,
    StreamStarted,
    StreamStopped,
    Subscribe,
    Trickle,
    decode,
    encode,
)

__all__ = ["ControlLink", "NodeLost", "OfferRefused", "RelayError", "node_command"]

_EVENTS = (
    *(NodeReady, NodeDrained, SessionConnected, SessionClosed, StreamStarted, StreamStopped),
    *(SpeakerChanged, StreamMuted, RungChanged, Samples),
)
_COMMAND_TIMEOUT = 5.0


class RelayError(Exception):
    """The relay could not do what was asked."""


class OfferRefused(RelayError):
    """The node refused an offer or a fragment.

    Codes: ``offer.malformed``, ``offer.no_media``, ``offer.unsupported``, ``offer.no_common_codec``,
    ``offer.too_large``, ``session.unknown``, ``node.full``, ``node.draining``.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class NodeLost(RelayError):
    """The node is gone, did not answer within five seconds, or failed over a fault of its own."""


def node_command(
    control_fd: int, port: int, addresses: Sequence[str], *, native: bool | None = None
) -> list[str]:
    """The command line of a node whose end of the control link is the inherited descriptor ``control_fd``."""
    command = [
        sys.executable,
        "-m",
        "media_relay",
        "node",
        "--control-fd",
        str(control_fd),
        "--port",
        str(port),
    ]
    for address in addresses:
        command += ["--address", address]
    if native is not None:
        command.append("--native" if native else "--no-native")
    return command


class ControlLink:
    """The web process's end of the control link to one node. All methods belong to one event loop."""

    def __init__(self, on_event: Callable[[Event], None], on_lost: Callable[[], None]) -> None:
        self._on_event = on_event
        self._on_lost = on_lost
        self._requests = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Reply]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def attach(
        cls, sock: socket.socket, on_event: Callable[[Event], None], on_lost: Callable[[], None]
    ) -> ControlLink:
        """Take over a connected stream socket. ``on_event`` and ``on_lost`` are called in the event loop."""
        link = cls(on_event, on_lost)
        reader, link._writer = await asyncio.open_connection(sock=sock, limit=MAX_LINE)
        link._task = asyncio.create_task(link._read(reader), name="relay control link")
        return link

    async def publish(self, session: str, lesson: str, stream: str, offer: str) -> Answer:
        """Answer a publisher's offer; raises :class:`OfferRefused`, :class:`NodeLost`."""
        return self._answer(await self._ask(Publish(next(self._requests), session, lesson, stream, offer)))

    async def subscribe(
        self, session: str, lesson: str, stream: str, offer: str, *, viewer: str = ""
    ) -> Answer:
        """Answer a subscriber's offer; raises :class:`OfferRefused`, :class:`NodeLost`."""
        command = Subscribe(next(self._requests), session, lesson, stream, offer, viewer)
        return self._answer(await self._ask(command))

    async def prefer(self, lesson: str, viewer: str, stream: str) -> None:
        """Say which of a viewer's streams matters most to it; raises :class:`NodeLost`."""
        await self._ask(Prefer(next(self._requests), lesson, viewer, stream))

    async def trickle(self, session: str, fragment: str) -> Answer | None:
        """Hand on an SDP fragment: ``None`` for candidates, the node's new credentials for an ICE restart."""
        reply = await self._ask(Trickle(next(self._requests), session, fragment))
        return reply if isinstance(reply, Answer) else None

    async def close(self, session: str, reason: str = "closed") -> None:
        """End a session; ending an unknown one is no error."""
        await self._ask(Close(next(self._requests), session, reason))

    async def keep_only(self, sessions: Iterable[str]) -> None:
        """Desired state: the node ends every session that is not listed."""
        await self._ask(KeepOnly(next(self._requests), tuple(sessions)))

    async def drain(self, *, on: bool = True) -> None:
        """Let the node take no new lessons; it says ``NodeDrained`` when nobody is left. Or let it take them again."""
        await self._ask(Drain(next(self._requests), on))

    async def stats(self) -> NodeStats:
        """Counters since the node's start."""
        reply = await self._ask(GetStats(next(self._requests)))
        if not isinstance(reply, NodeStats):
            raise NodeLost("the relay node answered out of turn")
        return reply

    def detach(self) -> None:
        """Close the link; the node ends by itself when it notices."""
        if self._task is not None:
            self._task.cancel()
        if self._writer is not None:
            self._writer.close()
        self._fail_pending()

    async def _ask(self, command: Command) -> Reply:
        if self._writer is None or self._writer.is_closing():
            raise NodeLost("the relay node is not running")
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[command.request] = future
        try:
            self._writer.write(encode(command))
            async with asyncio.timeout(_COMMAND_TIMEOUT):
                await self._writer.drain()
                reply = await future
        except (TimeoutError, ConnectionError) as error:
            raise NodeLost("the relay node did not answer") from error
        finally:
            self._pending.pop(command.request, None)
        if isinstance(reply, Refused):
            if reply.code == NODE_FAULT:
                raise NodeLost(reply.detail)
            raise OfferRefused(reply.code, reply.detail)
        return reply

    @staticmethod
    def _answer(reply: Reply) -> Answer:
        if not isinstance(reply, Answer):
            raise NodeLost("the relay node answered out of turn")
        return reply

    async def _read(self, reader: asyncio.StreamReader) -> None:
        loop = asyncio.get_running_loop()
        # A line that is no message means the other end is not our node: give the link up.
        with contextlib.suppress(ConnectionError, MessageError, ValueError):
            while line := await reader.readline():
                message = decode(line)
                if isinstance(message, _EVENTS):
                    # In a call of its own: what goes wrong there is told by the loop, and does not end the link.
                    loop.call_soon(self._on_event, message)
                elif not isinstance(message, Command):
                    future = self._pending.get(message.request)
                    if future is not None and not future.done():
                        future.set_result(message)
        if self._writer is not None:
            self._writer.close()
        self._fail_pending()
        self._on_lost()

    def _fail_pending(self) -> None:
        for future in self._pending.values():
            if not future.done():
                future.set_exception(NodeLost("the relay node ended"))
