"""The control link when the other end is not the node it should be."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine

import pytest

from media_relay import api
from media_relay.api import ControlLink, NodeLost, OfferRefused, RelayError
from media_relay.messages import NODE_FAULT, Event, Refused, SessionConnected, encode
from tests.patience import PATIENCE


class Pair:
    """A link and the socket a node would hold."""

    def __init__(self, link: ControlLink, sock: socket.socket) -> None:
        self.link = link
        self.sock = sock
        self.events: list[Event] = []
        self.heard = asyncio.Event()
        self.lost = asyncio.Event()

    async def read_command(self) -> dict[str, object]:
        line = await asyncio.get_running_loop().sock_recv(self.sock, 65_536)
        command: dict[str, object] = json.loads(line.splitlines()[0])
        return command

    async def say(self, line: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, line)


def run(scenario: Callable[[Pair], Coroutine[None, None, None]]) -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        pairs: list[Pair] = []

        def hear(event: Event) -> None:
            pairs[0].events.append(event)
            pairs[0].heard.set()

        link = await ControlLink.attach(ours, hear, lambda: pairs[0].lost.set())
        pairs.append(Pair(link, theirs))
        try:
            async with asyncio.timeout(PATIENCE):
                await scenario(pairs[0])
        finally:
            link.detach()
            theirs.close()
            await asyncio.sleep(0)

    asyncio.run(main())


def test_replies_find_their_question_in_any_order() -> None:
    async def scenario(pair: Pair) -> None:
        first = asyncio.create_task(pair.link.publish("a", "lesson", "main", "offer a"))
        one = await pair.read_command()
        second = asyncio.create_task(pair.link.publish("b", "lesson", "main", "offer b"))
        two = await pair.read_command()
        assert one["request"] != two["request"]
        await pair.say(encode(SessionConnected("a")))
        for command in (two, one):
            reply = {"type": "Answer", "request": command["request"], "sdp": f"answer to {command['offer']}"}
            await pair.say(json.dumps(reply).encode() + b"\n")
        assert (await first).sdp == "answer to offer a"
        assert (await second).sdp == "answer to offer b"
        assert pair.events == [SessionConnected("a")]

    run(scenario)


def test_a_refusal_carries_code_and_reason() -> None:
    async def scenario(pair: Pair) -> None:
        asked = asyncio.create_task(pair.link.subscribe("a", "lesson", "main", "offer"))
        command = await pair.read_command()
        refusal = {"type": "Refused", "request": command["request"], "code": "node.full", "detail": "Full."}
        await pair.say(json.dumps(refusal).encode() + b"\n")
        with pytest.raises(OfferRefused) as refused:
            await asked
        assert (refused.value.code, refused.value.detail) == ("node.full", "Full.")

    run(scenario)


def test_a_reply_of_the_wrong_kind_is_no_answer() -> None:
    async def scenario(pair: Pair) -> None:
        for ask in (pair.link.publish("a", "lesson", "main", "offer"), pair.link.stats()):
            asked = asyncio.create_task(ask)
            command = await pair.read_command()
            await pair.say(json.dumps({"type": "Done", "request": command["request"]}).encode() + b"\n")
            with pytest.raises(NodeLost):
                await asked

    run(scenario)


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"type":"Answer","request":"x","sdp":1}\n'])
def test_nonsense_from_the_node_ends_the_link(line: bytes) -> None:
    async def scenario(pair: Pair) -> None:
        asked = asyncio.create_task(pair.link.close("a"))
        await pair.read_command()
        await pair.say(line)
        with pytest.raises(NodeLost):
            await asked
        await pair.lost.wait()
        with pytest.raises(NodeLost):
            await pair.link.close("b")

    run(scenario)


def test_a_node_that_ends_fails_what_was_asked() -> None:
    async def scenario(pair: Pair) -> None:
        asked = [asyncio.create_task(pair.link.close(name)) for name in "abc"]
        await pair.read_command()
        pair.sock.close()
        for outcome in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(outcome, NodeLost)
        await pair.lost.wait()

    run(scenario)


def test_a_node_that_does_not_answer_is_lost_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_COMMAND_TIMEOUT", 0.05)

    async def scenario(pair: Pair) -> None:
        with pytest.raises(NodeLost):
            await pair.link.stats()
        assert not pair.link._pending

    run(scenario)


def test_an_event_that_the_web_process_fails_over_does_not_end_the_link() -> None:
    def fail(_: Event) -> None:
        raise ValueError("a mistake")

    async def scenario(pair: Pair) -> None:
        told = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda *_: told.set())
        pair.link._on_event = fail
        await pair.say(encode(SessionConnected("a")))
        await told.wait()
        asked = asyncio.create_task(pair.link.close("a"))
        command = await pair.read_command()
        await pair.say(json.dumps({"type": "Done", "request": command["request"]}).encode() + b"\n")
        await asked

    run(scenario)


def test_a_fault_of_the_node_is_no_refusal_of_the_offer() -> None:
    async def scenario(pair: Pair) -> None:
        asked = asyncio.create_task(pair.link.publish("a", "lesson", "main", "offer"))
        command = await pair.read_command()
        request = command["request"]
        assert isinstance(request, int)
        await pair.say(encode(Refused(request, NODE_FAULT, "The node failed.")))
        with pytest.raises(NodeLost, match="failed"):
            await asked

    run(scenario)


def test_lone_surrogates_in_an_offer_reach_the_node() -> None:
    async def scenario(pair: Pair) -> None:
        asked = asyncio.create_task(pair.link.publish("a", "lesson", "main", "v=0\ud800"))
        command = await pair.read_command()
        assert command["offer"] == "v=0\ud800"
        asked.cancel()

    run(scenario)


def test_the_exceptions_are_one_tree() -> None:
    assert issubclass(OfferRefused, RelayError) and issubclass(NodeLost, RelayError)
