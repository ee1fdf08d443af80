"""Handshakes take turns with media: a bounded queue of datagrams, and a bounded time for them.

OpenSSL takes a millisecond for one client's handshake. When a whole county joins in the same second, that must not make
the sound of running lessons wait: media is forwarded first, then handshakes go on for a few milliseconds, and so on.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from media_relay.counters import Counters
from media_relay.peer import Peer, PeerState
from media_relay.seams.dtls import handshake_records

SLICE: Final = 0.004
"""Seconds of handshakes before media has its turn again."""
_MAX_WAITING: Final = 1_024
_MAX_OF_ONE: Final = 16
"""Datagrams of one client: a flight has up to five, and may come twice."""


AnyPeer = TypeVar("AnyPeer", bound=Peer)


class Handshakes(Generic[AnyPeer]):
    """Datagrams of clients that are not connected yet."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._waiting: deque[tuple[AnyPeer, bytes]] = deque()
        self._of: Counter[AnyPeer] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, peer: AnyPeer, datagram: bytes) -> None:
        """Let a datagram wait for its turn, or drop it: the client repeats its flight (RFC 6347 section 4.2.4)."""
        if not handshake_records(datagram):
            self._counters.drops["dtls"] += 1
            return
        if len(self._waiting) >= _MAX_WAITING or self._of[peer] >= _MAX_OF_ONE:
            self._counters.drops["dtls_flood"] += 1
            return
        self._of[peer] += 1
        self._waiting.append((peer, datagram))

    def run(self, take: Callable[[AnyPeer, bytes], None]) -> None:
        """Hand over what waits, in the order it came, for :data:`SLICE` seconds at most."""
        if not self._waiting:
            return
        stop = time.perf_counter() + SLICE
        while self._waiting:
            peer, datagram = self._waiting.popleft()
            self._of[peer] -= 1
            if not self._of[peer]:
                del self._of[peer]
            if peer.state is not PeerState.CLOSED:
                take(peer, datagram)
            if time.perf_counter() >= stop:
                return
