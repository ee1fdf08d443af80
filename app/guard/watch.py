"""What is refused, counted by its code; and what of it looks like somebody trying doors, for the trail.

A wrong link or an old page is refused now and then, to anybody. What is told to the trail is who shows a token that was
never good, asks for what their role does not do, or sends fields that are not theirs to set; and who, in ten minutes,
asks again and again for things that are not there for them, or with a token that has run out.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter
from starlette.requests import HTTPConnection

from app.errors import AppError
from app.guard.addresses import network_of

ASKER: Final = "tongtang.asker"
"""Key in a request's scope: the `Asker`, once it is known."""
WINDOW_SECONDS: Final = 600.0
OFTEN: Final = 10
"""So many in a window are no accident any more."""
MOST_REMEMBERED: Final = 10_000
MOST_UNWRITTEN: Final = 500
_AT_ONCE: Final = frozenset(
    {"token.invalid", "token.wrong_kind", "token.not_yet", "terminal.unproven", "session.other_origin"}
    | {"upload.infected"}
)
_GOOD_ONCE: Final = frozenset(
    {"token.expired", "token.void", "token.no_person", "session.over", "terminal.removed", "guest.over"}
)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, by ids alone."""

    id: UUID
    """Of a person, a room's terminal or a guest's link."""
    county_id: UUID | None
    """None: it was not looked up, as for a lesson grant."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Somebody was refused something, the so-many-th time in ten minutes."""

    code: str
    method: str
    route: str
    """The route's template; "-" where there is none."""
    address: str
    asker: Asker | None
    times: int


class Refusals:
    """Who was refused what of late: each told once in a window, in memory of fixed size. Any thread may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[object, tuple[float, int]] = OrderedDict()
        self._known: deque[Refusal] = deque()
        self._strangers: deque[Refusal] = (
            deque()
        )  # apart: nobody with many addresses is in the way of the others
        self._left_out = 0
        self._lock = Lock()

    def count(self, key: object, at: int, refusal: Callable[[int], Refusal]) -> None:
        """One more; remembered when it is the one at which it is told."""
        now = self._clock()
        with self._lock:
            began, times = self._seen.pop(key, (now, 0))
            if now - began >= WINDOW_SECONDS:
                began, times = now, 0
            self._seen[key] = (began, times + 1)
            if len(self._seen) > MOST_REMEMBERED:
                self._seen.popitem(last=False)
            if times + 1 != at:
                return
            told = refusal(at)
            unwritten = self._known if told.asker else self._strangers
            if len(unwritten) < MOST_UNWRITTEN:
                unwritten.append(told)
            else:
                self._left_out += 1

    def take(self, most: int) -> tuple[list[Refusal], int]:
        """Up to `most` to be written, known askers first, and how many were left out because there were too many."""
        with self._lock:
            taken = [self._known.popleft() for _ in range(min(most, len(self._known)))]
            taken += [self._strangers.popleft() for _ in range(min(most - len(taken), len(self._strangers)))]
            left_out, self._left_out = self._left_out, 0
            return taken, left_out


class Watch:
    """Counts every error that is answered, and remembers those that the trail is told of."""

    def __init__(self, refusals: Refusals, registry: CollectorRegistry) -> None:
        self._refusals = refusals
        words = "Requests that were answered with an error of ours, by its code"
        self._problems = Counter("tongtang_problems", words, ["code"], registry=registry)

    def __call__(self, connection: HTTPConnection, error: AppError) -> None:
        """An error is about to be answered."""
        self._problems.labels(error.code).inc()
        scope = connection.scope
        asker: Asker | None = scope.get(ASKER)
        at = _told_at(error, known=asker is not None)
        if at == 0:
            return
        address = connection.client.host[:64] if connection.client else ""
        route = getattr(scope.get("route"), "path", "-")
        method = scope.get("method", "WebSocket")

        def refusal(times: int) -> Refusal:
            return Refusal(error.code, method, route, address, asker, times)

        self._refusals.count((asker.id if asker else network_of(address), error.code), at, refusal)


def _told_at(error: AppError, *, known: bool) -> int:
    """How many of them it takes until the trail is told; 0: it never is."""
    if error.code in _AT_ONCE or (known and (error.status == 403 or _sets_too_much(error))):
        return 1
    return OFTEN if error.code in _GOOD_ONCE or (known and error.status == 404) else 0


def _sets_too_much(error: AppError) -> bool:
    fields = error.extra.get("errors", ()) if error.status == 422 else ()
    return any(each["code"] == "extra_forbidden" and each["field"].startswith("body") for each in fields)
