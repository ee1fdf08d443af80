"""A relay node as a process: one port, one control link, one thread."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import time
from collections.abc import Sequence
from typing import Any, Final

from media_relay.core.stress import Stress, Work
from media_relay.messages import (
    MAX_LINE,
    NODE_FAULT,
    Answer,
    Close,
    Command,
    Done,
    Drain,
    GetStats,
    KeepOnly,
    Message,
    MessageError,
    NodeReady,
    NodeStats,
    Prefer,
    Publish,
    Refused,
    Reply,
    Subscribe,
    Trickle,
    decode,
    encode,
)
from media_relay.relay import TICK, Relay
from media_relay.sdp import OfferError
from media_relay.seams.kernel import NATIVE
from media_relay.tcp import listen

_SOCKET_BUFFER: Final = 4 << 20
_FREE_PORTS_TRIED: Final = 32
_SO_RCVBUFFORCE: Final = 33
_SO_SNDBUFFORCE: Final = 32
_MAX_UNSENT: Final = 8 << 20
"""Bytes that wait for a web process that does not read: lessons go on without it, and memory stays bounded."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class PortError(OSError):
    """The media port cannot be bound."""


def open_port(port: int) -> tuple[socket.socket, socket.socket]:
    """The node's UDP socket and its TCP listener, both on one number. Raises :class:`PortError`."""
    for _ in range(_FREE_PORTS_TRIED):
        sock = bind(port)
        number = sock.getsockname()[1]
        try:
            return sock, listen(number)
        except OSError as error:
            sock.close()
            reason = error.strerror
        if port:
            break  # else the kernel gives another one
    raise PortError(f"TCP port {number} cannot be used: {reason}")


def bind(port: int) -> socket.socket:
    """The node's UDP socket, for IPv6 and IPv4 where the machine has both. Raises :class:`PortError`."""
    try:
        if socket.has_dualstack_ipv6():
            sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind(("::", port))
        else:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("0.0.0.0", port))
    except OSError as error:
        raise PortError(f"UDP port {port} cannot be used: {error.strerror}") from error
    sock.setblocking(False)
    for force, ordinary in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        # Beyond net.core.{r,w}mem_max only a privileged process gets what it asks for.
        try:
            sock.setsockopt(socket.SOL_SOCKET, force, _SOCKET_BUFFER)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, ordinary, _SOCKET_BUFFER)
    return sock


