"""``python -m tests.weak_links``: the table of weak links, in Markdown on stdout and as JSON lines with ``--json``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from tests.media_relay.nodes import running_node
from tests.weak_links.film import write_film, write_speech
from tests.weak_links.links import rows
from tests.weak_links.page import Room, launch
from tests.weak_links.running import Outcome, publish, run_row


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.weak_links", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORDS", help="only rows whose name contains this")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the steady rows (default 30)")
    parser.add_argument("--height", type=int, default=720, choices=(360, 720), help="lines of the picture")
    parser.add_argument("--frames", type=int, default=20, help="frames a second (default 20)")
    parser.add_argument("--warm-up", type=float, default=15.0, help="seconds for the publisher to get going")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-load-tool", action="store_true", help="Chromium alone")
    parser.add_argument(
        "--without",
        nargs="*",
        default=(),
        metavar="WORDS",
        help="leave lines with these words out of Chromium's offer",
    )
    parser.add_argument(
        "--svc",
        type=lambda words: words.split("/"),
        default=("", ""),
        metavar="CODEC/MODE",
        help="teach with one source in layers, for instance AV1/L1T3 or VP9/L3T3_KEY, instead of our page's three",
    )
    parser.add_argument("--json", action="store_true", help="all figures, one JSON line a phase")
    asyncio.run(_run(parser.parse_args()))


async def _run(options: argparse.Namespace) -> None:
    height = options.height
    with tempfile.TemporaryDirectory(prefix="tongtang-weak-") as folder:
        width = height * 16 // 9
        film = write_film(Path(folder) / "film.y4m", width, height, options.frames)
        speech = write_speech(Path(folder) / "speech.wav")
        async with async_playwright() as playwright, running_node() as node:
            browser = await launch(playwright, film, speech)
            teacher = await publish(node, browser, width, height, options.frames, *options.svc)
            await asyncio.sleep(options.warm_up)
            await _tell(teacher)
            if not options.json:
                _say(_HEAD)
            for row in rows(options.seconds):
                if options.only not in row.name:
                    continue
                outcomes = await run_row(
                    node,
                    browser,
                    row,
                    load_tool=not options.no_load_tool,
                    seed=options.seed,
                    without=options.without,
                )
                for outcome in outcomes:
                    _say(json.dumps(_flat(outcome)) if options.json else _line(outcome))
            await _tell(teacher)
            await teacher.leave()
            await browser.close()


async def _tell(teacher: Room) -> None:
    before = await teacher.sent()
    await asyncio.sleep(2)
    after = await teacher.sent()
    rates = {
        name: f"{(sent[0] - before[name][0]) * 4 / 1e3:.0f} kbit/s, {sent[1]} lines, {sent[3]}, "
        f"{(sent[2] - before[name][2]) / 2:.0f} frames/s"
        for name, sent in after.items()
        if name in before
    }
    print(f"the teacher sends {rates}; load average {os.getloadavg()[0]:.1f}", file=sys.stderr)  # noqa: T201


_HEAD = (
    "| link | phase | frames decoded (a second) | frozen | longest gap | sound concealed | picture | rung"
    " | recovery | load tool: frozen, sound lost or late |\n|---|---|---|---|---|---|---|---|---|---|"
)


def _line(outcome: Outcome) -> str:
    found = outcome.chromium
    load = ""
    if outcome.load is not None:
        load = f"{outcome.load.frozen_percent:.1f} %, {outcome.load.concealed_percent:.2f} %"
    cells = [
        outcome.row,
        outcome.phase.name,
        f"{found.frames} ({found.frames / found.seconds:.1f})",
        f"{found.frozen:.1%} ({found.freezes})",
        f"{found.longest_gap:.2f} s",
        f"{found.concealed:.2%}",
        f"{found.height} lines, {found.video_kbits:.0f} kbit/s",
        ", ".join(outcome.rungs) or outcome.rung,
        _recovery(outcome),
        load,
    ]
    return "| " + " | ".join(cells) + " |"


def _recovery(outcome: Outcome) -> str:
    if outcome.phase.name == "drop":
        return f"sound unbroken after {outcome.chromium.sound_broken_until:.1f} s"
    if outcome.phase.name == "return":
        return "not full again" if outcome.full_again is None else f"full after {outcome.full_again:.1f} s"
    return ""


def _flat(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {"row": outcome.row, "phase": outcome.phase.name} | asdict(outcome.chromium)
    found |= {"rung": outcome.rung, "rungs": outcome.rungs, "full_again": outcome.full_again}
    return found | {"load": asdict(outcome.load) if outcome.load is not None else None}


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
