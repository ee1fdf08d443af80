"""Histories as C sees them."""

from __future__ import annotations

from typing import Any

from media_relay.core.history import History
from media_relay.seams.datagrams import ffi


def pointers(history: History) -> tuple[Any, Any, int]:
    """Pointers to its packets and lengths, good as long as it lives, and the number of its slots.

    Nothing that holds a buffer is kept: the collector of garbage cannot take apart a cycle with a memoryview in it
    that has exports, as of CPython 3.11.
    """
    handle: Any = history.handle
    if handle is None:
        stored = ffi.cast("uint8_t *", ffi.from_buffer(history.view))
        handle = stored, ffi.cast("uint16_t *", history.lengths.buffer_info()[0]), history.slots
        history.handle = handle
    return handle  # type: ignore[no-any-return]
