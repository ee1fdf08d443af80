"""Whoever asks for much waits for it; nobody else does."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from app.readers.queues import Turns
from tests.patience import PATIENCE

ASKERS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=12)


async def order_of(turns: Turns[str], askers: list[bytes]) -> list[int]:
    """In which order those get the one thing there is who ask while somebody has it."""
    got: list[int] = []

    async def use(number: int, asker: bytes) -> None:
        thing = await turns.take(asker, PATIENCE)
        assert thing is not None
        got.append(number)
        turns.give(thing)

    using = [asyncio.create_task(use(number, asker)) for number, asker in enumerate(askers)]
    await asyncio.sleep(0)
    turns.give("thing")
    await asyncio.gather(*using)
    return got


@given(ASKERS)
def test_each_asker_has_a_turn_before_anybody_has_another(askers: list[bytes]) -> None:
    got = asyncio.run(order_of(Turns(), askers))
    rounds = [(askers[:number].count(asker), number) for number, asker in enumerate(askers)]
    first = {asker: askers.index(asker) for asker in askers}
    assert got == [number for _, _, number in sorted((turn, first[askers[at]], at) for turn, at in rounds)]


def test_nobody_waits_longer_than_they_said_or_for_nothing() -> None:
    async def scenario() -> None:
        turns: Turns[str] = Turns()
        assert await turns.take(b"a", 0.01) is None
        waiting = [asyncio.create_task(turns.take(b"a", PATIENCE)) for _ in range(3)]
        await asyncio.sleep(0)
        turns.send_away()
        assert await asyncio.gather(*waiting) == [None] * 3
        turns.give("thing")
        assert await turns.take(b"b", PATIENCE) == "thing", "nobody left is still in the way"

    asyncio.run(scenario())


def test_what_is_no_more_is_not_given() -> None:
    async def scenario() -> None:
        turns: Turns[str] = Turns()
        turns.give("one")
        turns.withdraw("one")
        turns.withdraw("another")
        assert await turns.take(b"a", 0.01) is None

    asyncio.run(scenario())
