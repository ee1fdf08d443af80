"""Bounds on what may be asked without an account: new pairings, codes, challenges, guest links."""

import time
from enum import Enum
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.errors import TooManyRequests


class Knock(Enum):
    """What is asked for, and how often one may; a whole county may share an address."""

    PAIRING = RateLimitItemPerMinute(120, 10, namespace="pairing")
    """Devices that want to be paired, from one network."""
    CODE = RateLimitItemPerMinute(30, 10, namespace="code")
    """Codes that one administrator tries."""
    PROOF = RateLimitItemPerMinute(20, 1, namespace="proof")
    """Times that one terminal proves itself."""
    GUEST = RateLimitItemPerMinute(120, 10, namespace="guest")
    """Guest links opened from one network."""


class DoorLimits:
    """Counts in memory."""

    def __init__(self) -> None:
        self._window: Final = MovingWindowRateLimiter(MemoryStorage())

    def knock(self, kind: Knock, who: str) -> None:
        """Count one; raises `TooManyRequests` beyond the bound."""
        item: RateLimitItem = kind.value
        if self._window.hit(item, who):
            return
        wait = max(1, int(self._window.get_window_stats(item, who).reset_time - time.time()) + 1)
        raise TooManyRequests(
            "door.too_many", "Too many tries", f"Try again in {wait} s.", headers={"Retry-After": str(wait)}
        )
