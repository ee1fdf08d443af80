"""One browser and one server for all browser tests; every test opens its own rooms and closes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.rooms import Room, launch
from tests.browser.server import Server, running_server

OpenRoom = Callable[..., Room]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Ends with the package: it keeps an event loop in the main thread, where no other test could have its own."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with its demo county and nobody teaching."""
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="package")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server as `make run` starts it: the synthetic teacher is on air."""
    with running_server(tmp_path_factory.mktemp("demo"), demo=True) as server:
        yield server


@pytest.fixture
def open_room(browser: Browser) -> Iterator[OpenRoom]:
    """Opens rooms for one test."""
    with rooms_of(browser) as open_one:
        yield open_one


@contextmanager
def rooms_of(browser: Browser) -> Iterator[OpenRoom]:
    """Opens rooms, closes them afterwards, and finds that no page complained."""
    rooms: list[Room] = []

    def open_one(address: str, **context: Any) -> Room:
        room = Room(browser, **context)
        rooms.append(room)
        room.page.goto(address)
        return room

    yield open_one
    for room in rooms:
        room.leave()
    assert [complaint for room in rooms for complaint in room.complaints] == []
