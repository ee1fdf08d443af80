"""Work in the thread pool that its caller waits for even when told to stop."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

P = ParamSpec("P")
T = TypeVar("T")


async def finish_in_threadpool(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns; when the caller is cancelled meanwhile, only after the function has come to its end.

    A thread cannot be stopped. Cancelling `run_in_threadpool` from a task merely stops waiting for it: the function
    goes on, with a transaction open, while the caller already closes the database underneath.
    """
    work = asyncio.ensure_future(run_in_threadpool(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait((work,))
        if not work.cancelled():
            work.exception()  # nobody is left to be told
        raise
