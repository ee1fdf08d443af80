"""A bound on how often somebody may try to sign in."""

from collections import OrderedDict
from threading import Lock


class AttemptLimiter:
    """Counts attempts by key in a window of time; time is an argument.

    An attempt counts before its password is checked, so that a burst of parallel guesses is no way around the
    bound. Success forgets the count. At most `keys` keys are remembered; the oldest go first.
    """

    def __init__(self, attempts: int = 10, window: float = 300.0, keys: int = 20_000) -> None:
        self._attempts = attempts
        self._window = window
        self._keys = keys
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = Lock()  # routes run in threads

    def attempt(self, key: str, now: float) -> float:
        """Count one attempt: 0 when it may go on, else the seconds to wait."""
        with self._lock:
            started, count = self._seen.get(key, (now, 0))
            if now - started >= self._window:
                started, count = now, 0
                self._seen.pop(key, None)
            if count >= self._attempts:
                return self._window - (now - started)
            self._seen[key] = (started, count + 1)
            if len(self._seen) > self._keys:
                self._seen.popitem(last=False)
            return 0.0

    def succeeded(self, key: str) -> None:
        """Forget the attempts of this key."""
        with self._lock:
            self._seen.pop(key, None)
