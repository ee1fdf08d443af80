"""Whose turn it is when all readers are busy."""

import asyncio
from asyncio import Future
from collections import OrderedDict, deque
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Turns(Generic[Thing]):
    """Things that one has at a time, and those who wait for one: each asker in turn, not each request.

    Whoever asks for thirty things at once waits for them; somebody else's one thing waits for the next free one only.
    No more wait than there are connections.
    """

    def __init__(self) -> None:
        self._free: list[Thing] = []
        """The last one that was busy first: what it used is still at hand."""
        self._waiting: OrderedDict[bytes, deque[Future[Thing | None]]] = OrderedDict()

    async def take(self, asker: bytes, seconds: float) -> Thing | None:
        """A free thing, to be given back with `give`; None when there is none in time, or nothing to wait for."""
        if self._free:
            return self._free.pop()
        waiting: Future[Thing | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asker, deque()).append(waiting)
        try:
            async with asyncio.timeout(seconds):
                return await waiting
        except TimeoutError:
            return waiting.result() if waiting.done() and not waiting.cancelled() else None
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and (thing := waiting.result()) is not None:
                self.give(thing)  # it was handed over in the moment in which nobody wanted it any more
            raise
        finally:
            self._forget(asker, waiting)

    def give(self, thing: Thing) -> None:
        """Something is free: who waited longest of those whose turn it is has it."""
        while self._waiting:
            asker, own = self._waiting.popitem(last=False)
            waiting = own.popleft()
            if own:
                self._waiting[asker] = own
            if not waiting.done():
                waiting.set_result(thing)
                return
        self._free.append(thing)

    def withdraw(self, thing: Thing) -> None:
        """Something is no more."""
        if thing in self._free:
            self._free.remove(thing)

    def send_away(self) -> None:
        """There is nothing to wait for."""
        while self._waiting:
            _, own = self._waiting.popitem()
            for waiting in own:
                if not waiting.done():
                    waiting.set_result(None)

    def _forget(self, asker: bytes, waiting: Future[Thing | None]) -> None:
        own = self._waiting.get(asker, deque())
        if waiting in own:
            own.remove(waiting)
            if not own:
                del self._waiting[asker]
