"""Listens to a lesson's classroom channel and keeps what it says: what is live, what broke, what ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from app.demo.api import Api, ApiError

FIRST_PAUSE: Final = 0.3
LONGEST_PAUSE: Final = 3.0
_CLOSED_TO_US: Final = (4403, 4404)


@dataclass(frozen=True, slots=True)
class Known:
    """What the channel has told so far."""

    connected: bool = False
    connections: int = 0
    """How often the server has said welcome."""
    restarts: int = 0
    """How often the relay told that media must be set up anew."""
    live: frozenset[str] = frozenset()
    """Streams whose media arrive at the server; none while not connected."""
    ended: bool = False
    """Whether the lesson is over, or closed to us."""


class ClassroomChannel:
    """One person's ear in a lesson. :meth:`listen` keeps ``known`` up to date, over lost connections too."""

    def __init__(self, api: Api, path: str) -> None:
        self._api = api
        self._url = websocket_url(urljoin(str(api.http.base_url), path))
        self._changed = asyncio.Condition()
        self.known = Known()

    async def listen(self) -> None:
        """Listen until the lesson ends, connecting again whenever the connection is lost."""
        pause = FIRST_PAUSE
        while not self.known.ended:
            before = self.known.connections
            try:
                async with connect(self._url, open_timeout=5, close_timeout=1, proxy=None) as socket:
                    await self._converse(socket)
            except (OSError, TimeoutError, WebSocketException, ApiError):
                pass  # the server is away or busy; it is asked again below
            await self._note(connected=False, live=frozenset())
            pause = FIRST_PAUSE if self.known.connections > before else min(LONGEST_PAUSE, pause * 1.6)
            if not self.known.ended:
                await asyncio.sleep(pause)

    async def wait_for(self, predicate: Callable[[Known], bool]) -> None:
        """Return as soon as ``predicate`` holds for what is known."""
        async with self._changed:
            await self._changed.wait_for(lambda: predicate(self.known))

    async def wait_free(self, stream: str, seconds: float) -> None:
        """Return once nobody has published ``stream`` for ``seconds``."""
        while True:
            await self.wait_for(lambda known: known.connected and stream not in known.live)
            try:
                async with asyncio.timeout(seconds):
                    await self.wait_for(lambda known: not known.connected or stream in known.live)
            except TimeoutError:
                return

    async def _converse(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"type": "hello", "token": await self._api.token()}))
        try:
            async for text in socket:
                message = json.loads(text)
                if message.get("type") == "ping":
                    await socket.send(json.dumps({"type": "pong"}))
                else:
                    await self._take(message)
        finally:
            await self._note_close(socket.close_code)

    async def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "welcome", "streams": streams}:
                live = frozenset(entry["stream"] for entry in streams if entry["publishing"])
                await self._note(connected=True, connections=self.known.connections + 1, live=live)
            case {"type": "stream_started", "stream": stream}:
                await self._note(live=self.known.live | {stream})
            case {"type": "stream_stopped", "stream": stream}:
                await self._note(live=self.known.live - {stream})
            case {"type": "media_restarted"}:
                await self._note(restarts=self.known.restarts + 1, live=frozenset())
            case {"type": "lesson_ended"}:
                await self._note(ended=True)

    async def _note_close(self, code: int | None) -> None:
        if code == 4401:
            self._api.forget_token()
        elif code in _CLOSED_TO_US:
            await self._note(ended=True)

    async def _note(self, **news: Any) -> None:
        async with self._changed:
            self.known = replace(self.known, **news)
            self._changed.notify_all()


def websocket_url(url: str) -> str:
    """The ws:// or wss:// form of an http:// or https:// URL."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme={"https": "wss"}.get(parts.scheme, "ws")))
