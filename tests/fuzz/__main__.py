"""``python -m tests.fuzz``: the long run, one target after the other or one alone; ends with 1 at the first finding.

With atheris (coverage-guided) where it is installed, else with the short run's changes for as long as is wished. What
fails is written to the target's corpus, so that the short run knows it from then on.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import resource
import subprocess
import sys
import time
from random import Random
from typing import Final

from tests.fuzz.bounds import run_bounded
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import CORPUS, TARGETS

_ROOM: Final = 1 << 30
"""Bytes an engine may take beyond what the interpreter and the libraries do: more is a finding."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default 1)")
    parser.add_argument("--seed", type=int, help="repeat a run without atheris (default: a new one)")
    parser.add_argument(
        "--input", metavar="FILE", help="run one target against one file, for a look at a finding"
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"unknown target {', '.join(sorted(unknown))}; choose from {', '.join(TARGETS)}")
    names = options.targets or list(TARGETS)
    if options.input is not None:
        with open(options.input, "rb") as file:
            data = file.read()
        for name in names:
            run_bounded(TARGETS[name], data)
        return 0
    guided = options.seed is None and importlib.util.find_spec("atheris") is not None
    for name in names:
        seconds = options.minutes * 60
        well = _guided(name, seconds) if guided else _by_chance(name, seconds, options.seed)
        if not well:
            return 1
    return 0


def _by_chance(name: str, seconds: float, seed: int | None) -> bool:
    """Change the corpus at random until the time is over."""
    target, seeds = TARGETS[name], TARGETS[name].seeds()
    seed = seed if seed is not None else int.from_bytes(os.urandom(4), "big")
    rng, inputs, stop = Random(seed), 0, time.monotonic() + seconds
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    while time.monotonic() < stop:
        data = mutated(rng, seeds, target.longest)
        try:
            run_bounded(target, data)
        except Exception:
            _keep(name, data)
            raise
        inputs += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - used
    print(f"{name}: {inputs} inputs, seed {seed}, memory +{grown >> 20} MiB", flush=True)  # noqa: T201
    return grown < _ROOM


def _keep(name: str, data: bytes) -> None:
    path = CORPUS / TARGETS[name].corpus / f"crash-{hashlib.sha1(data).hexdigest()}"
    path.write_bytes(data)
    print(f"{name}: a finding, kept as {path}", file=sys.stderr)  # noqa: T201


def _guided(name: str, seconds: float) -> bool:
    """Let atheris look for new paths, in a process of its own: libFuzzer ends the one it runs in."""
    folder = CORPUS / TARGETS[name].corpus
    limits = [f"-max_total_time={int(seconds)}", f"-max_len={TARGETS[name].longest}", "-timeout=5"]
    limits += ["-rss_limit_mb=2048", f"-artifact_prefix={folder}/", "-print_final_stats=1"]
    command = [sys.executable, "-m", "tests.fuzz.guided", name, *limits, str(folder)]
    return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
