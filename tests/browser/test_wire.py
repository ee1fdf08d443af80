"""What a real Chromium and a relay do on the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright

from media_relay.messages import SessionClosed
from tests.browser.nat import running_nat
from tests.browser.relays import Terminal, live_relay
from tests.browser.rooms import launch
from tests.patience import PATIENCE


def test_a_browser_that_waits_for_a_lesson_is_not_forgotten(browser: Browser) -> None:
    """With the relay's clock at four times the speed, Chromium's own checks come every 10 s: only answers keep it."""
    with live_relay(speed=4.0) as relay:
        site = Terminal(browser, relay)
        site.play("site")
        assert site.until("site", "f.state === 'connected'")["protocol"] == "udp", "though TCP is offered too"
        site.page.wait_for_timeout(2_500)  # ten seconds of the relay's
        assert relay.relay.subscribers == 1
        site.leave()  # says goodbye to nobody: the page is just gone
        gone = time.monotonic() + PATIENCE
        while relay.relay.subscribers:
            assert time.monotonic() < gone
            time.sleep(0.05)  # another thread's work: nothing of it can be awaited
        assert isinstance(relay.events[-1], SessionClosed)


@pytest.fixture(scope="module")
def loopback_browser(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium that uses the loopback interface too, for addresses that no machine lacks."""
    browser = launch(playwright, options=["--allow-loopback-in-peer-connection"])
    yield browser
    browser.close()


def test_browsers_send_and_receive_over_ipv6(loopback_browser: Browser) -> None:
    with live_relay("::1") as relay:
        teacher, site = (Terminal(loopback_browser, relay) for _ in range(2))
        teacher.publish("teacher")
        site.play("site")
        seen = site.until("site", "f.frames > 10 && f.heard > 1")
        assert (seen["address"], seen["protocol"]) == ("::1", "udp")
        assert seen["repeated"] > 20, "sound comes twice (opus/red), and what was not lost is left over"
        assert teacher.figures("teacher")["address"] == "::1"
        for terminal in (teacher, site):
            terminal.leave()


def test_browsers_send_and_receive_over_tcp_where_udp_is_blocked(browser: Browser) -> None:
    with live_relay() as relay:
        teacher, site = (Terminal(browser, relay, blocked=" udp ") for _ in range(2))
        teacher.publish("teacher")
        site.play("site")
        seen = site.until("site", "f.frames > 10 && f.heard > 1")
        assert (seen["state"], seen["protocol"]) == ("connected", "tcp")
        assert teacher.figures("teacher")["protocol"] == "tcp"
        for terminal in (teacher, site):
            terminal.leave()


def test_sessions_survive_a_router_that_changes_its_mapping(browser: Browser) -> None:
    """As when a router restarts, or forgets: both go on from other ports, within Chromium's next check or two."""
    with live_relay() as relay, running_nat(relay.relay.port.number) as nat:
        teacher, site = (Terminal(browser, relay, blocked=" tcp ", port=nat.port) for _ in range(2))
        teacher.publish("teacher")
        site.play("site")
        before = site.until("site", "f.frames > 10")
        addresses = set(relay.relay.port.by_address)
        nat.rebind()
        time.sleep(0.3)  # what was under way has arrived
        still = site.figures("site")["frames"]
        after = site.until("site", f"f.frames > {still} + 30 && f.heard > {before['heard']} + 2", 12)
        assert after["state"] == "connected"
        assert relay.relay.publishers == relay.relay.subscribers == 1
        assert not addresses & {peer.destination.raw for peer in relay.relay._peers.values()}
        assert not [event for event in relay.events if isinstance(event, SessionClosed)]
        for terminal in (teacher, site):
            terminal.leave()
