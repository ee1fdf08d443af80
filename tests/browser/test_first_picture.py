"""What a newcomer sees: opening a link of the running demo shows a moving picture with sound, at once."""

from __future__ import annotations

from playwright.sync_api import Playwright

from tests.browser.conftest import OpenRoom
from tests.browser.rooms import FIRST_FRAME, Room, launch
from tests.browser.server import Server
from tests.patience import patient

FIRST_PICTURE_MS = 2000


def test_the_site_link_shows_the_lesson_within_two_seconds(demo_server: Server, open_room: OpenRoom) -> None:
    link = demo_server.link("site", "site1")
    open_room(link).wait_for_picture("#main")  # the demo's teacher may still be walking in
    site = open_room(demo_server.link("site", "site2"))
    site.wait_for_picture("#main")
    assert site.page.evaluate("window.firstFrame") < patient(FIRST_PICTURE_MS)
    site.wait_for_sound()
    assert "token" not in site.page.url


def test_where_the_browser_wants_a_tap_first_the_picture_runs_and_one_button_asks(
    demo_server: Server, playwright: Playwright
) -> None:
    link = demo_server.link("site", "site2")
    browser = launch(playwright, allowed=False)
    try:
        site = Room(browser)
        with site.page.expect_console_message(lambda message: message.text == FIRST_FRAME):
            site.page.goto(link)
        site.wait_for_picture("#main")
        site.page.get_by_role("button", name="Tap for sound").wait_for(state="visible")
        site.page.get_by_role("button", name="Tap for sound").click()
        site.page.get_by_role("button", name="Tap for sound").wait_for(state="hidden")
        assert not site.page.locator("#main").evaluate("video => video.muted || video.paused")
        assert site.page.get_by_role("alert").inner_text().startswith("The browser was not allowed")
        assert site.complaints == []
    finally:
        browser.close()
