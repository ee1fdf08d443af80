"""What a real Chromium and a relay do on the wire."""

from __future__ import annotations

import time

from playwright.sync_api import Browser

from media_relay.messages import SessionClosed
from tests.browser.relays import Terminal, live_relay


def test_a_browser_that_waits_for_a_lesson_is_not_forgotten(browser: Browser) -> None:
    """With the relay's clock at ten times the speed, Chromium's own checks come every 25 s: only answers keep it."""
    with live_relay(speed=10.0) as relay:
        site = Terminal(browser, relay)
        site.play("site")
        site.until("site", "f.state === 'connected'")
        site.page.wait_for_timeout(1_500)
        assert relay.relay.subscribers == 1
        site.leave()  # says goodbye to nobody: the page is just gone
        gone = time.monotonic() + 10
        while relay.relay.subscribers:
            assert time.monotonic() < gone
            time.sleep(0.05)  # another thread's work: nothing of it can be awaited
        assert isinstance(relay.events[-1], SessionClosed)
