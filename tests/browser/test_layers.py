"""A real browser that publishes its picture in layers, and one that is led from layer to layer."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.relays import LiveRelay, Terminal, live_relay
from tests.patience import PATIENCE

# What the teacher's page sends, and what clients with one source of several layers send.
PUBLISH = """
window.publishLayers = async (name, encodings, codec, width) => {
  const pc = window.peers[name] = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const media = await navigator.mediaDevices.getUserMedia({ video: { width, height: width / 16 * 9 } });
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
DEPENDENT = [{"scalabilityMode": "L2T2", "maxBitrate": 500_000}]
TEMPORAL = [{"scalabilityMode": "L1T3", "maxBitrate": 500_000}]


class Lesson:
    """One page that sends and receives."""

    def __init__(self, browser: Browser, relay: LiveRelay) -> None:
        self.relay = relay
        self.terminal = Terminal(browser, relay)
        self.terminal.page.evaluate(PUBLISH)

    def publish(self, encodings: list[dict[str, Any]], codec: str, width: int = 1280) -> None:
        offer = self.terminal.page.evaluate(
            "(given) => publishLayers(...given)", ["teacher", encodings, codec, width]
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

    def sees(self, width: int, more: int = 1) -> dict[str, Any]:
        """Wait until some more pictures are decoded, of this width then; the browser's figures of it."""
        figures: dict[str, Any] = {}
        decoded: list[int] = []

        def wide() -> bool:
            figures.update(self.terminal.page.evaluate("(name) => seen(name)", "site"))
            decoded.append(figures.get("framesDecoded", 0))
            return figures.get("frameWidth") == width and decoded[-1] >= decoded[0] + more

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
        (DEPENDENT, "video/AV1", {"low": 320, "full": 640}),
    ],
    ids=["simulcast", "svc", "av1"],
)
def test_a_browser_is_led_from_layer_to_layer_without_noticing(
    browser: Browser, encodings: list[dict[str, Any]], codec: str, widths: dict[str, int]
) -> None:
    with live_relay() as relay:
        lesson = Lesson(browser, relay)
        lesson.publish(encodings, codec, widths["full"])
        lesson.terminal.play("site")
        for rung in [*reversed(widths), *widths]:
            lesson.want(rung)
            figures = lesson.sees(widths[rung])
        assert figures["packetsLost"] == 0
        assert figures["nackCount"] == 0, "its numbers have no gaps"
        assert figures["pliCount"] == 0, "and its decoder never stumbled"
        lesson.terminal.leave()


def test_a_browser_gets_fewer_pictures_of_av1_and_more_again(browser: Browser) -> None:
    """Its decoder goes on at each change: what a picture refers to is there, under the number that it knows."""
    with live_relay() as relay:
        lesson = Lesson(browser, relay)
        lesson.publish(TEMPORAL, "video/AV1", 640)
        lesson.terminal.play("site")
        for rung in ("full", "low", "middle", "full"):
            lesson.want(rung)
            figures = lesson.sees(640, more=4)
        assert figures["pliCount"] == 0
        lesson.terminal.leave()
