"""The synthetic teacher against the real server: on air, back after a crash, out of a real teacher's way."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo import media_client
from app.demo.api import Api, ApiError, Password, TokenFile, new_http
from app.demo.clip import Clip
from app.demo.media_client import MediaError
from app.demo.playing import play
from app.demo.test_card import FRAMES, Card
from app.demo.watching import Watcher
from media_relay.ice import new_credentials
from media_relay.seams.dtls import DtlsIdentity
from tests import seeded
from tests.media_relay.clients import offer_text
from tests.patience import PATIENCE, patient
from tests.scenarios.server import REPOSITORY, ServerProcess, environment, running_server

SYNTHETIC = 0
REAL = 5
"""Senders in the picture's mark: the synthetic teacher, and the real one in these tests."""


class School:
    """The demo county on a server, and its synthetic teacher as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = f"sqlite:///{folder / seeded.DATABASE}"
        seeded.put_small_county(folder)
        self.password = json.loads((folder / "demo.json").read_text())["password"]
        (folder / "password").write_text(self.password)

    async def sign_in(self, http: httpx.AsyncClient, login: str) -> Api:
        """The API as somebody; signs in once, because often is refused."""
        token = self.folder / f"{login}.token"
        if not token.exists():
            token.write_text(await Api(http, Password(login, self.password)).token())
        return Api(http, TokenFile(token))

    @contextmanager
    def teacher(self, url: str) -> Iterator[subprocess.Popen[bytes]]:
        """The process ``python -m app synthetic-teacher``."""
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "app", "synthetic-teacher", "--url", url, "--login", "wang"),
                *("--password-file", str(self.folder / "password"), "--data-dir", str(self.folder)),
                *("--aside-seconds", "1", "--with-parent", str(os.getpid()), "--log-level", "warning"),
            ],
            cwd=REPOSITORY,
            env=environment(),
            stdin=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            assert process.wait(timeout=PATIENCE) == 0

    async def wait_seen(self, url: str, source: int) -> float:
        """Wait until a site sees ``source`` as the teacher, asking anew as a page does; the seconds it took."""
        begun = time.monotonic()
        async with new_http(url) as http, asyncio.timeout(PATIENCE):
            while True:
                watcher = Watcher(source, [None] * FRAMES)
                try:
                    site = await self.sign_in(http, "site1")
                    offer = (await _join(site))["watch"][0]
                    await watcher.open(http, offer["url"], offer["token"])
                    async with asyncio.timeout(patient(1.5)):
                        await watcher.first_picture()
                    return time.monotonic() - begun
                except (ApiError, MediaError, TimeoutError):
                    await asyncio.sleep(0.1)
                finally:
                    await watcher.close()


async def _join(api: Api) -> dict[str, Any]:
    lesson = await api.get("/api/v1/lessons/current")
    return await api.get(f"/api/v1/lessons/{lesson['id']}/join")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> School:
    return School(tmp_path_factory.mktemp("school"))


@pytest.fixture(scope="module")
def server(school: School) -> Iterator[ServerProcess]:
    with running_server(school.folder, school.database, "--log-level", "warning") as server:
        yield server


@pytest.fixture(scope="module")
def teacher(school: School, server: ServerProcess) -> Iterator[subprocess.Popen[bytes]]:
    """One who teaches on through the tests that ask for it."""
    with school.teacher(server.url) as teacher:
        yield teacher


@pytest.mark.slow
def test_a_lesson_is_on_air_soon_and_cheaply(
    school: School, server: ServerProcess, teacher: subprocess.Popen[bytes]
) -> None:
    asyncio.run(school.wait_seen(server.url, SYNTHETIC))
    before, begun = cpu_seconds(teacher.pid), time.monotonic()
    frames = asyncio.run(_watch_quietly(school, server.url, 5.0))
    used = (cpu_seconds(teacher.pid) - before) / (time.monotonic() - begun)
    assert frames > 20
    assert used < patient(0.10), f"{used:.1%} of a core"


async def _watch_quietly(school: School, url: str, seconds: float) -> int:
    async with new_http(url) as http:
        site = await school.sign_in(http, "site1")
        offer = (await _join(site))["watch"][0]
        watcher = Watcher(SYNTHETIC, [None] * FRAMES)
        await watcher.open(http, offer["url"], offer["token"])
        await asyncio.sleep(seconds)
        return (await watcher.stop()).frames


@pytest.mark.slow
@pytest.mark.usefixtures("teacher")
def test_it_is_back_within_five_seconds_of_the_relays_death(school: School, server: ServerProcess) -> None:
    asyncio.run(school.wait_seen(server.url, SYNTHETIC))
    (relay,) = server.relay_pids()
    os.kill(relay, signal.SIGKILL)
    while relay in server.relay_pids():
        time.sleep(0.02)  # another process: nothing of it can be awaited
    assert asyncio.run(school.wait_seen(server.url, SYNTHETIC)) < patient(5)


@pytest.mark.slow
def test_it_is_back_within_five_seconds_of_a_servers_restart(school: School) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(running_server(school.folder, school.database))
        stack.enter_context(school.teacher(server.url))
        asyncio.run(school.wait_seen(server.url, SYNTHETIC))
        server.stop(signal.SIGKILL)
        ports = ("--http-port", str(server.http_port), "--media-port", str(server.media_port))
        again = ServerProcess(school.folder, school.database, *ports)
        stack.callback(again.stop)
        again.url = server.url
        again.wait_ready()
        assert asyncio.run(school.wait_seen(server.url, SYNTHETIC)) < patient(5)


@pytest.mark.slow
@pytest.mark.usefixtures("teacher")
def test_it_steps_aside_for_the_real_teacher_and_comes_back(school: School, server: ServerProcess) -> None:
    async def scenario() -> None:
        await school.wait_seen(server.url, SYNTHETIC)
        async with new_http(server.url) as http:
            join = await _join(await school.sign_in(http, "wang"))
            # The real teacher's picture is long in coming: longer than the synthetic teacher stands aside here.
            late = await _promised(http, join)
            await asyncio.sleep(2)
            assert (await http.delete(late)).status_code != 410, "taken from one who was about to begin"
            real = await _publish(http, join["publish"][0])
            await school.wait_seen(server.url, REAL)
            await asyncio.sleep(2)
            await real.close()
            assert not real.replaced, "taken from one who was on air"
        await school.wait_seen(server.url, SYNTHETIC)

    asyncio.run(scenario())


async def _promised(http: httpx.AsyncClient, join: dict[str, Any]) -> str:
    """The address of a session that publishes, and of which no media ever come."""
    text = offer_text(new_credentials(), DtlsIdentity().fingerprint.value, publishing=True)
    offer = join["publish"][0]
    headers = {"Authorization": f"Bearer {offer['token']}", "Content-Type": media_client.SDP_TYPE}
    answer = await http.post(offer["url"], content=text, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


async def _publish(http: httpx.AsyncClient, offer: dict[str, Any]) -> media_client.MediaSession:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                tracks = play(Clip(Card("Real", REAL)))
                return await media_client.publish(http, offer["url"], offer["token"], tracks)
            except MediaError:  # a busy machine may not get there in the time the client allows itself
                await asyncio.sleep(0.1)


def test_sigterm_ends_it_cleanly_even_without_a_server(school: School) -> None:
    # It is at work once it calls; nobody ever answers.
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.settimeout(PATIENCE)
        with school.teacher(f"http://127.0.0.1:{nobody.getsockname()[1]}") as teacher:
            nobody.accept()[0].close()
            asked = time.monotonic()
            teacher.terminate()
            assert teacher.wait(timeout=PATIENCE) == 0
            assert time.monotonic() - asked < patient(3)
