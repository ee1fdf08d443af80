"""One target under atheris (libFuzzer): ``python -m tests.fuzz.guided TARGET [libFuzzer's options] CORPUS``.

Not imported by the tests: atheris is an extra tool that ``make fuzz`` installs where it can.
"""

from __future__ import annotations

import sys
import tempfile

import atheris

# What is imported here is instrumented, so that the fuzzer sees which branches an input took.
with atheris.instrument_imports(include=["media_relay", "aioice.stun", "aiortc.rtp"]):
    from tests.fuzz.bounds import run_bounded
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Run until libFuzzer ends the process. New inputs go to a folder of their own: the corpus stays as it is."""
    target = TARGETS[sys.argv[1]]
    with tempfile.TemporaryDirectory() as found:
        atheris.Setup(
            [sys.argv[0], *sys.argv[2:-1], found, sys.argv[-1]], lambda data: run_bounded(target, data)
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
