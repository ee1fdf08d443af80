"""The coordinator: who may publish and watch, and what becomes of it when nodes and lessons end."""

import asyncio
import os
import signal
import uuid

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from app.errors import BadRequest, Conflict, NotAcceptable, NotFound, TooManyRequests, Unavailable
from app.live import coordinator as coordinator_module
from app.live.coordinator import Coordinator
from app.live.rules import Direction
from app.live.sessions import Admission, Opened, StreamKey
from tests.app.live.coordinating import (
    ENDS_AT,
    LESSON,
    LI,
    MAIN,
    WANG,
    Log,
    camera,
    leave,
    peer,
    picture,
    publish,
    running,
    until,
    watch,
)
from tests.patience import PATIENCE, patient


def test_a_stream_travels_and_the_records_hear_of_it() -> None:
    async def scenario() -> Log:
        log = Log()
        async with running(log) as coordinator, peer(*camera()) as teacher, peer() as site:
            member = coordinator.channels.join(LESSON, {"main"})
            await publish(coordinator, teacher)
            opened = await watch(coordinator, site)
            await picture(site)
            assert coordinator.live_streams(LESSON) == {"main"}
            assert coordinator.session_counts() == {Direction.PUBLISH: 1, Direction.WATCH: 1}
            await coordinator.fleet.check()
            (stats,) = coordinator.fleet.stats.values()
            assert (stats.publishers, stats.subscribers) == (1, 1)
            await coordinator.end(opened.session)
            assert coordinator.find(MAIN, Direction.WATCH, opened.session.secret) is None
            assert await member.next() == '{"type": "stream_started", "stream": "main"}'
        return log

    news = asyncio.run(scenario()).news
    assert sorted(news[:2]) == [("S1", True), ("main", True)]
    assert sorted(news[2:]) == [("S1", False), ("main", False)]


def test_a_node_that_is_killed_comes_back_and_lessons_move_to_one_that_is_up() -> None:
    async def scenario() -> None:
        async with running(nodes=2) as coordinator, peer(*camera()) as before, peer() as site:
            await coordinator.wait_ready(PATIENCE)
            member = coordinator.channels.join(LESSON, {"main"})
            opened = await publish(coordinator, before)
            await watch(coordinator, site)
            await picture(site)
            await coordinator.fleet.check()
            os.kill(coordinator.fleet.stats[opened.session.node].pid, signal.SIGKILL)
            heard = [await member.next() for _ in range(2)]
            assert heard[1] == '{"type": "media_restarted"}'
            assert coordinator.live_streams(LESSON) == frozenset()
            assert coordinator.find(MAIN, Direction.PUBLISH, opened.session.secret) is None
            asked = asyncio.get_running_loop().time()
            async with peer(*camera()) as after, peer() as again:
                await publish(coordinator, after)
                await watch(coordinator, again)
                await picture(again)
            took = asyncio.get_running_loop().time() - asked
            assert took < patient(5)

    asyncio.run(scenario())


def test_only_the_same_person_takes_a_stream_over() -> None:
    async def scenario() -> None:
        async with running() as coordinator, peer(*camera()) as first, peer(*camera()) as second:
            before = await publish(coordinator, first)
            with pytest.raises(Conflict, match=r"stream\.taken"):
                await publish(coordinator, second, LI)
            assert coordinator.find(MAIN, Direction.PUBLISH, before.session.secret) is not None
            after = await publish(coordinator, second)
            assert coordinator.find(MAIN, Direction.PUBLISH, before.session.secret) is None
            assert coordinator.why_over(before.session.secret) == "session.replaced"
            assert coordinator.find(MAIN, Direction.PUBLISH, after.session.secret) is not None
            assert coordinator.why_over(after.session.secret) is None

    asyncio.run(scenario())


def test_two_people_who_press_the_button_together_do_not_both_win() -> None:
    async def scenario() -> None:
        async with running() as coordinator, peer(*camera()) as first, peer(*camera()) as second:
            outcomes = await asyncio.gather(
                publish(coordinator, first), publish(coordinator, second, LI), return_exceptions=True
            )
            assert sum(isinstance(outcome, Opened) for outcome in outcomes) == 1
            assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 1

    asyncio.run(scenario())


