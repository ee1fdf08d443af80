"""Time limits that mean the same on a slow or busy machine: what is promised is promised for one that has time."""

import os
import time
from pathlib import Path
from typing import Final

PATIENCE: Final = 180.0
"""Seconds for what a test merely waits for. It never takes so long unless it never comes."""

_WORK: Final = 2_000_000
_QUIET_SECONDS: Final = 0.025
"""What that much counting takes where the promises were measured; long enough to be interrupted by others."""
_PROBES: Final = 3


def patient(seconds: float) -> float:
    """So many seconds of a quick machine with a processor to spare; more of one that is slower or wanted by others.

    For promises only, and once it is known how long something took: who asks before does not know what will come.
    """
    average, _, _, now, _ = Path("/proc/loadavg").read_text().split()
    wanted = max(float(average), int(now.partition("/")[0])) / len(os.sched_getaffinity(0))
    return seconds * max(1.0, wanted, *(_slowness() for _ in range(_PROBES)))


def _slowness() -> float:
    """How much longer the processor takes us now, be it slow or somebody else's."""
    began = time.perf_counter()
    for _ in range(_WORK):
        pass
    return (time.perf_counter() - began) / _QUIET_SECONDS
