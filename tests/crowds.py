"""Clients who all ask at the same moment."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import monotonic

from httpx2 import Response

from tests.patience import PATIENCE


def at_once(asks: Sequence[Callable[[], Response]]) -> list[Response]:
    """What each of them was answered in the end.

    On a busy machine a writer may run out of SQLite's patience: they come again then, as the answer says.
    """
    together = Barrier(len(asks))

    def until_answered(ask: Callable[[], Response]) -> Response:
        together.wait()
        deadline = monotonic() + PATIENCE
        while (answer := ask()).status_code == 503:
            assert monotonic() < deadline, answer.text
        return answer

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(until_answered, asks))
