"""A bound on how many files are worked on at once: reading one takes a core for a second or more."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar

from app.errors import Unavailable
from app.threads import finish_in_threadpool

P = ParamSpec("P")
T = TypeVar("T")
AT_ONCE: Final = 2
MOST_WAITING: Final = 6


class TransferDesk:
    """Lets so many imports and exports work in threads, so many wait, and no more."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._storing = asyncio.Lock()
        self._here = 0

    async def work(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns, in its turn; raises `Unavailable` when too many wait already."""
        with self._place():
            async with self._turns:
                return await finish_in_threadpool(function, *args, **kwargs)

    async def store(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for what stores a file: one after the other, since a database with one writer keeps the second
        waiting for some seconds only."""
        with self._place():
            async with self._storing, self._turns:
                return await finish_in_threadpool(function, *args, **kwargs)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._here >= AT_ONCE + MOST_WAITING:
            raise Unavailable(
                "transfer.busy",
                "Busy",
                "Too many files are being worked on; try again in a moment.",
                headers={"Retry-After": "10"},
            )
        self._here += 1
        try:
            yield
        finally:
            self._here -= 1
