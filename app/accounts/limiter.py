"""Bounds on how often somebody may try to sign in: by account, by address, and by both."""

import ipaddress
import time
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many attempts in how long a window."""

    pair: RateLimitItem = RateLimitItemPerMinute(10, 5, namespace="pair")
    """Attempts at one account from one network, right or wrong."""
    address: RateLimitItem = RateLimitItemPerMinute(200, 5, namespace="address")
    """Wrong attempts from one network, at whatever accounts. A whole county may share an address."""
    account: RateLimitItem = RateLimitItemPerMinute(50, 15, namespace="account")
    """Wrong attempts at one account, from wherever."""


class SignInLimits:
    """Counts attempts in memory.

    An attempt at an account counts before its password is checked, so that a burst of parallel guesses is no way
    around the bound. What one network gets wrong is bounded, and so is what it can make us remember.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def attempt(self, login: str, address: str) -> float:
        """Count one attempt: 0 when it may go on, else the seconds to wait."""
        network = network_of(address)
        for item, key in ((self._bounds.address, network), (self._bounds.account, login)):
            if not self._window.test(item, key):
                return self._wait(item, key)
        if not self._window.hit(self._bounds.pair, login, network):
            return self._wait(self._bounds.pair, login, network)
        return 0.0

    def refused(self, login: str, address: str) -> None:
        """The password was wrong."""
        self._window.hit(self._bounds.address, network_of(address))
        self._window.hit(self._bounds.account, login)

    def accepted(self, login: str, address: str) -> None:
        """The password was right: forget the attempts at this account from there."""
        self._window.clear(self._bounds.pair, login, network_of(address))

    def unlock(self, login: str) -> None:
        """Forget what was tried at an account from everywhere else, too: somebody vouched for it anew."""
        self._window.clear(self._bounds.account, login)

    def _wait(self, item: RateLimitItem, *keys: str) -> float:
        return max(1.0, self._window.get_window_stats(item, *keys).reset_time - time.time())


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the network, for one subscriber has 2^64 addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
