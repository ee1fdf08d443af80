"""Readers say what the web process would say, and are asked in its place."""

import asyncio
import socket
import threading
from asyncio import IncompleteReadError
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, cast
from uuid import UUID

import anyio.to_thread
import pytest
from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message, Scope

from app.accounts.models import Person
from app.accounts.rules import Role
from app.accounts.scopes import ACCESS_TOKEN
from app.database import reading
from app.errors import TooManyRequests
from app.guard.options import GuardOptions
from app.guard.traffic import Traffic
from app.guard.watch import ASKER, Asker
from app.keys import Keys
from app.readers.fitting import application, paths_of
from app.readers.frames import LENGTHS, NO_DATABASE, REFERRED, Answer
from app.readers.links import Link, Readers
from app.readers.nursery import Nursery
from app.readers.reading import answer_of, here
from app.settings import Settings
from tests import factories
from tests.app.asks import Scene, asks
from tests.app.test_permissions import GUARDED, ROUTES, made_scene
from tests.patience import PATIENCE

SOMEBODY = Asker(UUID(int=1), UUID(int=2))


def asked(path: str, query: str = "", headers: dict[str, str] | None = None) -> Scope:
    """A request as it arrives."""
    return {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("10.0.0.7", 50000),
        "server": ("localhost", 80),
    }


@pytest.fixture
def scene(session: Session) -> Scene:
    scene = made_scene(session)
    session.commit()
    return scene


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_says_what_the_web_process_says(
    client: TestClient, scene: Scene, keys: Keys, settings: Settings
) -> None:
    reader, known, answered = application(settings, ROUTES), asks(scene), set()
    askers = {str(who): who for who in scene.cast}
    for each in GUARDED:
        if each.method != "GET" or each.path not in paths_of(ROUTES):
            continue
        for who in (
            askers["bureau_admin there"],
            askers["teacher there"],
            askers["site_assistant in another county"],
        ):
            path, query = each.path.format(**scene.ids), known["GET", each.path].query
            told = client.get(f"{path}?{query}", headers=who.headers(keys))
            answer = asyncio.run(answer_of(reader, asked(path, query, who.headers(keys))))
            assert answer.counts == told.is_success, (each.path, str(who))
            if answer.counts:
                answered.add(each.path)
                assert answer.body == told.content, each.path
                assert dict(answer.headers).get(b"etag", b"").decode() == told.headers.get("etag", "")
                assert answer.asker is not None and answer.asker.id == who.person.id
    assert len(answered) > 40
    reader.state.session_factory.engine.dispose()


def test_a_reader_changes_nothing(client: TestClient, session: Session, settings: Settings) -> None:
    admin = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    secret = f"{ACCESS_TOKEN}{'s' * 43}"
    factories.access_token(session, admin, "read", secret=secret)
    session.commit()
    reader, own = application(settings, ROUTES), {"Authorization": f"Bearer {secret}"}
    # That a token is in use is to be noted: by the web process, which then answers, too.
    assert asyncio.run(answer_of(reader, asked("/api/v1/rooms", headers=own))) == REFERRED
    assert client.get("/api/v1/rooms", headers=own).is_success
    assert asyncio.run(answer_of(reader, asked("/api/v1/rooms", headers=own))).counts
    factory = reader.state.session_factory
    with reading(factory) as at_the_reader, pytest.raises(DBAPIError):
        at_the_reader.execute(delete(Person))
    factory.engine.dispose()


