"""The pages at a desk when the link or the sign-in is lost in the middle: words, a way on, nothing typed in vain."""

from __future__ import annotations

from playwright.sync_api import Route

from tests.browser.conftest import OpenRoom
from tests.browser.server import Server


def test_what_was_typed_outlives_a_lost_link_and_an_ended_sign_in(
    server: Server, open_room: OpenRoom
) -> None:
    room = open_room(server.link("timetable?week=2", "admin"))
    page = room.page
    page.get_by_text("lessons this week").wait_for()

    room.context.set_offline(True)
    page.get_by_role("button", name="Week after").click()
    page.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    assert not page.locator("#grid").is_visible(), "a week that was not asked for"
    room.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("84 lessons this week").wait_for()
    assert page.locator("#week").input_value() == "3"

    page.locator("button.lesson").first.click()
    page.get_by_role("button", name="Cancel this lesson").click()
    page.get_by_label("Reason").fill("Road closed by snow")
    room.context.clear_cookies()
    page.get_by_role("button", name="Cancel the lesson").click()
    again = page.get_by_role("dialog", name="Your sign-in has ended")
    again.get_by_label("Password").fill(server.password)
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("nothing is lost").wait_for()
    assert page.get_by_label("Reason").input_value() == "Road closed by snow"

    # Opened anew without a sign-in, the page leads to the door and back to where one was.
    room.context.clear_cookies()
    page.reload()
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill(server.password)
    page.keyboard.press("Enter")
    page.get_by_text("84 lessons this week").wait_for()
    assert page.locator("#week").input_value() == "3"


def test_a_page_begins_once_more_and_nothing_is_done_twice(server: Server, open_room: OpenRoom) -> None:
    page = open_room(server.link("today", "admin")).page

    def cut(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        route.fetch()
        route.abort()

    page.get_by_role("link", name="Guests").first.wait_for()
    page.route("**/api/v1/me", lambda route: route.abort())
    page.reload()
    page.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    page.unroute("**/api/v1/me")
    page.get_by_role("button", name="Try again").click()

    page.get_by_role("link", name="Guests").first.click()
    page.get_by_label("Whom it is for").fill("Dr. Li")
    page.route("**/guest-links", cut)
    page.get_by_role("button", name="Make a link").click()
    page.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    page.unroute("**/guest-links")
    page.get_by_role("button", name="Make a link").click()
    page.get_by_role("alert").get_by_text("done the first time already").wait_for()
    page.reload()
    made = page.locator("#links > li").filter(has_text="Dr. Li")
    made.get_by_role("button", name="Take back").click()
    made.get_by_text("Taken back").wait_for()
    assert made.count() == 1
