"""Child processes are started again when they end, and ended when asked."""

import asyncio
import sys
from asyncio.subprocess import Process

import pytest

from app.supervisor import Backoff, end, keep_running
from tests.patience import PATIENCE

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


async def _start(code: str) -> Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)


def test_a_child_that_dies_is_started_again_at_once() -> None:
    async def scenario() -> list[int]:
        pids: list[int] = []
        second_life = asyncio.Event()

        async def live() -> None:
            process = await _start("import time; time.sleep(60)")
            pids.append(process.pid)
            try:
                if len(pids) == 1:
                    process.kill()
                else:
                    second_life.set()
                await process.wait()
            finally:
                await end(process, 0.0)

        task = asyncio.create_task(keep_running("child", live))
        async with asyncio.timeout(PATIENCE):
            await second_life.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return pids

    pids = asyncio.run(scenario())
    assert len(set(pids)) == 2


def test_a_program_that_cannot_be_started_is_tried_again() -> None:
    async def scenario() -> int:
        tries = 0
        enough = asyncio.Event()

        async def live() -> None:
            nonlocal tries
            tries += 1
            if tries == 2:
                enough.set()
            await asyncio.create_subprocess_exec("/no/such/program")

        task = asyncio.create_task(keep_running("child", live))
        async with asyncio.timeout(PATIENCE):
            await enough.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return tries

    assert asyncio.run(scenario()) >= 2


def test_a_child_that_ignores_the_polite_way_is_killed() -> None:
    async def scenario() -> tuple[int | None, float]:
        process = await _start(STUBBORN)
        assert process.stdout is not None
        await process.stdout.readline()
        clock = asyncio.get_running_loop().time
        asked = clock()
        await end(process, 0.2)
        return process.returncode, clock() - asked

    code, seconds = asyncio.run(scenario())
    assert code == -9
    assert seconds == pytest.approx(0.4, abs=0.3)


def test_backoff_answers_the_first_death_at_once_and_young_deaths_ever_later() -> None:
    backoff = Backoff(first=0.25, longest=2.0, healthy_after=10)
    assert [backoff.after_death(0.1) for _ in range(6)] == [0, 0.25, 0.5, 1.0, 2.0, 2.0]
    assert backoff.after_death(60.0) == 0
