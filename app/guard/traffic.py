"""How much one address, account, token or lesson may ask for, and who was stopped."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter

from app.guard.addresses import network_of
from app.guard.options import GuardOptions
from app.guard.refusals import too_many
from app.guard.throttle import Throttle

LOGOUTS_PER_SECOND: Final = 1.0
"""Logout tokens that do not count, from one address: what the provider signed is never one of them."""
SECONDS_AT_ONCE: Final = 60
"""A bucket holds what may be asked for in so long: pages open all at once when the bell rings."""
TOLD_AGAIN_SECONDS: Final = 600.0
"""Whoever stays over a limit is noted as often."""
MOST_REMEMBERED: Final = 10_000
MOST_UNWRITTEN: Final = 500


class Limit(StrEnum):
    """What is limited, of whom. The words stand in answers, figures and the trail."""

    ADDRESS_READS = "address.reads"
    ADDRESS_WRITES = "address.writes"
    ADDRESS_SOCKETS = "address.sockets"
    ADDRESS_MEDIA = "address.media"
    ACCOUNT_READS = "account.reads"
    ACCOUNT_WRITES = "account.writes"
    ACCOUNT_SOCKETS = "account.sockets"
    TOKEN_MEDIA = "token.media"
    LESSON_MEDIA = "lesson.media"
    PROVIDER_LOGOUTS = "provider.logouts"
    SIGN_IN_PAIR = "sign_in.pair"
    SIGN_IN_ADDRESS = "sign_in.address"
    SIGN_IN_ACCOUNT = "sign_in.account"


@dataclass(frozen=True, slots=True)
class Lockout:
    """Somebody went over a limit."""

    limit: Limit
    address: str = ""
    login: str | None = None
    """Whose account was tried."""
    person_id: UUID | None = None
    county_id: UUID | None = None
    lesson_id: UUID | None = None


class Lockouts:
    """Who went over which limit of late, each told once in a while, so that nobody fills the trail."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: OrderedDict[object, float] = OrderedDict()
        self._unwritten: deque[Lockout] = deque()
        self._left_out = 0
        self._lock = threading.Lock()

    def begins(self, key: object, lockout: Lockout) -> None:
        """Somebody was refused; remembered unless they were told of a short time ago."""
        now = self._clock()
        with self._lock:
            before = self._told.get(key)
            if before is not None and now - before < TOLD_AGAIN_SECONDS:
                return
            self._told[key] = now
            self._told.move_to_end(key)
            if len(self._told) > MOST_REMEMBERED:
                self._told.popitem(last=False)
            if len(self._unwritten) < MOST_UNWRITTEN:
                self._unwritten.append(lockout)
            else:
                self._left_out += 1

    def take(self, most: int) -> tuple[list[Lockout], int]:
        """Up to `most` that are to be written, and how many were left out because there were too many."""
        with self._lock:
            taken = [self._unwritten.popleft() for _ in range(min(most, len(self._unwritten)))]
            left_out, self._left_out = self._left_out, 0
            return taken, left_out


class Traffic:
    """The limits of one server."""

    def __init__(
        self,
        options: GuardOptions,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.lockouts = Lockouts(clock)
        words = "Requests refused because somebody was over a limit"
        self._refused = Counter("tongtang_limited", words, ["limit"], registry=registry)
        account = options.account_writes_per_second
        rates = {
            Limit.ADDRESS_READS: options.reads_per_second,
            Limit.ADDRESS_WRITES: options.writes_per_second,
            Limit.ADDRESS_SOCKETS: options.sockets_per_second,
            Limit.ADDRESS_MEDIA: options.media_per_second,
            Limit.ACCOUNT_READS: options.account_reads_per_second,
            Limit.ACCOUNT_WRITES: account,
            Limit.ACCOUNT_SOCKETS: account / 10,
            Limit.TOKEN_MEDIA: account / 10,
            Limit.LESSON_MEDIA: options.media_per_second / 2,
            Limit.PROVIDER_LOGOUTS: LOGOUTS_PER_SECOND,
        }
        self._buckets = {
            limit: Throttle(burst=max(1.0, rate * SECONDS_AT_ONCE), per_second=rate)
            for limit, rate in rates.items()
        }

    def require(self, limit: Limit, key: object, **about: Any) -> None:
        """Count one request; raises `TooManyRequests`. `about` is what the trail keeps of a lockout."""
        wait = self._buckets[limit].wait(key, self._clock())
        if wait > 0:
            self.refused(limit, key, **about)
            raise too_many(limit, wait)

    def refused(self, limit: Limit, key: object, **about: Any) -> None:
        """Count a refusal, and remember that somebody is locked out."""
        self._refused.labels(limit).inc()
        self.lockouts.begins((limit, key), Lockout(limit, **about))

    def require_of_address(self, limit: Limit, address: str) -> None:
        """`require` for a caller's address."""
        self.require(limit, network_of(address), address=address)

    def require_of_account(self, limit: Limit, person_id: UUID, county_id: UUID, address: str) -> None:
        """`require` for somebody who is signed in."""
        self.require(limit, person_id, address=address, person_id=person_id, county_id=county_id)
