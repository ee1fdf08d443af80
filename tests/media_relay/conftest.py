"""Fixtures for the relay's tests."""

from collections.abc import Iterator

import pytest

from tests.media_relay.clients import Bench, relay_bench


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Modules with ``BOTH_WAYS`` are run with the native kernel and without; the others as a node would run."""
    if "bench" in metafunc.fixturenames and getattr(metafunc.module, "BOTH_WAYS", False):
        metafunc.parametrize("bench", [True, False], ids=["native", "python"], indirect=True)


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A relay in this process on a real loopback socket, with the native kernel where that was built."""
    with relay_bench(native=getattr(request, "param", True)) as made:
        yield made
