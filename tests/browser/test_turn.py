"""A teaching site behind a firewall: its browser reaches the lesson through a TURN server, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.rooms import Room, launch
from tests.browser.server import Server, running_server
from tests.coturn import Coturn, running_coturn
from tests.patience import PATIENCE

# Stands for a firewall: nothing goes past the TURN server, and only the given way leads to it. Keeps what the page
# asked for, to be compared with what it was told.
FIREWALL = """
window.asked = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(given) {
    window.asked.push(given.iceServers);
    const open = (url) => url === %s;
    const iceServers = given.iceServers.map((server) => ({ ...server, urls: server.urls.filter(open) }));
    super({ ...given, iceServers, iceTransportPolicy: "relay" });
  }
};
"""

# How each connection that carries media reaches the relay, and how many bytes came and went that way.
PATHS = """async () => {
  const paths = [];
  for (const pc of window.connections) {
    if (pc.connectionState !== "connected") continue;
    const report = await pc.getStats();
    for (const transport of report.values()) {
      if (transport.type !== "transport") continue;
      const pair = report.get(transport.selectedCandidatePairId);
      const { candidateType, relayProtocol } = report.get(pair.localCandidateId);
      paths.push({ candidateType, relayProtocol, received: pair.bytesReceived, sent: pair.bytesSent });
    }
  }
  return paths;
}"""


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    with running_coturn(tmp_path_factory.mktemp("coturn")) as coturn:
        yield coturn


@pytest.fixture(scope="module")
def walled_server(tmp_path_factory: pytest.TempPathFactory, coturn: Coturn) -> Iterator[Server]:
    """The demo with a TURN server in its settings; its synthetic teacher needs none."""
    settings = coturn.settings(coturn.udp, coturn.tcp, coturn.tls)
    with running_server(tmp_path_factory.mktemp("walled"), demo=True, settings=settings) as server:
        yield server


def walled_room(browser: Browser, way: str) -> Room:
    room = Room(browser)
    room.context.add_init_script(FIREWALL % json.dumps(way))
    return room


def carried(site: Room, way: str) -> int:
    """The most bytes that went one way over one connection."""
    counts: list[int] = [path[way] for path in site.page.evaluate(PATHS)]
    return max(counts, default=0)


def publishing(server: Server, stream: str) -> bool:
    """Whether a site's media arrive at the relay."""
    teacher = {"Authorization": f"Bearer {server.token('wang')}"}
    lesson = (
        httpx.get(f"{server.origin}/api/v1/lessons/current", headers=teacher, timeout=PATIENCE)
        .raise_for_status()
        .json()
    )
    told = httpx.get(f"{server.origin}/api/v1/lessons/{lesson['id']}/join", headers=teacher, timeout=PATIENCE)
    (offer,) = [offer for offer in told.raise_for_status().json()["watch"] if offer["stream"] == stream]
    return bool(offer["publishing"])


@pytest.fixture(scope="module")
def trusting_browser(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium that believes a certificate nobody vouches for."""
    browser = launch(playwright, options=["--ignore-certificate-errors"])
    yield browser
    browser.close()


@pytest.mark.parametrize(("transport", "login"), [("udp", "site1"), ("tcp", "site2"), ("tls", "site3")])
def test_a_site_sees_hears_and_answers_through_turn(
    trusting_browser: Browser, walled_server: Server, coturn: Coturn, transport: str, login: str
) -> None:
    site = walled_room(trusting_browser, getattr(coturn, transport))
    site.page.goto(walled_server.link("site", login))
    site.wait_for_picture("#main", 30)  # the demo's teacher may still be walking in
    site.wait_for_sound()
    site.wait_for(lambda: carried(site, "received") > 20_000)
    site.wait_for(lambda: carried(site, "sent") > 20_000)
    paths: list[dict[str, Any]] = site.page.evaluate(PATHS)
    assert {(path["candidateType"], path["relayProtocol"]) for path in paths} == {("relay", transport)}
    assert publishing(walled_server, login.replace("site", "site-S"))
    assert site.complaints == []
    site.leave()


def test_pages_use_the_servers_they_are_told(browser: Browser, walled_server: Server, coturn: Coturn) -> None:
    site = walled_room(browser, coturn.udp)
    with site.page.expect_response("**/join") as told:
        site.page.goto(walled_server.link("site", "site1"))
    servers = told.value.json()["ice_servers"]
    site.wait_for_picture("#main", 30)
    assert [server["urls"] for server in servers] == [[coturn.udp, coturn.tcp, coturn.tls]]
    prepared, *others = site.page.evaluate("window.asked")
    assert prepared == []  # made before anything was known, and thrown away
    assert site.page.evaluate("window.connections[0].signalingState") == "closed"
    assert others and all(asked == servers for asked in others)
    site.leave()
    log = walled_server.log.read_text()
    assert coturn.secret not in log
    assert servers[0]["credential"] not in log
