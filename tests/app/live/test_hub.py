"""The channel hub: bounded queues, nobody waits for anybody."""

import asyncio
import uuid

from app.live.hub import QUEUE_LENGTH, ChannelHub, CloseCode

LESSON = uuid.uuid4()


def test_everybody_in_the_lesson_hears_it_in_order_and_nobody_else() -> None:
    async def scenario() -> None:
        hub = ChannelHub()
        first, second, elsewhere = (
            hub.join(LESSON, {"main"}),
            hub.join(LESSON, {"main"}),
            hub.join(uuid.uuid4(), {"main"}),
        )
        hub.broadcast(LESSON, {"type": "stream_started", "stream": "main"})
        hub.close_lesson(LESSON, "ended")
        for member in (first, second):
            heard = [await member.next() for _ in range(3)]
            assert heard == [
                '{"type": "stream_started", "stream": "main"}',
                '{"type": "lesson_ended", "reason": "ended"}',
                CloseCode.NORMAL,
            ]
        elsewhere.close(CloseCode.NORMAL)
        assert await elsewhere.next() == CloseCode.NORMAL

    asyncio.run(scenario())


def test_a_listener_that_does_not_keep_up_is_dropped_not_waited_for() -> None:
    async def scenario() -> None:
        hub = ChannelHub()
        slow = hub.join(LESSON, {"main"})
        for _ in range(QUEUE_LENGTH + 1):
            hub.broadcast(LESSON, {"type": "ping"})
        assert await slow.next() == CloseCode.TRY_AGAIN

    asyncio.run(scenario())


def test_waiting_ends_when_something_comes() -> None:
    async def scenario() -> None:
        hub = ChannelHub()
        member = hub.join(LESSON, {"main"})
        waiting = asyncio.create_task(member.next())
        await asyncio.sleep(0)
        member.send({"type": "pong"})
        assert await waiting == '{"type": "pong"}'

    asyncio.run(scenario())


def test_members_that_left_are_forgotten() -> None:
    hub = ChannelHub()
    member = hub.join(LESSON, {"main"})
    hub.leave(member)
    hub.leave(member)
    assert (len(hub), hub.lessons()) == (0, ())