class Node:
    """Joins a :class:`~media_relay.relay.Relay` to a control link and an event loop."""

    def __init__(
        self,
        sock: socket.socket,
        addresses: Sequence[str],
        listener: socket.socket | None = None,
        *,
        native: bool = True,
    ) -> None:
        self._relay = Relay(sock, addresses, self._say, listener=listener, native=native)
        self._writer: asyncio.StreamWriter | None = None
        self._stop = asyncio.Event()
        self._going_on = False
        self._due = 0.0
        self._lag = 0.0
        self._stress = Stress(time.monotonic(), self._work())

    async def run(self, control: socket.socket) -> None:
        """Serve until the control link ends or the process is told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        loop.set_exception_handler(self._callback_failed)
        reader, self._writer = await asyncio.open_connection(sock=control, limit=MAX_LINE)
        loop.add_reader(self._relay.port.fileno(), self._readable)
        loop.add_reader(self._relay.port.tcp.fileno(), self._connections_readable)
        self._due = loop.time() + TICK
        timer = loop.call_at(self._due, self._tick)
        self._say(
            NodeReady(os.getpid(), self._relay.port.number, self._relay.addresses, self._relay.port.forwards)
        )
        commands = asyncio.create_task(self._commands(reader))
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait((commands, stopped), return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        loop.remove_reader(self._relay.port.fileno())
        loop.remove_reader(self._relay.port.tcp.fileno())
        self._relay.shut_down()
        stopped.cancel()
        self._writer.close()
        if commands.done():
            commands.result()  # a fault of the link itself ends the process with its traceback
        commands.cancel()

    def _readable(self) -> None:
        self._relay.port.readable()
        self._go_on()

    def _connections_readable(self) -> None:
        self._relay.port.connections_readable()
        self._go_on()

    def _go_on(self) -> None:
        """Let handshakes have another slice of time after whatever else waits for the loop."""
        if self._relay.port.unfinished and not self._going_on:
            self._going_on = True
            asyncio.get_running_loop().call_soon(self._shake_hands)

    def _shake_hands(self) -> None:
        self._going_on = False
        self._relay.port.shake_hands()
        self._go_on()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = max(0.0, now - self._due)
        self._lag = max(self._lag, late)
        # A late tick is not made up for by a burst of ticks. The next one comes whatever happens in this one.
        self._due = max(self._due + TICK, now + TICK / 2)
        loop.call_at(self._due, self._tick)
        self._relay.tick()
        if self._stress.tick(late, now):
            self._stress.measure(self._work(), now)
            self._relay.intake.full = self._stress.full

    def _callback_failed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message: str = context["message"]
        self._relay.faults.note(message, context.get("exception") or RuntimeError(message))

    def _work(self) -> Work:
        counters = self._relay.counters
        packets = counters.packets_received + counters.packets_forwarded + counters.packets_retransmitted
        return Work(time.process_time(), packets, self._relay.send_drops)

    async def _commands(self, reader: asyncio.StreamReader) -> None:
        while line := await _next_line(reader):
            try:
                message = decode(line)
            except MessageError:
                return
            if isinstance(message, Command):
                self._say(self._try(message))

    def _try(self, command: Command) -> Reply:
        try:
            return self._carry_out(command)
        except Exception as fault:  # of ours: whoever asked is told, and running lessons go on
            kind = type(command).__name__
            self._relay.faults.note(f"carrying out {kind}", fault)
            return Refused(command.request, NODE_FAULT, f"The relay node failed to carry out {kind}.")

    def _carry_out(self, command: Command) -> Reply:
        request = command.request
        relay = self._relay
        try:
            match command:
                case Publish():
                    sdp = relay.publish(command.session, command.lesson, command.stream, command.offer)
                    return Answer(request, sdp)
                case Subscribe():
                    sdp = relay.subscribe(
                        command.session, command.lesson, command.stream, command.offer, command.viewer
                    )
                    return Answer(request, sdp)
                case Trickle():
                    fragment = relay.trickle(command.session, command.fragment)
                    return Done(request) if fragment is None else Answer(request, fragment)
                case Prefer():
                    relay.prefer(command.lesson, command.viewer, command.stream)
                case Close():
                    relay.close(command.session, command.reason)
                case KeepOnly():
                    relay.keep_only(command.sessions)
                case Drain():
                    relay.intake.draining = command.on
                case GetStats():
                    return self._stats(request)
        except OfferError as error:
            return Refused(request, error.code, error.detail)
        return Done(request)

    def _stats(self, request: int) -> NodeStats:
        counters = self._relay.counters
        lag, self._lag = self._lag, 0.0
        return NodeStats(
            request=request,
            pid=os.getpid(),
            cpu_seconds=time.process_time(),
            rss_bytes=_resident(),
            publishers=self._relay.publishers,
            subscribers=self._relay.subscribers,
            packets_received=counters.packets_received,
            bytes_received=counters.bytes_received,
            packets_forwarded=counters.packets_forwarded,
            bytes_forwarded=counters.bytes_forwarded,
            packets_retransmitted=counters.packets_retransmitted,
            keyframe_requests=counters.keyframe_requests,
            loop_lag_ms=round(lag * 1000, 1),
            stress=round(self._stress.value, 3),
            drops=self._relay.drops(),
            native=self._relay.port.forwards == NATIVE,
        )

    def _say(self, message: Message) -> None:
        if self._writer is None or self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > _MAX_UNSENT:
            self._relay.counters.drops["control"] += 1
            return
        self._writer.write(encode(message))


async def _next_line(reader: asyncio.StreamReader) -> bytes:
    """The next line of the control link; empty when it ended, broke, or brings a line too long for a message."""
    try:
        return await reader.readline()
    except (ConnectionError, ValueError):
        return b""


def _resident() -> int:
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * _PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
