"""Fixtures for the fuzz tests."""

from collections.abc import Iterator

import pytest

from tests.media_relay.clients import Bench, relay_bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A relay in this process on a real loopback socket."""
    with relay_bench() as made:
        yield made