def test_a_takeover_with_a_bad_offer_leaves_the_publisher_in_place() -> None:
    async def scenario() -> None:
        async with running() as coordinator, peer(*camera()) as teacher:
            opened = await publish(coordinator, teacher)
            with pytest.raises(BadRequest):
                await coordinator.publish(opened.session.admission, "this is no SDP")
            assert coordinator.find(MAIN, Direction.PUBLISH, opened.session.secret) is not None
            with pytest.raises(Conflict):
                await publish(coordinator, teacher, LI)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("keep", "error", "code"),
    [
        ("application", BadRequest, "offer.no_media"),
        ("unknown codec", NotAcceptable, "offer.no_common_codec"),
        ("garbage", BadRequest, "offer.malformed"),
    ],
)
def test_offers_that_cannot_be_answered_say_why(keep: str, error: type[Exception], code: str) -> None:
    async def scenario() -> None:
        async with running() as coordinator, peer(*camera()) as teacher:
            offer = teacher.localDescription.sdp
            if keep == "application":
                data = RTCPeerConnection(RTCConfiguration(iceServers=[]))
                data.createDataChannel("chat")
                await data.setLocalDescription(await data.createOffer())
                offer = data.localDescription.sdp
                await data.close()
            elif keep == "unknown codec":
                for name in ("VP8", "H264", "opus", "PCMU", "PCMA", "G722", "rtx"):
                    offer = offer.replace(f" {name}/", " odd/")
            else:
                offer = "\x00garbage"
            with pytest.raises(error, match=code.replace(".", r"\.")):
                await coordinator.publish(leave(WANG), offer)
            assert coordinator.session_counts()[Direction.PUBLISH] == 0

    asyncio.run(scenario())


def test_ice_restart_renews_the_entity_tag_and_candidates_do_not() -> None:
    async def scenario() -> None:
        async with running() as coordinator, peer(*camera()) as teacher:
            opened = await publish(coordinator, teacher)
            offer = teacher.localDescription.sdp
            ufrag = next(line for line in offer.splitlines() if line.startswith("a=ice-ufrag:"))
            password = next(line for line in offer.splitlines() if line.startswith("a=ice-pwd:"))
            head = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
            candidate = "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"
            same = f"{ufrag}\r\n{password}\r\n{head}{candidate}"
            assert await coordinator.trickle(opened.session, same) is None
            restart = f"a=ice-ufrag:fresh123\r\na=ice-pwd:{'x' * 24}\r\n{head}{candidate}"
            restarted = await coordinator.trickle(opened.session, restart)
            assert restarted is not None
            assert "a=ice-ufrag:" in restarted.sdp
            assert restarted.session.entity_tag != opened.session.entity_tag
            await coordinator.end(restarted.session)
            with pytest.raises(NotFound, match=r"session\.unknown"):
                await coordinator.trickle(restarted.session, same)

    asyncio.run(scenario())


def test_the_end_of_a_lesson_ends_its_media_and_its_channel() -> None:
    async def scenario() -> None:
        async with running() as coordinator, peer(*camera()) as teacher:
            member = coordinator.channels.join(LESSON, {"main"})
            opened = await publish(coordinator, teacher)
            await coordinator.end_lesson(LESSON, "ended")
            assert coordinator.find(MAIN, Direction.PUBLISH, opened.session.secret) is None
            await coordinator.fleet.check()
            (stats,) = coordinator.fleet.stats.values()
            assert stats.publishers == 0
            assert await member.next() == '{"type": "lesson_ended", "reason": "ended"}'

    asyncio.run(scenario())


