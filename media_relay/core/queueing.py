"""How long the packets of one session wait on their way, how many are lost, and how many get through.

The delay is that of the fastest batch of each feedback message over the fastest of the last ten to twenty seconds. What
a radio link adds to some packets (jitter) then does not count, what a queue adds to all of them does.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from media_relay.core.transport_log import Digest

_BASE_WINDOW: Final = 10.0
"""Seconds after which a lowest delay begins to be forgotten: clocks drift, routes change, others' queues stay."""
_RATE_WINDOW: Final = 0.5
_LOSS_WINDOW: Final = 2.0
_DELAYS: Final = 16


class Queueing:
    """Figures of one session. Times are monotonic seconds, those of arrival seconds of the receiver's clock."""

    __slots__ = (
        "_arrived",
        "_base",
        "_base_at",
        "_former_base",
        "_losses",
        "_octets",
        "delay",
        "delays",
        "heard_at",
        "losses",
        "packets",
    )

    def __init__(self) -> None:
        self.delay = 0.0
        """Seconds that packets wait in queues."""
        self.delays: deque[tuple[float, float]] = deque(maxlen=_DELAYS)
        """(time, delay) of the last messages."""
        self.heard_at: float | None = None
        self.packets = 0
        """Sent in the last two seconds, and how many of them were lost."""
        self.losses = 0
        self._base: float | None = None
        self._former_base: float | None = None
        self._base_at = 0.0
        self._octets = 0
        self._arrived: deque[tuple[float, int]] = deque()
        self._losses: deque[tuple[float, int, int]] = deque()

    def take(self, digest: Digest, now: float) -> None:
        """A feedback message came."""
        self.heard_at = now
        if digest.delay is not None:
            self._wait(digest.delay, now)
        self._octets += digest.octets
        arrived = self._arrived
        if not arrived or digest.arrived_at > arrived[-1][0]:
            arrived.append((digest.arrived_at, self._octets))
        while len(arrived) > 2 and digest.arrived_at - arrived[1][0] >= _RATE_WINDOW:
            arrived.popleft()
        lost = digest.lost - digest.late
        self._losses.append((now, digest.packets, lost))
        self.packets += digest.packets
        self.losses += lost
        while now - self._losses[0][0] > _LOSS_WINDOW:
            _, packets, lost = self._losses.popleft()
            self.packets -= packets
            self.losses -= lost

    def _wait(self, took: float, now: float) -> None:
        if self._base is None or now - self._base_at > _BASE_WINDOW:
            self._former_base, self._base, self._base_at = self._base, took, now
        self._base = min(self._base, took)
        base = self._base if self._former_base is None else min(self._base, self._former_base)
        self.delay = took - base
        self.delays.append((now, self.delay))

    @property
    def loss(self) -> float:
        """Share of the packets lost in the last two seconds, before repair."""
        return max(0.0, self.losses / self.packets) if self.packets else 0.0

    def delivered(self, window: float = _RATE_WINDOW) -> int:
        """Bits a second that arrived in the last ``window`` seconds, at most half a second; 0 while unknown."""
        if len(self._arrived) < 2:
            return 0
        ended, octets = self._arrived[-1]
        began, before = next(
            (point for point in reversed(self._arrived) if ended - point[0] >= window), self._arrived[0]
        )
        return int((octets - before) * 8 / max(0.02, ended - began))

    def lowest_delay(self, since: float) -> float:
        """The shortest wait that any message told of since then."""
        return min((delay for at, delay in self.delays if at >= since), default=0.0)
