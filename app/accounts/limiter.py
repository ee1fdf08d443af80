"""Bounds on how often somebody may try to sign in: by account, by address, and by both."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.guard.addresses import network_of
from app.guard.traffic import Limit


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many attempts in how long a window."""

    pair: RateLimitItem = RateLimitItemPerMinute(10, 5, namespace="pair")
    """Attempts at one account from one network, right or wrong."""
    address: RateLimitItem = RateLimitItemPerMinute(200, 5, namespace="address")
    """Wrong attempts from one network, at whatever accounts. A whole county may share an address."""
    account: RateLimitItem = RateLimitItemPerMinute(50, 15, namespace="account")
    """Wrong attempts at one account, from wherever."""


MOST_PAIRS = 20_000
"""Accounts and networks that are remembered; what is wrong beyond that is bounded by account and by network."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An attempt that is over a bound."""

    limit: Limit
    wait: float
    """Seconds until another one may be made."""


class Memory(MemoryStorage):
    """The library's, whose own thread looks for what is over: it fails when a key is cleared while it looks at it."""

    def clear(self, key: str) -> None:
        """Forget one key, when nobody looks at it."""
        with self.locks[key]:
            super().clear(key)


class SignInLimits:
    """Counts attempts in memory.

    An attempt at an account counts before its password is checked, so that a burst of parallel guesses is no way
    around the bound. What one network gets wrong is bounded, and so is what it can make us remember.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._window = MovingWindowRateLimiter(Memory())
        self._pairs: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, login: str, address: str) -> Refusal | None:
        """Count one attempt: None when it may go on."""
        network = network_of(address)
        for limit, item, key in (
            (Limit.SIGN_IN_ADDRESS, self._bounds.address, network),
            (Limit.SIGN_IN_ACCOUNT, self._bounds.account, login),
        ):
            if not self._window.test(item, key):
                return Refusal(limit, self._wait(item, key))
        self._remember(login, network)
        if not self._window.hit(self._bounds.pair, login, network):
            return Refusal(Limit.SIGN_IN_PAIR, self._wait(self._bounds.pair, login, network))
        return None

    def refused(self, login: str, address: str) -> None:
        """The password was wrong."""
        self._window.hit(self._bounds.address, network_of(address))
        self._window.hit(self._bounds.account, login)

    def attempt_from(self, address: str) -> Refusal | None:
        """None while not too much was got wrong from there: for sign-ins that name no account."""
        network = network_of(address)
        if self._window.test(self._bounds.address, network):
            return None
        return Refusal(Limit.SIGN_IN_ADDRESS, self._wait(self._bounds.address, network))

    def refused_from(self, address: str) -> None:
        """A sign-in that names no account was refused."""
        self._window.hit(self._bounds.address, network_of(address))

    def accepted(self, login: str, address: str) -> None:
        """The password was right: forget the attempts at this account from there."""
        self._forget(login, network_of(address))

    def unlock(self, login: str) -> None:
        """Forget what was tried at an account from everywhere: somebody vouched for it anew."""
        self._window.clear(self._bounds.account, login)
        with self._lock:
            networks = [network for each, network in self._pairs if each == login]
        for network in networks:
            self._forget(login, network)

    def _remember(self, login: str, network: str) -> None:
        # The storage forgets by time only, and strangers choose what it is asked to remember.
        with self._lock:
            self._pairs[login, network] = None
            self._pairs.move_to_end((login, network))
            oldest = self._pairs.popitem(last=False)[0] if len(self._pairs) > MOST_PAIRS else None
        if oldest is not None:
            self._window.clear(self._bounds.pair, *oldest)

    def _forget(self, login: str, network: str) -> None:
        with self._lock:
            self._pairs.pop((login, network), None)
        self._window.clear(self._bounds.pair, login, network)

    def _wait(self, item: RateLimitItem, *keys: str) -> float:
        return max(1.0, self._window.get_window_stats(item, *keys).reset_time - time.time())
