"""Whoever is told to stop waits for the work it has in a thread."""

import asyncio
import threading

import pytest

from app.threads import finish_in_threadpool
from tests.patience import PATIENCE


def test_what_the_work_returns_or_raises_comes_back() -> None:
    assert asyncio.run(finish_in_threadpool(int, "12")) == 12
    with pytest.raises(ValueError, match="twelve"):
        asyncio.run(finish_in_threadpool(int, "twelve"))


@pytest.mark.parametrize("fails", [False, True])
def test_a_cancelled_caller_ends_after_its_work(fails: bool) -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(PATIENCE)
        ended.set()
        if fails:
            raise ValueError

    async def scenario() -> None:
        task = asyncio.create_task(finish_in_threadpool(work))
        await asyncio.to_thread(begun.wait, PATIENCE)
        task.cancel()
        done, _ = await asyncio.wait((task,), timeout=0.05)
        assert not done
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(scenario())