# --- how they are asked ---

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""A reader that was just made."""


class MadeHere:
    """In place of a nursery: readers that do as the test says, one behaviour after the other."""

    def __init__(self, *lives: Behaviour) -> None:
        self._lives = list(lives)
        self._running: set[asyncio.Task[None]] = set()

    def bear(self) -> socket.socket:
        """Our end of the link to the next one; without another behaviour none can be made."""
        if not self._lives:
            raise OSError("no more")
        ours, theirs = socket.socketpair()
        self._running.add(asyncio.create_task(self._live(self._lives.pop(0), theirs)))
        return ours

    async def _live(self, behave: Behaviour, theirs: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=theirs)
        await behave(reader, writer)
        writer.close()

    def close(self) -> None:
        """They end with their links."""


async def take(reader: asyncio.StreamReader) -> bool:
    """Take a question; False when there will be none."""
    try:
        head, _ = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
        await reader.readexactly(head)
    except IncompleteReadError:
        return False
    return True


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(REFERRED.frame())
    while await take(reader):
        writer.write(Answer(200, [(b"a", b"b")], b"told", SOMEBODY).frame())


async def dies_over_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(REFERRED.frame())
    await take(reader)


async def finds_no_database(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(REFERRED.frame())
    while await take(reader):
        writer.write(NO_DATABASE.frame())


class Watched(Readers):
    """Readers of which one sees that one came."""

    came: asyncio.Event

    def free(self, link: Link) -> None:
        super().free(link)
        self.came.set()


class Web:
    """What stands before the readers."""

    def __init__(self, nursery: MadeHere, **options: float) -> None:
        self.registry = CollectorRegistry()
        traffic = Traffic(GuardOptions.model_validate(options), self.registry)
        self.readers = Watched({"/api/v1/things"}, traffic, self.registry)
        self.readers.from_nursery(cast(Nursery, nursery), 1)
        self.sent: list[Message] = []

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        self.readers.came = asyncio.Event()
        async with asyncio.timeout(PATIENCE), self.readers.at_work():
            await self.readers.came.wait()
            yield

    async def ask(self, path: str = "/api/v1/things") -> bool:
        scope = asked(path)
        scope["route"] = Route(path, lambda: None)

        async def send(message: Message) -> None:
            self.sent.append(message)

        done = await self.readers.answer(scope, send)
        assert not done or scope[ASKER] == SOMEBODY
        return done

    def came_of_it(self, outcome: str) -> float | None:
        return self.registry.get_sample_value("tongtang_reads_total", {"outcome": outcome})


def test_a_reader_answers_only_what_readers_have() -> None:
    web = Web(MadeHere(answers))

    async def scenario() -> None:
        assert not await web.ask(), "there is none yet"
        async with web.at_work():
            assert await web.ask()
            assert not await web.ask("/api/v1/other")
        assert not await web.ask(), "it is gone"

    asyncio.run(scenario())
    begin, body = web.sent
    assert begin == {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}
    assert body["body"] == b"told"


def test_what_a_dying_reader_was_asked_the_web_process_does_and_another_reader_follows() -> None:
    web = Web(MadeHere(dies_over_it, answers))

    async def scenario() -> None:
        async with web.at_work():
            # One has it, the others wait for it: with the last reader gone, nobody waits for the next.
            assert await asyncio.gather(*(web.ask() for _ in range(4))) == [False] * 4
        assert (web.came_of_it("lost"), web.came_of_it("waited")) == (1, 3)

    asyncio.run(scenario())
    web = Web(MadeHere(dies_over_it, answers))

    async def later() -> None:
        async with web.at_work():
            web.readers.came.clear()
            assert not await web.ask()
            await web.readers.came.wait()
            assert await web.ask()

    asyncio.run(later())


def test_who_is_told_to_stop_takes_no_reader_along() -> None:
    web = Web(MadeHere(answers))

    async def scenario() -> None:
        async with web.at_work():
            for turns in range(12):  # of the loop, until one is told to stop: waiting, asked, answered
                some = [asyncio.create_task(web.ask()) for _ in range(5)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for each in some[::2]:
                    each.cancel()
                done = await asyncio.gather(*some, return_exceptions=True)
                assert done[1::2] == [True, True]
            assert await web.ask()

    asyncio.run(scenario())


def test_readers_are_no_way_around_the_limit_of_an_account() -> None:
    web = Web(MadeHere(answers), account_reads_per_second=0.05)  # three at once

    async def scenario() -> None:
        async with web.at_work():
            assert [await web.ask() for _ in range(3)] == [True] * 3
            with pytest.raises(TooManyRequests):
                await web.ask()
            assert not await web.ask(), "no reader is asked in vain for them"

    asyncio.run(scenario())


def test_a_database_that_is_away_is_not_waited_for_in_turn() -> None:
    web = Web(MadeHere(finds_no_database))

    async def scenario() -> None:
        async with web.at_work():
            assert [await web.ask() for _ in range(5)] == [False] * 5
        assert web.came_of_it("referred") == 1

    asyncio.run(scenario())


def test_fastapi_runs_in_a_reader_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seam: FastAPI and Starlette look `run_sync` up when they need a thread."""
    monkeypatch.setattr(anyio.to_thread, "run_sync", here)
    api = FastAPI()

    def thread() -> str:
        return threading.current_thread().name

    @api.get("/thread")
    def route(dependency: Annotated[str, Depends(thread)]) -> list[str]:
        return [dependency, thread()]

    async def scenario() -> bytes:
        said: list[Message] = []

        async def send(message: Message) -> None:
            said.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        await api(asked("/thread"), receive, send)
        return b"".join(each.get("body", b"") for each in said)

    name = threading.current_thread().name
    assert asyncio.run(scenario()) == f'["{name}","{name}"]'.encode()
