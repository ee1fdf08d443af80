"""Who waits for whom when several files come at once."""

import asyncio
from threading import Event

import pytest

from app.errors import Unavailable
from app.transfer.desk import AT_ONCE, MOST_WAITING, TransferDesk


def test_files_are_stored_one_after_the_other_and_others_go_between() -> None:
    order: list[str] = []
    begun, may_end = Event(), Event()

    def hold() -> None:
        begun.set()
        may_end.wait()
        order.append("first")

    async def scene() -> None:
        desk = TransferDesk()
        stored = [asyncio.create_task(desk.store(hold))]
        await asyncio.to_thread(begun.wait)
        waiting = AT_ONCE + MOST_WAITING - 2
        stored += [asyncio.create_task(desk.store(order.append, "later")) for _ in range(waiting)]
        await desk.work(order.append, "between")
        last = asyncio.create_task(desk.store(order.append, "later"))
        await asyncio.sleep(0)  # so that it stands in line
        with pytest.raises(Unavailable, match=r"Too many files"):
            await desk.store(order.append, "never")
        may_end.set()
        await asyncio.gather(*stored, last)

    asyncio.run(scene())
    assert order == ["between", "first", *["later"] * (AT_ONCE + MOST_WAITING - 1)]
