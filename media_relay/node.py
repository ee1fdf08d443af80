"""A relay node as a process: one port, one control link, one thread."""

from __future__ import annotations

import os
import resource
import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from media_relay.control import Control
from media_relay.core.gathering import Gathering
from media_relay.core.stress import Stress, Work
from media_relay.messages import (
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
_EARLY: Final = TICK / 4
"""Seconds by which a tick may come before its time. The next one comes at its own."""
_AT_ONCE: Final = 0.000_1
"""Seconds within which a wait ended at once: what came had come before, while the node was at work."""
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
    both = socket.has_dualstack_ipv6()
    sock = socket.socket(socket.AF_INET6 if both else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if both:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::" if both else "0.0.0.0", port))
    except OSError as error:
        sock.close()
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
    """Joins a :class:`~media_relay.relay.Relay` to a control link, in a loop of its own.

    Not asyncio's: what that does around each wake-up costs as much as half of a small lesson's packets.
    """

    def __init__(
        self,
        sock: socket.socket,
        addresses: Sequence[str],
        listener: socket.socket | None = None,
        *,
        native: bool = True,
    ) -> None:
        self._relay = Relay(sock, addresses, self._say, listener=listener, native=native)
        self._control: Control | None = None
        self._stopped = False
        self._due = 0.0
        self._lag = 0.0
        self._stress = Stress(time.monotonic(), self._work())
        self._gathering = Gathering(time.monotonic(), time.process_time())
        self._read_at = 0.0

    def stop(self) -> None:
        """Let :meth:`run` return within a tick; for signal handlers and other threads."""
        self._stopped = True

    def run(self, sock: socket.socket) -> None:
        """Serve until the control link, a connected stream socket, ends, or :meth:`stop` is called."""
        port = self._relay.port
        control = self._control = Control(sock)
        handlers = {
            port.fileno(): port.readable,
            port.tcp.fileno(): port.connections_readable,
            control.fileno(): self._commands,
        }
        with select.epoll() as poll:
            for fd in handlers:
                poll.register(fd, select.EPOLLIN)
            self._due = time.monotonic() + TICK
            self._say(NodeReady(os.getpid(), port.number, self._relay.addresses, port.forwards))
            writes = False
            while not (self._stopped or control.over):
                if writes != bool(control.unsent):
                    writes = not writes
                    poll.modify(control.fileno(), select.EPOLLIN | (select.EPOLLOUT if writes else 0))
                self._turn(poll, handlers)
        self._relay.shut_down()
        control.flush()
        control.close()

    def _turn(self, poll: select.epoll, handlers: Mapping[int, Callable[[], None]]) -> None:
        """Wait for what comes next, and act on it.

        A tick that is due soon takes place now: whoever is awake already need not wake up again for it.
        """
        relay = self._relay
        asked_at = time.monotonic()
        wait = 0.0 if relay.port.unfinished else max(0.0, self._due - asked_at)
        came = poll.poll(wait, len(handlers))
        for fd, _ in came:
            if fd == relay.port.fileno():
                self._gather(asked_at)
            relay.faults.guard("reading", handlers[fd])
        if relay.port.unfinished:  # handshakes have another slice of time after whatever else waits
            relay.faults.guard("shaking hands", relay.port.shake_hands)
        if time.monotonic() >= self._due - (_EARLY if came else 0.0):
            relay.faults.guard("ticking", self._tick)

    def _gather(self, asked_at: float) -> None:
        """Let packets gather for as long as that does no harm; what came while the node was at work has done so."""
        pause = self._gathering.pause
        if pause:
            now = time.monotonic()
            since = now if now - asked_at > _AT_ONCE else self._read_at
            if since + pause > now:
                time.sleep(since + pause - now)
            self._read_at = time.monotonic()

    def _tick(self) -> None:
        now = time.monotonic()
        late = max(0.0, now - self._due)
        self._lag = max(self._lag, late)
        # A late tick is not made up for by a burst of ticks. The next one comes whatever happens in this one.
        self._due = max(self._due + TICK, now + TICK / 2)
        self._relay.tick()
        if self._gathering.due(now):
            self._gathering.measure(now, time.process_time())
        if self._stress.tick(late, now):
            self._stress.measure(self._work(), now)
            self._relay.intake.full = self._stress.full

    def _work(self) -> Work:
        counters = self._relay.counters
        packets = counters.packets_received + counters.packets_forwarded + counters.packets_retransmitted
        return Work(time.process_time(), packets, self._relay.send_drops)

    def _commands(self) -> None:
        if self._control is None:
            return
        self._control.flush()
        for line in self._control.read():
            try:
                message = decode(line)
            except MessageError:
                self._control.over = True
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
        if self._control is not None and not self._control.write(encode(message)):
            self._relay.counters.drops["control"] += 1


def _resident() -> int:
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * _PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
