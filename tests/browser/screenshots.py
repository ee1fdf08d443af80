"""`make screenshots`: the README's pictures, from the real pages.

`lesson` takes those of a lesson with three sites: the server, the relay and the browsers are real; what the cameras see
is drawn by `scenery`. `timetable` takes the week of a main classroom in the made-up county of full size.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Playwright, sync_playwright

from tests.browser.rooms import Room, launch
from tests.browser.scenery import class_at_its_desks, teacher_at_the_blackboard, write_camera
from tests.browser.server import ROOT, Server, running_server
from tests.patience import PATIENCE

IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 300_000
SITES = ("site1", "site2", "site3")


def main() -> int:
    """Take the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("which", nargs="*", choices=["lesson", "timetable"], help="both, unless named")
    which = parser.parse_args().which or ["lesson", "timetable"]
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name in which:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            county = "jinzhai" if name == "timetable" else "small"
            server = stack.enter_context(running_server(folder, county=county))
            playwright = stack.enter_context(sync_playwright())
            if name == "timetable":
                _take_timetable(server, playwright)
            else:
                _take_pictures(server, playwright, folder)
    too_large = [image.name for image in IMAGES.glob("*.png") if image.stat().st_size > MOST_BYTES]
    if too_large:
        sys.stderr.write(f"over {MOST_BYTES} bytes: {', '.join(too_large)}\n")
    return 1 if too_large else 0


def _take_pictures(server: Server, playwright: Playwright, folder: Path) -> None:
    # A browser for each room: the film its camera sees is set for the whole browser.
    camera = write_camera(teacher_at_the_blackboard(_topic(server)), folder / "teacher.y4m")
    teacher = Room(launch(playwright, camera=camera))
    teacher.page.goto(server.link("teach", "wang"))
    sites = []
    for number, login in enumerate(SITES):
        camera = write_camera(class_at_its_desks(number), folder / f"{login}.y4m")
        site = Room(launch(playwright, camera=camera))
        site.page.goto(server.link("site", login))
        sites.append(site)
    for number in range(len(SITES)):
        teacher.page.locator(f"#tiles li:nth-child({number + 1})[data-state=connected]").wait_for()
    _shoot(teacher, "teach")
    teacher.page.click("#start")
    teacher.page.locator("#status[data-state=live]").wait_for()
    sites[0].page.locator("#stage[data-words=none]").wait_for()
    _shoot(teacher, "teach-live")
    sites[0].page.mouse.move(200, 300)
    _shoot(sites[0], "site")


def _take_timetable(server: Server, playwright: Playwright) -> None:
    room = Room(launch(playwright), color_scheme="light")
    room.page.set_viewport_size({"width": 1280, "height": 960})
    room.page.goto(server.link("timetable?week=2", "jz-bureau"))
    room.page.get_by_text("13 lessons this week").wait_for()
    _shoot(room, "timetable", patience=0)


def _shoot(room: Room, name: str, patience: int = 6000) -> None:
    room.page.wait_for_timeout(patience)  # milliseconds, until the pictures have become sharp
    image = Image.open(io.BytesIO(room.page.screenshot()))
    # A palette is enough for drawn rooms, and a third of the weight.
    image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)


def _topic(server: Server) -> str:
    """What the blackboard says: "The seasons" of "Grade 5 English · Unit 2: The seasons 五年级英语·四季"."""
    headers = {"Authorization": f"Bearer {server.token('wang')}"}
    lesson = (
        httpx.get(f"{server.origin}/api/v1/lessons/current", headers=headers, timeout=PATIENCE)
        .raise_for_status()
        .json()
    )
    title: str = lesson["title"].rpartition(": ")[2]
    english, _, chinese = title.rpartition(" ")
    return f"{english}  {chinese.rpartition('·')[2]}"


if __name__ == "__main__":
    sys.exit(main())
