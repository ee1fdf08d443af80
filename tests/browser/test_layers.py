"""A real browser that publishes its picture in layers, and one that is led from layer to layer."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.relays import LiveRelay, Terminal, live_relay
from tests.patience import PATIENCE

# What the teacher's page sends, and what a client with one VP9 source of several layers sends.
PUBLISH = """
window.publishLayers = async (name, encodings, codec) => {
  const pc = window.peers[name] = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const media = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 } });
  const sending = { direction: "sendonly", sendEncodings: encodings };
  const transceiver = pc.addTransceiver(media.getVideoTracks()[0], sending);
  const codecs = RTCRtpSender.getCapabilities("video").codecs;
  const chosen = codecs.filter(({ mimeType }) => mimeType === codec);
  transceiver.setCodecPreferences([...chosen, ...codecs.filter((other) => !chosen.includes(other))]);
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
};
window.seen = async (name) => {
  for (const report of (await window.peers[name].getStats()).values()) {
    if (report.type === "inbound-rtp" && report.kind === "video") return report;
  }
  return {};
};
null;  // else the last of these would be called
"""
SIMULCAST = [
    {"rid": "low", "scaleResolutionDownBy": 4, "maxBitrate": 150_000},
    {"rid": "middle", "scaleResolutionDownBy": 2, "maxBitrate": 500_000},
    {"rid": "full", "maxBitrate": 2_000_000},
]
SVC = [{"scalabilityMode": "L2T3_KEY", "maxBitrate": 1_500_000}]


class Lesson:
    """One page that sends and receives."""

    def __init__(self, browser: Browser, relay: LiveRelay) -> None:
        self.relay = relay
        self.terminal = Terminal(browser, relay)
        self.terminal.page.evaluate(PUBLISH)

    def publish(self, encodings: list[dict[str, Any]], codec: str) -> None:
        offer = self.terminal.page.evaluate(
            "(given) => publishLayers(...given)", ["teacher", encodings, codec]
        )
        answer = self.relay.publish("teacher", offer)
        self.terminal.page.evaluate("(given) => accept(...given)", ["teacher", answer, ""])

    def want(self, rung: str) -> None:
        """Lead the site to a rung, once the publisher sends it."""

        def found() -> bool:
            with self.relay.holding() as relay:
                subscription = relay._streams["lesson", "main"].subscribers["site"].subscriptions["video"]
                for rendition in subscription.renditions(time.monotonic()):
                    if rendition.rung == rung and rendition.active:
                        subscription.want(rendition)
                        return True
            return False

        self.until(found)

    def sees(self, width: int) -> dict[str, Any]:
        """Wait until pictures of this width are decoded; the browser's figures then."""
        figures: dict[str, Any] = {}

        def wide() -> bool:
            before = figures.get("framesDecoded", 0)
            figures.update(self.terminal.page.evaluate("(name) => seen(name)", "site"))
            return figures.get("frameWidth") == width and figures["framesDecoded"] > before

        self.until(wide)
        return figures

    def until(self, fulfilled: Any, seconds: float = PATIENCE) -> None:
        gives_up = time.monotonic() + seconds
        while not fulfilled():
            assert time.monotonic() < gives_up
            self.terminal.page.wait_for_timeout(50)  # the page's figures tell of no event


@pytest.mark.parametrize(
    ("encodings", "codec", "widths"),
    [
        (SIMULCAST, "video/VP8", {"low": 320, "middle": 640, "full": 1280}),
        (SVC, "video/VP9", {"low": 640, "full": 1280}),
    ],
    ids=["simulcast", "svc"],
)
def test_a_browser_is_led_from_layer_to_layer_without_noticing(
    browser: Browser, encodings: list[dict[str, Any]], codec: str, widths: dict[str, int]
) -> None:
    with live_relay() as relay:
        lesson = Lesson(browser, relay)
        lesson.publish(encodings, codec)
        lesson.terminal.play("site")
        for rung in [*reversed(widths), *widths]:
            lesson.want(rung)
            figures = lesson.sees(widths[rung])
        assert figures["packetsLost"] == 0
        assert figures["nackCount"] == 0, "its numbers have no gaps"
        assert figures["pliCount"] == 0, "and its decoder never stumbled"
        lesson.terminal.leave()
