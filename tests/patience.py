"""Time limits that mean the same on a busy machine: what is promised is promised for one that has time."""

import os


def patient(seconds: float) -> float:
    """So many seconds of a machine with a processor to spare; more where the processors are wanted by others too."""
    wanted = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * max(1.0, wanted)
