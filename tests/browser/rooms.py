"""A page of a lesson as somebody in the room experiences it: does the picture move, is there sound."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tests.patience import PATIENCE

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
# Few frames a second: the machine encodes for every room at once, in software.
DEVICES = "--use-fake-device-for-media-stream=fps=10"
ALLOWED = ("--use-fake-ui-for-media-stream", "--auto-select-desktop-capture-source=Entire screen")

# Playwright would mute the whole browser; here sound is part of what is tested.
UNWANTED = ["--mute-audio"]

# Notes connections, what is said in the classroom channel, and when the main picture shows its first frame. That is
# also said on the console, where a test can hear it without touching the page: whatever Playwright evaluates counts as
# a person's gesture.
FIRST_FRAME = "first frame"
WATCH = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); window.connections.push(this); }
};
window.sockets = [];
window.said = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); window.sockets.push(this); }
  send(text) { window.said.push(text); super.send(text); }
};
document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("main")?.requestVideoFrameCallback(() => {
    window.firstFrame = performance.now();
    console.debug("first frame");
  });
});
"""

# The picture as a few numbers; null while there is none.
SAMPLE = """(selector) => {
  const video = document.querySelector(selector);
  if (!video || !video.videoWidth || video.readyState < 2) return null;
  const canvas = new OffscreenCanvas(64, 36);
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0, 64, 36);
  return Array.from(pen.getImageData(0, 0, 64, 36).data.filter((_, index) => index % 4 !== 3));
}"""

# What is heard in the page's open microphone in place of Chromium's beep, which may well pass for a voice: the murmur
# of a quiet room, and if somebody speaks syllables and the gaps between them.
TALK = """async (speaks) => {
  const audio = new AudioContext();
  const tone = new OscillatorNode(audio, { frequency: 300 });
  const voice = new GainNode(audio, { gain: 0 });
  const out = new MediaStreamAudioDestinationNode(audio);
  tone.connect(voice).connect(out);
  for (let at = 0; at < 60; at += 0.25) {
    voice.gain.setValueAtTime(speaks ? 0.3 : 0.003, at);
    voice.gain.setValueAtTime(0.003, at + 0.17);
  }
  tone.start();
  // The page may have joined anew since its first connection.
  for (const pc of window.connections.filter((each) => each.signalingState !== "closed")) {
    for (const sender of pc.getSenders()) {
      if (sender.track?.kind === "audio") await sender.replaceTrack(out.stream.getAudioTracks()[0]);
    }
  }
  document.getElementById("microphone").addEventListener("click", () => voice.disconnect());
}"""

# The classroom channel says these things, and what then stands in a part of the page: at once, before it says anything
# else.
HEAR = """([messages, selector]) => {
  for (const message of messages) window.sockets.at(-1).onmessage({ data: JSON.stringify(message) });
  const part = document.querySelector(selector);
  return part.hidden ? "" : part.textContent.trim();
}"""

# Sound energy received so far, over all open connections.
ENERGY = """async () => {
  let energy = 0;
  for (const pc of window.connections) {
    if (pc.connectionState !== "connected") continue;
    for (const report of (await pc.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "audio") energy += report.totalAudioEnergy ?? 0;
    }
  }
  return energy;
}"""


def launch(
    playwright: Playwright, *, allowed: bool = True, camera: Path | None = None, options: Sequence[str] = ()
) -> Browser:
    """A real Chromium with a synthetic camera and microphone, which pages may use or may not.

    `camera` is a film that the camera sees, instead of Chromium's own moving figure.
    """
    arguments = [*QUIET, DEVICES, *(ALLOWED if allowed else ()), *options]
    if camera is not None:
        arguments.append(f"--use-file-for-fake-video-capture={camera}")
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=arguments, headless=True, ignore_default_args=UNWANTED
    )


class Room:
    """One page in a browser of its own making, and the complaints it wrote to its console."""

    def __init__(self, browser: Browser, *, language: str = "en-US", **context: Any) -> None:
        self.context: BrowserContext = browser.new_context(
            locale=language, viewport={"width": 1366, "height": 768}, **context
        )
        self.context.add_init_script(WATCH)
        self.context.set_default_timeout(PATIENCE * 1e3)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda line: self._note(line.type, line.text))

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" and "Content Security Policy" in text:
            self.complaints.append(text)

    def leave(self) -> None:
        """Close the page as a person would: it may say goodbye. A second time is nothing."""
        self.page.close(run_before_unload=False)
        self.context.close()

    def sample(self, selector: str) -> list[int] | None:
        """The picture now, 64 by 36."""
        shown: list[int] | None = self.page.evaluate(SAMPLE, selector)
        return shown

    def moves(self, selector: str) -> bool:
        """Whether the picture is more than one colour, and another one a moment later."""
        before = self.sample(selector)
        self.page.wait_for_timeout(150)
        after = self.sample(selector)
        if before is None or after is None or max(after) - min(after) < 30:
            return False
        return sum(abs(a - b) for a, b in zip(before, after, strict=True)) > 500

    def hear(self, messages: Sequence[Mapping[str, Any]], selector: str) -> str:
        """Hear these in the classroom channel, one after the other; the words that then stand in a part of the page."""
        words: str = self.page.evaluate(HEAR, [messages, selector])
        return words

    def said(self, kind: str) -> list[dict[str, Any]]:
        """What the page has said of a kind in the classroom channel."""
        said = map(json.loads, self.page.evaluate("window.said"))
        return [message for message in said if message["type"] == kind]

    def energy(self) -> float:
        """Sound energy received so far."""
        heard: float = self.page.evaluate(ENERGY)
        return heard

    def connections(self) -> int:
        """How many connections the page has made in its life."""
        count: int = self.page.evaluate("window.connections.length")
        return count

    def wait_for(self, what: Callable[[], bool], seconds: float = PATIENCE) -> float:
        """Wait until something is so; the seconds it took."""
        started = time.monotonic()
        while not what():
            assert time.monotonic() - started < seconds, f"not so within {seconds} s; {self.complaints}"
            self.page.wait_for_timeout(50)
        return time.monotonic() - started

    def wait_for_picture(self, selector: str, seconds: float = PATIENCE) -> float:
        """Wait until a picture moves."""
        return self.wait_for(lambda: self.moves(selector), seconds)

    def talk(self) -> None:
        """Speak into the microphone, until it is switched off."""
        self.page.evaluate(TALK, True)

    def hush(self) -> None:
        """Say nothing, with the microphone on."""
        self.page.evaluate(TALK, False)

    def wait_for_sound(self, seconds: float = PATIENCE) -> None:
        """Wait until sound keeps arriving."""
        before = self.energy()
        self.wait_for(lambda: self.energy() > before, seconds)

    def wait_for_silence(self, seconds: float = PATIENCE) -> None:
        """Wait until nothing was heard for the time of two beeps of the synthetic microphone."""

        def silent() -> bool:
            before = self.energy()
            self.page.wait_for_timeout(2000)
            return self.energy() - before < 1e-4

        self.wait_for(silent, seconds)
