"""Faults of ours: exceptions that nobody foresaw. They are counted and told, and end neither a lesson nor the node.

One datagram may hit a mistake in our code; the lessons of everybody else on the node must not pay for it. So the node's
loop goes on with the next datagram, stream or command, and here is the only place that knows of it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from media_relay.counters import Counters

_EVERY: Final = 10.0
"""Seconds between two tracebacks: who can cause one fault can cause ten thousand a second."""

_log = logging.getLogger(__name__)


class Faults:
    """Counts every fault as a drop named ``fault`` and writes down one traceback in ten seconds."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._told_at = float("-inf")
        self._untold = 0

    def guard(self, doing: str, act: Callable[..., object], *arguments: object) -> None:
        """Do something; a fault in it goes no further."""
        try:
            act(*arguments)
        except Exception as fault:  # of ours, whatever it is: what else there is to do is done all the same
            self.note(doing, fault)

    def note(self, doing: str, fault: BaseException) -> None:
        """``doing`` says what was not done because of the fault."""
        self._counters.drops["fault"] += 1
        now = time.monotonic()
        if now - self._told_at < _EVERY:
            self._untold += 1
            return
        more = f" ({self._untold} more before it were not written down)" if self._untold else ""
        self._told_at, self._untold = now, 0
        _log.error("fault while %s%s", doing, more, exc_info=fault)
