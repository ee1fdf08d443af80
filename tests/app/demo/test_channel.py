"""What is known of a lesson from its channel, also when the connection is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from app.demo.api import Api, TokenFile, new_http
from app.demo.channel import ClassroomChannel, websocket_url
from tests.patience import PATIENCE

Script = Callable[[ServerConnection], Awaitable[None]]


def welcome(**publishing: bool) -> dict[str, Any]:
    streams = [{"stream": name, "publishing": live} for name, live in publishing.items()]
    return {"type": "welcome", "role": "teacher", "streams": streams, "lesson_state": "live"}


@asynccontextmanager
async def listening(script: Script, tmp_path: Path) -> AsyncIterator[ClassroomChannel]:
    """A channel that listens to a server that follows ``script`` on each connection."""
    token = tmp_path / "token"
    token.write_text("a-token\n")
    async with serve(script, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with new_http(f"http://127.0.0.1:{port}") as http:
            channel = ClassroomChannel(Api(http, TokenFile(token)), "/api/v1/lessons/x/channel")
            task = asyncio.create_task(channel.listen())
            try:
                async with asyncio.timeout(PATIENCE):
                    yield channel
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def test_knows_which_streams_are_live(tmp_path: Path) -> None:
    seen = asyncio.Event()

    async def script(socket: ServerConnection) -> None:
        assert json.loads(await socket.recv()) == {"type": "hello", "token": "a-token"}
        await socket.send(json.dumps(welcome(main=True, board=False)))
        await socket.send('{"type": "stream_started", "stream": "board"}')
        await socket.send('{"type": "stream_stopped", "stream": "main"}')
        await socket.send('{"type": "of a newer server"}')
        await socket.send('{"type": "ping"}')
        assert json.loads(await socket.recv()) == {"type": "pong"}
        await seen.wait()
        await socket.send('{"type": "lesson_ended"}')

    async def scenario() -> None:
        async with listening(script, tmp_path) as channel:
            await channel.wait_for(lambda known: known.live == {"board"})
            seen.set()
            await channel.wait_for(lambda known: known.ended)

    asyncio.run(scenario())


def test_comes_back_after_a_lost_connection(tmp_path: Path) -> None:
    async def script(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(json.dumps(welcome(main=True)))
        socket.transport.abort()

    async def scenario() -> None:
        async with listening(script, tmp_path) as channel:
            await channel.wait_for(lambda known: known.connections == 3)

    asyncio.run(scenario())


@pytest.mark.parametrize("code", [4403, 4404])
def test_a_closed_door_ends_the_lesson(tmp_path: Path, code: int) -> None:
    async def script(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(code)

    async def scenario() -> None:
        async with listening(script, tmp_path) as channel:
            await channel.wait_for(lambda known: known.ended)

    asyncio.run(scenario())


def test_a_stream_is_free_only_after_a_while_without_a_publisher(tmp_path: Path) -> None:
    changes: asyncio.Queue[str] = asyncio.Queue()

    async def script(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(json.dumps(welcome(main=False)))
        while change := await changes.get():
            await socket.send(json.dumps({"type": change, "stream": "main"}))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with listening(script, tmp_path) as channel:
            await channel.wait_for(lambda known: known.connected)
            while True:
                free = asyncio.create_task(channel.wait_free("main", 0.5))
                await asyncio.wait({free}, timeout=0.2)
                changes.put_nowait("stream_started")
                await channel.wait_for(lambda known: "main" in known.live)
                was_free = (
                    free.done()
                )  # and rightly, on a machine that stood still for so long: once more then
                changes.put_nowait("stream_stopped")
                await channel.wait_for(lambda known: "main" not in known.live)
                stopped_at = loop.time()
                await free
                if not was_free:
                    break
            assert loop.time() - stopped_at >= 0.45
            changes.put_nowait("")

    asyncio.run(scenario())


def test_websocket_urls() -> None:
    assert websocket_url("http://host:8000/a?b") == "ws://host:8000/a?b"
    assert websocket_url("https://host/a") == "wss://host/a"
