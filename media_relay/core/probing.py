"""When to try whether a link carries more, and how: a short burst of padding on top of what is sent anyway.

Only while somebody waits for a larger picture. A burst lasts three ticks and is bounded by what is known of the
link, so that one that does not carry it is held up by two tenths of a second at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media_relay.core.transport_log import Cluster, TransportLog

TICK: Final = 0.020
_TICKS: Final = 3
_FIRST_AFTER: Final = 1.5
"""Seconds from trouble to the first probe."""
_NEXT_AFTER: Final = 0.6
"""Seconds from a probe that succeeded to the next."""
_RETRY: Final = 3.0
_LONGEST_RETRY: Final = 5.0
_STEP: Final = 3.0
"""What is tried at most, in multiples of what is known."""
_LEAST: Final = 100_000
_PATIENCE: Final = 1.0
"""Seconds to wait for the feedback on a probe, besides the delay that is known."""
_MOST_LOSS: Final = 0.25
_ARRIVED: Final = 0.85
"""Share of the rate of sending at which a cluster must arrive to count as unhindered."""


@dataclass(slots=True)
class _Probe:
    log: TransportLog
    cluster: Cluster
    goal: int
    ticks_left: int
    began_at: float
    octets_before: int
    ended_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found."""

    bitrate: int
    """Bits a second that got through."""
    unhindered: bool
    """Whether that was all that was sent: the link may carry more."""


class Probing:
    """The probes of one viewer, one at a time. Times are monotonic seconds."""

    __slots__ = ("_next_at", "_probe", "_retry")

    def __init__(self) -> None:
        self._next_at = 0.0
        self._retry = _RETRY
        self._probe: _Probe | None = None

    @property
    def active(self) -> bool:
        """Whether a probe is under way."""
        return self._probe is not None

    def put_off(self, now: float) -> None:
        """There is trouble: stop, and wait before the next try."""
        self._drop()
        self._next_at = max(self._next_at, now + _FIRST_AFTER)

    def begin(self, log: TransportLog, wanted: int, known: int, now: float) -> bool:
        """Probe for ``wanted`` bits a second in all, if it is time to, on the session of ``log``."""
        if self._probe is not None or now < self._next_at:
            return False
        goal = min(wanted, int(_STEP * max(known, _LEAST)))
        cluster = log.cluster = Cluster(log.next)
        self._probe = _Probe(log, cluster, goal, _TICKS, now, log.octets)
        return True

    def padding(self, log: TransportLog) -> int:
        """Every tick: bytes to send on this session on top of what was sent since the last one."""
        probe = self._probe
        if probe is None or probe.log is not log or not probe.ticks_left:
            return 0
        sent = log.octets - probe.octets_before
        probe.octets_before = log.octets
        return max(0, int(probe.goal * TICK / 8) - sent)

    def padded(self, log: TransportLog, now: float) -> None:
        """The padding of this tick was sent."""
        probe = self._probe
        if probe is None or probe.log is not log or not probe.ticks_left:
            return
        probe.octets_before = log.octets
        probe.ticks_left -= 1
        if not probe.ticks_left:
            probe.cluster.end = log.next
            probe.ended_at = now

    def finding(self, delay: float, loss: float, now: float) -> Finding | None:
        """What the probe found, once all feedback on it came or is overdue.

        ``delay`` and ``loss`` are what the link has anyway: seconds of waiting, and a share of the packets.
        """
        probe = self._probe
        if probe is None or probe.cluster.end is None:
            return None
        overdue = now - probe.ended_at > _PATIENCE + delay
        if probe.log.acknowledged < probe.cluster.end and not overdue:
            return None
        self._drop()
        bitrate = min(int(probe.cluster.bitrate / (1 - min(loss, _MOST_LOSS))), probe.goal)
        if probe.cluster.lost > probe.cluster.packets // 3:
            bitrate = 0
        unhindered = bitrate >= _ARRIVED * probe.goal
        self._retry = _RETRY if unhindered else min(_LONGEST_RETRY, 1.3 * self._retry)
        self._next_at = now + (_NEXT_AFTER if unhindered else self._retry)
        return Finding(bitrate, unhindered)

    def _drop(self) -> None:
        if self._probe is not None:
            self._probe.log.cluster = None
            self._probe = None
