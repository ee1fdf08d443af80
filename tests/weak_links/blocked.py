"""``python -m tests.weak_links.blocked``: UDP is blocked in the middle of a lesson, and the page goes on over TCP.

A real Chromium with the modules of our own pages; it says how long the picture stood still. Exit code 1 where it did
for more than ten seconds, or where it does not come over TCP afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from playwright.async_api import async_playwright

from tests.emulator import Emulator
from tests.link import Conditions
from tests.media_relay.nodes import running_node
from tests.weak_links.film import write_film, write_speech
from tests.weak_links.page import Room, launch
from tests.weak_links.running import LESSON, STREAM, Behind, port_of, publish

_PATIENCE: Final = 10.0
_LINK: Final = Conditions(delay=0.030)
_STAY: Final = """
async () => {
  const { Link } = await import("/static/link.js");
  const { reception, watch } = await import("/static/whep.js");
  const video = Object.assign(document.createElement("video"), { autoplay: true, muted: true });
  document.body.append(video);
  window.shown = [];
  const note = () => { window.shown.push(Date.now() / 1e3); video.requestVideoFrameCallback(note); };
  video.requestVideoFrameCallback(note);
  const open = async (signal) => {
    const session = await watch({ url: "/door", token: "", iceServers: [] }, signal);
    video.srcObject = session.media;
    window.pc = session.pc;
    return session;
  };
  window.link = new Link({ open, measure: reception });
  window.link.start();
}
"""
_WAY: Final = """
async () => {
  const report = await window.pc.getStats();
  const pair = [...report.values()].find(({ type, nominated }) => type === "candidate-pair" && nominated);
  return pair ? report.get(pair.remoteCandidateId).protocol : "";
}
"""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.weak_links.blocked", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="how long to watch afterwards (default 12)"
    )
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        still, way = asyncio.run(_run(seconds, Path(folder)))
    print(f"the picture stood still for {still:.1f} s, then it came over {way or 'nothing'}")  # noqa: T201
    sys.exit(way != "tcp" or still > _PATIENCE)


async def _run(seconds: float, folder: Path) -> tuple[float, str]:
    """The longest pause of the picture, and how it comes at the end."""
    film = write_film(folder / "film.y4m", 320, 180, 15)
    speech = write_speech(folder / "speech.wav", seconds=2.0)
    async with async_playwright() as playwright, running_node() as node:
        browser = await launch(playwright, film, speech)
        teacher = await publish(node, browser, 320, 180, 15)
        async with Emulator(("127.0.0.1", port_of(node)), up=_LINK, down=_LINK) as emulator:
            behind, sessions = Behind(node, emulator, blocks_udp=False), iter(range(100))

            async def answer(offer: str) -> str:
                return behind(
                    (await node.link.subscribe(f"site-{next(sessions)}", LESSON, STREAM, offer)).sdp
                )

            room = await Room.open(browser, answer)
            await room.page.evaluate(_STAY)
            await room.page.wait_for_function("() => window.shown.length > 30")
            emulator.block_udp()
            blocked_at = time.time()
            await asyncio.sleep(seconds)
            shown: list[float] = await room.page.evaluate("() => window.shown")
            way: str = await room.page.evaluate(_WAY)
            await room.leave()
        await teacher.leave()
        await browser.close()
    marks = [blocked_at, *(at for at in shown if at > blocked_at), blocked_at + seconds]
    return max(after - before for before, after in zip(marks, marks[1:], strict=False)), way


if __name__ == "__main__":
    main()
