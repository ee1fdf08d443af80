"""Slow clients and too many of them, with real sockets: cut off, and nobody else notices."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
import uvicorn
import uvloop
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState
from websockets.asyncio.client import connect

from app.guard.connections import MOST_HEAD_BYTES, Connections, GuardedHttp
from app.guard.options import GuardOptions
from tests.patience import PATIENCE

SHORT = 0.3
LONG = 3000.0
GET = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body; /big answers with more than any buffer holds; a WebSocket stays."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    body = b"x" * 50_000_000 if scope["path"] == "/big" else str(size).encode()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True)
class Door:
    port: int
    registry: CollectorRegistry

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, number: int = 0) -> int:
        """What somebody else's request is answered meanwhile."""
        reader, writer = await self.open()
        writer.write(GET % number)
        status = int((await reader.readuntil(b"\r\n")).split()[1])
        writer.close()
        return status

    def cut(self, reason: str) -> float:
        return self.registry.get_sample_value("tongtang_connections_cut_total", {"reason": reason}) or 0.0

    def open_now(self) -> float:
        return self.registry.get_sample_value("tongtang_connections") or 0.0


@asynccontextmanager
async def door(
    head: float = LONG,
    body: float = LONG,
    write: float = LONG,
    idle: float = LONG,
    per_address: int = 100,
) -> AsyncIterator[Door]:
    options = GuardOptions(
        trusted_proxies=(),
        head_seconds=head,
        body_seconds=body,
        write_seconds=write,
        idle_seconds=idle,
        connections_per_address=per_address,
    )
    registry = CollectorRegistry()
    connections = Connections(options, registry)
    config = uvicorn.Config(echo, log_config=None, h11_max_incomplete_event_size=MOST_HEAD_BYTES)
    config.timeout_keep_alive = options.idle_seconds  # type: ignore[assignment]
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: GuardedHttp(connections=connections, config=config, server_state=state, app_state={}),
        "127.0.0.1",
        0,
    )
    try:
        yield Door(server.sockets[0].getsockname()[1], registry)
    finally:
        server.close()
        for each in list(state.connections):
            each.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(limited())


async def until(holds: Callable[[], bool]) -> None:
    """Figures tell nobody when they change."""
    while True:
        if holds():
            return
        await asyncio.sleep(0.02)


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Say a little, again and again, until nobody listens."""
    try:
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(SHORT / 5)
    except ConnectionError:
        pass


async def refused_as(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Status and code of the answer, after which the connection is closed: who still talks then is cut off."""
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = re.findall(rb"(?i)\r\ncontent-length: (\d+)", head)
    return int(head.split()[1]), json.loads(await reader.readexactly(int(length)))["code"]


def test_who_says_nothing_is_sent_away_and_told_nothing() -> None:
    async def scenario() -> None:
        async with door(head=SHORT) as it:
            reader, writer = await it.open()
            assert await reader.read() == b""
            assert it.cut("slow_head") == 1
            writer.close()

    run(scenario)


@pytest.mark.parametrize(
    ("begin", "piece", "what"),
    [
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n", "head"),
        (GET % 1 + b"GET / HT", b"", "head"),  # the second request of a connection
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", b"x", "body"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", "body"),
    ],
)
def test_slow_heads_and_bodies_end_and_others_do_not_notice(begin: bytes, piece: bytes, what: str) -> None:
    async def scenario() -> None:
        async with door(head=SHORT, body=SHORT) as it:
            reader, writer = await it.open()
            writer.write(begin)
            if begin.startswith(GET % 1):
                assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
            refusal = asyncio.create_task(
                refused_as(reader)
            )  # read at once, before another drop finds it closed
            dripping = asyncio.create_task(drip(writer, piece))
            answers = [await it.ask(number) for number in range(5)]
            assert await refusal == (408, "request.too_slow")
            assert answers == [200] * 5
            assert it.cut(f"slow_{what}") == 1
            dripping.cancel()
            writer.close()

    run(scenario)


@pytest.mark.parametrize(
    "fields",
    [
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4, 5",
        "Content-Length: +4",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "X: a\x00b",
        "X : a",
        "X: a\rSet-Cookie: b=c",
    ],
)
def test_a_head_that_two_parsers_could_read_differently_is_refused(fields: str) -> None:
    async def scenario() -> None:
        async with door() as it:
            reader, writer = await it.open()
            writer.write(f"POST /1 HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\nabcd".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"\r\nx-content-type-options: nosniff\r\n" in head.lower()
            assert b"b=c" not in head
            told = json.loads(
                await reader.read()
            )  # and the connection is closed: nothing after it is a request
            assert (told["status"], told["code"]) == (400, "request.malformed")
            assert it.cut("malformed") == 1
            writer.close()

    run(scenario)


def test_what_comes_in_pieces_ends_with_its_last_piece_whatever_length_was_said() -> None:
    async def scenario() -> None:
        async with door() as it:
            reader, writer = await it.open()
            smuggled = b"0\r\n\r\n" + GET % 2
            length = b"Content-Length: %d\r\n" % len(smuggled)
            writer.write(b"POST /1 HTTP/1.1\r\nHost: x\r\n" + length)
            writer.write(b"Transfer-Encoding: chunked\r\n\r\n" + smuggled)
            for _ in range(
                2
            ):  # RFC 9112 §6.1: the chunks decide, so there are two requests, and each has its answer
                assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
            writer.close()

    run(scenario)


def test_a_large_body_may_take_its_time() -> None:
    async def scenario() -> None:
        async with door(body=SHORT) as it:
            reader, writer = await it.open()
            size, piece = 120_000, b"x" * 10_000  # 15 s of time are earned by it
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size // len(piece)):
                writer.write(piece)
                await asyncio.sleep(SHORT / 6)
            assert (await reader.readuntil(b"120000")).startswith(b"HTTP/1.1 200")
            writer.close()

    run(scenario)


def test_who_takes_nothing_of_the_answer_is_cut_off() -> None:
    async def scenario() -> None:
        async with door(write=SHORT) as it:
            _, writer = await it.open()
            writer.write(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: it.cut("slow_reader") == 1)
            assert await it.ask() == 200
            writer.close()

    run(scenario)


def test_one_address_has_so_many_connections_and_they_come_back() -> None:
    async def scenario() -> None:
        async with door(per_address=3) as it:
            held = [await it.open() for _ in range(2)]
            async with connect(f"ws://127.0.0.1:{it.port}/"):
                refused, writer = await it.open()
                with suppress(ConnectionResetError):  # or an end in good order
                    assert await refused.read() == b""
                writer.close()
                assert it.cut("address") == 1
                assert it.open_now() == 3
            for _, writer in held:
                writer.close()
            await until(lambda: it.open_now() == 0)
            assert await it.ask() == 200

    run(scenario)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"hello there\r\n\r\n", (400, "request.malformed")),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 2 * MOST_HEAD_BYTES, (431, "request.head_too_large")),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            (400, "request.malformed"),
        ),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
            (400, "request.malformed"),
        ),
    ],
)
def test_what_is_no_http_is_a_problem(request_: bytes, answer: tuple[int, str]) -> None:
    async def scenario() -> None:
        async with door() as it:
            reader, writer = await it.open()
            writer.write(request_)
            assert await refused_as(reader) == answer
            assert await it.ask() == 200
            writer.close()

    run(scenario)
