"""What one input may cost: a bounded time of the processor, and bounded memory."""

from __future__ import annotations

import time
import tracemalloc
from typing import Final

from tests.fuzz.targets import Target
from tests.patience import patient

LONGEST: Final = 0.2
"""Seconds of processor time for the largest input; a datagram takes some tens of microseconds."""
MOST_MEMORY: Final = 4 << 20
"""Bytes at the peak; the largest inputs are offers of 64 KiB and control messages of 1 MiB."""


def run_bounded(target: Target, data: bytes) -> None:
    """Run a target; raises what escapes it, and ``AssertionError`` when it was too slow twice."""
    try:
        taken = [_time(target, data)]
        if taken[0] > LONGEST:  # once may have been the collector's turn, or a module being loaded
            taken.append(_time(target, data))
            assert min(taken) < patient(LONGEST), f"{len(data)} bytes took {taken} s"
    except Exception as finding:
        finding.add_note(f"the input: {data!r}")
        raise


def _time(target: Target, data: bytes) -> float:
    began = time.thread_time()
    target.run(data)
    return time.thread_time() - began


def peak_memory(target: Target, data: bytes) -> int:
    """The most memory in use at one moment, bytes, beyond what was in use before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        target.run(data)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