def test_offers_have_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator_module, "OFFERS_AT_ONCE", 2)
    monkeypatch.setattr(coordinator_module, "OFFERS_PER_SECOND", 0.01)

    async def scenario() -> None:
        async with running() as coordinator:
            for _ in range(2):
                with pytest.raises(BadRequest):
                    await coordinator.publish(leave(WANG), "")
            with pytest.raises(TooManyRequests, match=r"session\.too_fast") as refusal:
                await coordinator.publish(leave(WANG), "")
            assert 90 <= int(refusal.value.headers["Retry-After"]) <= 100

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_node_that_hangs_is_given_up() -> None:
    async def scenario() -> None:
        async with running() as coordinator:
            await coordinator.wait_ready(PATIENCE)
            await coordinator.fleet.check()
            pid = coordinator.fleet.stats[0].pid
            os.kill(pid, signal.SIGSTOP)
            await coordinator.fleet.check()
            await coordinator.wait_ready(PATIENCE)
            await coordinator.fleet.check()
            assert coordinator.fleet.stats[0].pid != pid

    asyncio.run(scenario())


OTHER = StreamKey(uuid.uuid4(), "main")


async def node_of(coordinator: Coordinator, key: StreamKey) -> int:
    """The node that somebody who watches now is brought to."""
    async with peer() as site:
        admission = Admission(key, Direction.WATCH, uuid.uuid4(), lesson_ends_at=ENDS_AT)
        opened = await coordinator.watch(admission, site.localDescription.sdp)
        await coordinator.end(opened.session)
        return opened.session.node


def test_a_node_is_emptied_lesson_by_lesson_and_begins_anew() -> None:
    async def scenario() -> None:
        async with running(nodes=2) as coordinator, peer() as site:
            fleet = coordinator.fleet
            await until(lambda: [node.state for node in fleet.nodes()] == ["ready", "ready"])
            opened = await watch(coordinator, site)
            number = opened.session.node
            before = fleet.nodes()[number]
            assert (before.lessons, before.sessions) == (1, 1)
            draining = await fleet.drain(number)
            assert draining.state == "draining"
            assert await node_of(coordinator, MAIN) == number, "a lesson that is there goes on there"
            assert await node_of(coordinator, OTHER) != number
            await coordinator.end(opened.session)
            await until(lambda: fleet.nodes()[number].pid not in (before.pid, None))
            await until(lambda: fleet.nodes()[number].state == "ready")
            assert await node_of(coordinator, OTHER) == number == 0, "it takes lessons again"

    asyncio.run(scenario())


def test_a_node_is_emptied_at_once_and_released() -> None:
    async def scenario() -> None:
        async with running(nodes=2) as coordinator, peer(*camera()) as teacher:
            fleet = coordinator.fleet
            await until(lambda: [node.state for node in fleet.nodes()] == ["ready", "ready"])
            member = coordinator.channels.join(LESSON, {"main"})
            opened = await publish(coordinator, teacher)
            number = opened.session.node
            assert await member.next() == '{"type": "stream_started", "stream": "main"}'
            await fleet.drain(number, move=True, release=True)
            assert await member.next() == '{"type": "media_restarted"}'
            assert coordinator.live_streams(LESSON) == frozenset()
            # Its process is told to end when it is released, and ends a moment later.
            await until(
                lambda: (fleet.nodes()[number].state, fleet.nodes()[number].pid) == ("released", None)
            )
            async with peer(*camera()) as again:
                assert (await publish(coordinator, again)).session.node == 1 - number
                assert await member.next() == '{"type": "stream_started", "stream": "main"}'
            with pytest.raises(Conflict, match="released"):
                await fleet.drain(number)
            with pytest.raises(Conflict, match="No other"):
                await fleet.drain(1 - number, move=True)
            await fleet.undrain(number)
            await until(lambda: fleet.nodes()[number].state == "ready")
            with pytest.raises(NotFound):
                await fleet.drain(2)

    asyncio.run(scenario())


def test_a_node_that_was_to_be_emptied_is_kept() -> None:
    async def scenario() -> None:
        async with running() as coordinator, peer() as site:
            fleet = coordinator.fleet
            await watch(coordinator, site)
            await fleet.drain(0)
            with pytest.raises(Unavailable):
                await node_of(coordinator, OTHER)
            kept = await fleet.undrain(0)
            assert kept.state == "ready"
            assert await node_of(coordinator, OTHER) == 0

    asyncio.run(scenario())
