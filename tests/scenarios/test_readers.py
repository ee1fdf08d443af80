"""The server's readers: asked for whatever is only read, and nobody notices when they die."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.patience import PATIENCE
from tests.scenarios.conftest import County
from tests.scenarios.server import is_alive

LISTS = ("/api/v1/org-units", "/api/v1/rooms", "/api/v1/lessons", "/api/v1/me")


@pytest.fixture
def office(shared_county: County) -> Iterator[httpx.Client]:
    """The county's admin, signed in."""
    with httpx.Client(base_url=shared_county.server.url, trust_env=False) as client:
        form = {"username": shared_county.admin.login, "password": shared_county.admin.password}
        token = client.post("/api/v1/token", data=form).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def until(holds: Callable[[], bool]) -> None:
    """Other processes: nothing of them can be awaited."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def figure(office: httpx.Client, name: str) -> float:
    """A figure of the server; 0 before it is counted."""
    lines = office.get("/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)


def test_reading_goes_on_while_readers_are_killed(shared_county: County, office: httpx.Client) -> None:
    server = shared_county.server
    until(lambda: figure(office, "tongtang_readers") == 2)
    before = {path: office.get(path).text for path in LISTS}
    first, killed = set(server.reader_pids()), set[int]()

    def look(number: int) -> tuple[str, str]:
        path = LISTS[number % len(LISTS)]
        if number % 10 == 5 and len(killed) < 4:
            for pid in set(server.reader_pids()) - killed:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
        return path, office.get(path).raise_for_status().text

    with ThreadPoolExecutor(8) as people:
        for path, text in people.map(look, range(80)):
            assert text == before[path]
    assert first <= killed
    until(lambda: figure(office, "tongtang_readers") == 2)  # others have followed
    assert figure(office, 'tongtang_reads_total{outcome="answered"}') > len(LISTS)
    assert not any(map(is_alive, killed))


def test_what_is_refused_is_told_as_ever(office: httpx.Client) -> None:
    unknown = office.get("/api/v1/rooms", params={"colour": "red"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "request.invalid")
    nobody = office.get("/api/v1/rooms", headers={"Authorization": "Bearer nonsense"})
    assert (nobody.status_code, nobody.json()["code"]) == (401, "token.invalid")
    assert nobody.headers["Cache-Control"] == "no-store"


def test_they_end_with_the_server_even_when_that_is_killed(shared_county: County) -> None:
    server = shared_county.server
    pids = [*server.reader_pids(), *server.child_pids()]
    server.stop(signal.SIGKILL)
    until(lambda: not any(map(is_alive, pids)))
