"""A real Chromium with the modules of our own pages, but no app: one page publishes, others play and take notes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Page, Playwright, Route

from app.web.assets import STATIC
from tests.browser.rooms import ALLOWED, CHROMIUM, QUIET, UNWANTED

_ORIGIN: Final = "https://room.test/"
"""No server: a secure origin that exists in the page's context only."""
_DOOR: Final = f"{_ORIGIN}door"

SCRIPT: Final = """
const door = { url: "/door", token: "", iceServers: [] };
window.publish = async ({ width, height, frames, codec, mode }) => {
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    video: { width, height, frameRate: frames },
  });
  const { publish, PROFILES } = await import("/static/whip.js");
  if (codec) return publishAs(media, codec, mode);
  window.pc = (await publish(door, media, PROFILES.main, new AbortController().signal)).pc;
};
// One source in layers (SVC), which our pages never send, but other clients do.
const publishAs = async (media, codec, mode) => {
  const { negotiate } = await import("/static/negotiate.js");
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  pc.addTransceiver(media.getAudioTracks()[0], { direction: "sendonly", streams: [media] });
  const picture = pc.addTransceiver(media.getVideoTracks()[0], {
    direction: "sendonly", streams: [media], sendEncodings: [{ scalabilityMode: mode, maxBitrate: 2_000_000 }],
  });
  const { codecs } = RTCRtpSender.getCapabilities("video");
  picture.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === `video/${codec}`));
  await negotiate(pc, door, new AbortController().signal);
  window.pc = pc;
};
window.play = async () => {
  const { reception, watch } = await import("/static/whep.js");
  window.samples = [];
  window.shown = [];
  const { pc, media } = await watch(door, new AbortController().signal);
  window.pc = pc;
  const video = document.createElement("video");
  video.srcObject = media;
  video.autoplay = true;
  document.body.append(video);
  const note = (now, { height }) => {
    window.shown.push([Date.now() / 1e3, height]);
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
  setInterval(sample, 200);
  setInterval(reception, 250, pc); // what a site's page calls its beat
};
const KEPT = {
  video: ["framesDecoded", "framesDropped", "freezeCount", "totalFreezesDuration", "bytesReceived", "packetsLost",
          "nackCount", "pliCount", "retransmittedPacketsReceived", "keyFramesDecoded", "packetsReceived",
          "jitterBufferDelay", "jitterBufferEmittedCount"],
  audio: ["concealedSamples", "silentConcealedSamples", "concealmentEvents", "totalSamplesReceived", "bytesReceived",
          "packetsLost", "nackCount", "jitterBufferDelay", "jitterBufferEmittedCount", "packetsReceived",
          "retransmittedPacketsReceived", "fecPacketsReceived", "packetsDiscarded"],
};
const sample = async () => {
  const report = await window.pc.getStats();
  const found = { at: Date.now() / 1e3 };
  for (const item of report.values()) {
    if (item.type !== "inbound-rtp") continue;
    for (const name of KEPT[item.kind]) found[`${item.kind}.${name}`] = item[name] ?? 0;
    if (item.kind === "audio") found.codec = report.get(item.codecId)?.mimeType;
  }
  window.samples.push(found);
};
window.sent = async () => {
  const found = {};
  for (const item of (await window.pc.getStats()).values()) {
    if (item.type !== "outbound-rtp") continue;
    const layer = item.kind === "audio" ? "sound" : item.rid || "picture";
    found[layer] = [item.bytesSent, item.frameHeight ?? 0, item.framesEncoded ?? 0, item.qualityLimitationReason];
  }
  return found;
};
"""

Answering = Callable[[str], Awaitable[str]]
"""From an offer to its answer."""


class Room:
    """One page, in a context of its own."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self._context = context
        self.page = page

    @classmethod
    async def open(cls, browser: Browser, answering: Answering) -> Room:
        """A page that finds our modules, and whose door is this function."""
        context = await browser.new_context(permissions=["camera", "microphone"])
        await context.add_init_script(SCRIPT)

        async def serve(route: Route) -> None:
            request = route.request
            if request.url.startswith(f"{_ORIGIN}static/"):
                await route.fulfill(path=STATIC / Path(request.url).name)
            elif request.url == _DOOR and request.method == "POST":
                answer = await answering(request.post_data or "")
                await route.fulfill(status=201, headers={"Location": "/door/1"}, body=answer)
            else:
                await route.fulfill(body="<body></body>", content_type="text/html")

        await context.route(f"{_ORIGIN}**", serve)
        page = await context.new_page()
        await page.goto(_ORIGIN)
        return cls(context, page)

    async def publish(self, width: int, height: int, frames: int, codec: str = "", mode: str = "") -> None:
        """Teach, as the teacher's page does; or with another codec in a scalability mode (W3C webrtc-svc)."""
        media = {"width": width, "height": height, "frames": frames, "codec": codec, "mode": mode}
        await self.page.evaluate("(media) => publish(media)", media)

    async def play(self) -> None:
        """Watch, as a site's page does, and take notes."""
        await self.page.evaluate("() => play()")

    async def sent(self) -> dict[str, list[Any]]:
        """By layer: bytes, height, frames so far, and what limits it."""
        found: dict[str, list[Any]] = await self.page.evaluate("() => sent()")
        return found

    async def notes(self) -> tuple[list[dict[str, Any]], list[tuple[float, int]]]:
        """What was noted: samples of the statistics, and when which frame was shown. Times are Unix seconds."""
        samples, shown = await self.page.evaluate("() => [window.samples, window.shown]")
        return samples, [(at, height) for at, height in shown]

    async def leave(self) -> None:
        """Close the page."""
        await self._context.close()


async def launch(playwright: Playwright, camera: Path, microphone: Path) -> Browser:
    """A Chromium whose camera and microphone play files."""
    return await playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            *QUIET,
            *ALLOWED,
            "--autoplay-policy=no-user-gesture-required",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
            f"--use-file-for-fake-audio-capture={microphone}",
        ],
        headless=True,
        ignore_default_args=UNWANTED,
    )
