"""A relay by itself and pages without an app: for what browsers do on the wire, whatever a lesson makes of it."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from media_relay.messages import Event
from media_relay.node import open_port
from media_relay.relay import TICK, Relay
from tests.patience import PATIENCE

# `play` and `publish` make an offer, `accept` takes the answer, through a filter of its lines, as a firewall would.
PAGE = """
window.peers = {};
window.gathered = (pc) => new Promise((resolve) => {
  if (pc.iceGatheringState === "complete") resolve();
  pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && resolve();
});
window.play = async (name) => {
  const pc = window.peers[name] = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  for (const kind of ["audio", "video"]) {
    const transceiver = pc.addTransceiver(kind, { direction: "recvonly" });
    // As whep.js: pictures of AV1 in spatial layers cannot be read without it.
    const extensions = transceiver.getHeaderExtensionsToNegotiate();
    for (const each of extensions) if (each.uri.includes("#dependency-descriptor")) each.direction = "sendrecv";
    transceiver.setHeaderExtensionsToNegotiate(extensions);
  }
  pc.ontrack = ({ track, streams }) => {
    const element = document.createElement(track.kind);
    element.srcObject = new MediaStream([track]);
    element.muted = true;
    element.play();
    document.body.append(element);
  };
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
};
window.publish = async (name, rewrite) => {
  const pc = window.peers[name] = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 180 } });
  for (const track of media.getTracks()) pc.addTrack(track, media);
  const offer = await pc.createOffer();
  await pc.setLocalDescription({ type: "offer", sdp: rewrite ? rewrite(offer.sdp) : offer.sdp });
  return pc.localDescription.sdp;
};
window.accept = async (name, sdp, blocked) => {
  const lines = sdp.split("\\r\\n").filter((line) => !blocked || !line.includes(blocked));
  await window.peers[name].setRemoteDescription({ type: "answer", sdp: lines.join("\\r\\n") });
};
window.figures = async (name) => {
  const pc = window.peers[name];
  const figures = { state: pc.connectionState, received: 0, sent: 0, frames: 0, heard: 0, repeated: 0, protocol: "" };
  const report = await pc.getStats();
  for (const item of report.values()) {
    if (item.type === "transport" && item.selectedCandidatePairId) {
      const pair = report.get(item.selectedCandidatePairId);
      const remote = report.get(pair.remoteCandidateId);
      Object.assign(figures, { protocol: remote.protocol, address: remote.address });
      Object.assign(figures, { received: pair.bytesReceived, sent: pair.bytesSent });
    }
    if (item.type === "inbound-rtp" && item.kind === "video") figures.frames = item.framesDecoded;
    if (item.type === "inbound-rtp" && item.kind === "audio") {
      figures.heard = (item.totalSamplesReceived - item.concealedSamples) / 48000;
      figures.repeated = item.packetsDiscarded;
    }
  }
  return figures;
};
"""


class LiveRelay:
    """A relay in a thread of its own. ``speed`` is how many seconds its clock counts in one."""

    def __init__(self, relay_addresses: tuple[str, ...], speed: float) -> None:
        self.events: list[Event] = []
        self._socket, self._listener = open_port(0)
        self.relay = Relay(
            self._socket,
            relay_addresses,
            self.events.append,
            clock=lambda: time.monotonic() * speed,
            listener=self._listener,
        )
        self._lock = threading.Lock()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="relay")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop = True
        self._thread.join(PATIENCE)
        self.relay.shut_down()
        self._listener.close()
        self._socket.close()

    def publish(self, session: str, offer: str) -> str:
        with self._lock:
            return self.relay.publish(session, "lesson", "main", offer)

    def subscribe(self, session: str, offer: str) -> str:
        with self._lock:
            return self.relay.subscribe(session, "lesson", "main", offer)

    @contextmanager
    def holding(self) -> Iterator[Relay]:
        """The relay, while it does nothing by itself."""
        with self._lock:
            yield self.relay

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop:
            waited_for = [self.relay.port.fileno(), self.relay.port.tcp.fileno()]
            ready, _, _ = select.select(waited_for, [], [], max(0.0, due - time.monotonic()))
            with self._lock:
                if waited_for[0] in ready:
                    self.relay.port.readable()
                if waited_for[1] in ready:
                    self.relay.port.connections_readable()
                while self.relay.port.unfinished:
                    self.relay.port.shake_hands()
                if time.monotonic() >= due:
                    due = time.monotonic() + TICK
                    self.relay.tick()


@contextmanager
def live_relay(*addresses: str, speed: float = 1.0) -> Iterator[LiveRelay]:
    """A running :class:`LiveRelay` on a free port, announced at ``addresses`` (127.0.0.1)."""
    relay = LiveRelay(addresses or ("127.0.0.1",), speed)
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


class Terminal:
    """One page with media sessions on a :class:`LiveRelay`.

    Lines of answers with ``blocked`` in them do not reach it, and the relay's port is ``port`` to it.
    """

    def __init__(self, browser: Browser, relay: LiveRelay, *, blocked: str = "", port: int = 0) -> None:
        self.relay = relay
        self.port = port or relay.relay.port.number
        self.blocked = blocked
        self.context: BrowserContext = browser.new_context(permissions=["camera", "microphone"])
        self.context.add_init_script(PAGE)
        self.page: Page = self.context.new_page()
        # No server: a secure origin that exists in this context only.
        self.context.route("https://room.test/", lambda route: route.fulfill(body="<body></body>"))
        self.page.goto("https://room.test/")

    def play(self, name: str) -> None:
        self._accept(name, self.relay.subscribe(name, self.page.evaluate("(name) => play(name)", name)))

    def publish(self, name: str, rewrite: str = "null") -> str:
        answer = self.relay.publish(name, self.page.evaluate(f"(name) => publish(name, {rewrite})", name))
        self._accept(name, answer)
        return answer

    def _accept(self, name: str, answer: str) -> None:
        seen = answer.replace(f" {self.relay.relay.port.number} typ ", f" {self.port} typ ")
        self.page.evaluate("(given) => accept(...given)", [name, seen, self.blocked])

    def figures(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("(name) => figures(name)", name)
        return found

    def until(self, name: str, condition: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until a condition on the figures ``f`` holds; returns them."""
        look = f"async (name) => {{ const f = await figures(name); return [f, {condition}]; }}"
        gives_up = time.monotonic() + seconds
        while True:
            figures, fulfilled = self.page.evaluate(look, name)
            if fulfilled:
                return dict(figures)
            assert time.monotonic() < gives_up, f"not {condition}: {figures}"
            self.page.wait_for_timeout(100)  # the browser's own work; the page's figures tell of no event

    def leave(self) -> None:
        self.context.close()
