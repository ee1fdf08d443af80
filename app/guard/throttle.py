"""How often somebody may do something: a bucket of tokens for each key, in bounded memory."""

import threading
from collections import OrderedDict


class Throttle:
    """Token buckets by key, at most `keys` of them; time is an argument. Any thread may ask.

    The bucket that was used longest ago is forgotten first: a forgotten bucket is a full one, so forgetting
    can only be too kind.
    """

    def __init__(self, *, burst: float, per_second: float, keys: int = 10_000) -> None:
        self._burst = burst
        self._rate = per_second
        self._keys = keys
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: object, now: float) -> float:
        """Take a token and return 0, or take none and return the seconds until there will be one."""
        with self._lock:
            tokens, seen = self._buckets.pop(key, (self._burst, now))
            tokens = min(self._burst, tokens + max(0.0, now - seen) * self._rate)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
            return 0.0 if allowed else (1 - tokens) / self._rate
