"""``python -m tests.benchmarks``: every figure as one line of JSON on stdout, remarks on stderr."""

from __future__ import annotations

import argparse
import asyncio

from tests.benchmarks.accounts import account_figures
from tests.benchmarks.feedback import feedback_figures
from tests.benchmarks.figures import Selection
from tests.benchmarks.guessing import guessing_figures
from tests.benchmarks.joining import joining_figures
from tests.benchmarks.lessons import lesson_figures
from tests.benchmarks.planning import planning_figures
from tests.benchmarks.relay import relay_figures
from tests.benchmarks.strangers import stranger_figures


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure, one JSON line a figure."
    )
    parser.add_argument(
        "--only", default="", metavar="PREFIX", help="only figures whose name begins with this"
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each steady window (default 8)")
    options = parser.parse_args()
    asyncio.run(_run(Selection(options.only), options.seconds))


async def _run(wanted: Selection, seconds: float) -> None:
    async for figure in relay_figures(wanted, seconds):
        print(figure.line(), flush=True)  # noqa: T201
    for figure in feedback_figures(wanted):
        print(figure.line(), flush=True)  # noqa: T201
    async for figure in joining_figures(wanted):
        print(figure.line(), flush=True)  # noqa: T201
    async for figure in lesson_figures(wanted, seconds):
        print(figure.line(), flush=True)  # noqa: T201
    async for figure in stranger_figures(wanted, seconds):
        print(figure.line(), flush=True)  # noqa: T201
    async for figure in guessing_figures(wanted, seconds):
        print(figure.line(), flush=True)  # noqa: T201
    async for figure in account_figures(wanted):
        print(figure.line(), flush=True)  # noqa: T201
    async for figure in planning_figures(wanted):
        print(figure.line(), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
