"""``python -m tests.weak_links.moved``: a node is emptied with ``move`` while a lesson is on air, there and back again.

The real server with two nodes, a teacher and a site in a real Chromium; it says how long the picture of each stood
still. Exit code 1 where it did for more than ``--limit`` seconds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import sync_playwright

from app.seeds.small import ADMIN
from tests.browser.rooms import Room, launch
from tests.browser.server import Server, running_server
from tests.patience import PATIENCE

_NOTE: Final = """(selector) => {
  const video = document.querySelector(selector);
  window.shown = [];
  const note = () => { window.shown.push(Date.now() / 1e3); video.requestVideoFrameCallback(note); };
  video.requestVideoFrameCallback(note);
}"""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.weak_links.moved", description=__doc__)
    parser.add_argument("--times", type=int, default=4, help="how often to move (default 4)")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long to watch each time (default 6)")
    parser.add_argument("--limit", type=float, default=2.0, help="the longest pause that is well (default 2)")
    options = parser.parse_args()
    settings = {"TONGTANG_RELAY_NODES": "2"}
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder), settings=settings) as server:
        pauses = _run(server, options.times, options.seconds)
    for who, found in pauses.items():
        print(f"{who}: the picture stood still for {', '.join(f'{pause:.1f}' for pause in found)} s")  # noqa: T201
    print(f"load average {os.getloadavg()[0]:.1f}", file=sys.stderr)  # noqa: T201
    sys.exit(max(max(found) for found in pauses.values()) > options.limit)


def _run(server: Server, times: int, seconds: float) -> dict[str, list[float]]:
    """The longest pause after each move, by who watches."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        teacher, site = Room(browser), Room(browser)
        teacher.page.goto(server.link("teach", "wang"))
        teacher.page.click("#start")
        site.page.goto(server.link("site", "site1"))
        watchers = {"site": (site, "#main"), "teacher": (teacher, "#tiles li:nth-child(1) video")}
        for room, selector in watchers.values():
            room.wait_for_picture(selector)
            room.page.evaluate(_NOTE, selector)
        pauses: dict[str, list[float]] = {who: [] for who in watchers}
        for _ in range(times):
            moved_at = _move(server)
            time.sleep(seconds)
            for who, (room, _selector) in watchers.items():
                shown = [at for at in room.page.evaluate("window.shown") if at > moved_at]
                marks = [moved_at, *shown, moved_at + seconds]
                pauses[who].append(max(b - a for a, b in zip(marks, marks[1:], strict=False)))
        for room, _selector in watchers.values():
            room.leave()
        browser.close()
    return pauses


def _move(server: Server) -> float:
    """Empty the node with most sessions at once; when that was asked for."""
    headers = {"Authorization": f"Bearer {server.token(ADMIN)}"}
    with httpx.Client(base_url=f"{server.origin}/api/v1", headers=headers, timeout=PATIENCE) as client:
        gives_up = time.monotonic() + PATIENCE
        while True:
            nodes: list[dict[str, Any]] = client.get("/relay-nodes").raise_for_status().json()["items"]
            busiest = max(nodes, key=lambda node: int(node["sessions"]))
            if all(node["state"] == "ready" for node in nodes) or time.monotonic() > gives_up:
                break
            time.sleep(0.1)  # the other one is being started afresh
        asked_at = time.time()
        client.post(f"/relay-nodes/{busiest['index']}/drain", json={"move": True}).raise_for_status()
    return asked_at


if __name__ == "__main__":
    main()
