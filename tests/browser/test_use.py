"""Signing in, finding today's lesson, languages, and use by keyboard and screen reader."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import OpenRoom
from tests.browser.rooms import Room
from tests.browser.server import Server, running_server

# A lesson that was on before is continued; these tests share one.
START = re.compile("Start lesson|Continue lesson")

# Everything that can be operated or looked at, without a name a screen reader could say.
NAMELESS = """() => {
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });
  const named = (element) =>
    element.getAttribute("aria-label") || element.innerText?.trim() || element.labels?.[0]?.innerText.trim();
  const looked = document.querySelectorAll("button, a, input, select, video, [role=group]");
  return [...looked].filter((element) => visible(element) && !named(element)).map((element) => element.outerHTML);
}"""

# The ids of what the tab key reaches, in its order.
FOCUSED = "() => document.activeElement.id || document.activeElement.tagName"


def tab_stops(page: Page, count: int) -> list[str]:
    stops = []
    for _ in range(count):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
    return stops


def sign_in(page: Page, login: str, password: str) -> None:
    page.get_by_label("User name").fill(login)
    page.get_by_label("Password", exact=True).fill(password)
    page.keyboard.press("Enter")


@pytest.mark.parametrize(("login", "home"), [("wang", "/teach"), ("site1", "/site"), ("admin", "/today")])
def test_signing_in_leads_to_the_page_of_the_role(
    server: Server, open_room: OpenRoom, login: str, home: str
) -> None:
    room = open_room(server.origin)
    sign_in(room.page, login, server.password)
    room.page.wait_for_url(f"**{home}")


def test_a_wrong_password_is_told_in_words_where_the_reader_is(server: Server, open_room: OpenRoom) -> None:
    room = open_room(server.origin)
    sign_in(room.page, "wang", "not the password")
    alert = room.page.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == "That name and password do not match. Please try again."
    assert room.page.evaluate(FOCUSED) == "password"


def test_signing_in_without_a_network_promises_nothing_it_does_not_do(
    server: Server, open_room: OpenRoom
) -> None:
    room = open_room(server.origin)
    room.context.set_offline(True)
    sign_in(room.page, "wang", server.password)
    room.page.get_by_text("press “Sign in” again").wait_for()
    room.context.set_offline(False)
    room.page.get_by_role("button", name="Sign in").click()
    room.page.wait_for_url("**/teach")


def test_pages_send_those_who_are_not_signed_in_to_the_door(server: Server, open_room: OpenRoom) -> None:
    for page in ("today", "teach", "site"):
        room = open_room(f"{server.origin}/{page}")
        room.page.get_by_role("heading", name="Sign in").wait_for()


@pytest.mark.parametrize("page", ["today", "teach", "site"])
def test_a_token_that_is_no_good_any_more_leads_to_the_door(
    server: Server, open_room: OpenRoom, page: str
) -> None:
    room = open_room(f"{server.origin}/{page}#token=expired")
    room.page.get_by_role("heading", name="Sign in").wait_for()
    room.page.get_by_text("Your sign-in has run out.").wait_for()
    assert room.page.url == f"{server.origin}/"


@pytest.mark.parametrize(("page", "login"), [("teach", "wang"), ("site", "site1")])
def test_without_a_lesson_the_page_says_so_and_waits(
    server: Server, open_room: OpenRoom, page: str, login: str
) -> None:
    room = open_room("about:blank")
    nothing = {"title": "No lesson", "status": 404, "code": "lesson.none_now", "detail": "None."}
    room.page.route("**/lessons/current", lambda route: route.fulfill(status=404, json=nothing))
    room.page.clock.install()
    room.page.goto(server.link(page, login))
    room.page.get_by_text("No lesson within the next day").wait_for()
    room.page.unroute("**/lessons/current")
    room.page.clock.fast_forward(60_000)
    room.page.get_by_text(re.compile("Waiting for the teacher|Your picture")).wait_for()


@pytest.mark.parametrize(("page", "login"), [("teach", "wang"), ("site", "site1")])
def test_before_the_doors_open_the_page_names_the_time(
    server: Server, open_room: OpenRoom, page: str, login: str
) -> None:
    def early(route: Route) -> None:
        answer = route.fetch().json()
        opens = datetime.fromisoformat(answer["server_time"]) + timedelta(hours=1)
        answer["lesson"] |= {"opens_at": opens.isoformat(), "starts_at": "2026-11-23T08:30:00+00:00"}
        route.fulfill(json=answer | {"publish": [], "watch": [], "time_zone": "UTC"})

    room = open_room(
        "about:blank", timezone_id="America/New_York"
    )  # what the screen believes is not what counts
    room.page.route("**/join", early)
    room.page.goto(server.link(page, login))
    room.page.get_by_text("Next lesson at 08:30").wait_for()


def test_today_shows_the_lesson_that_is_on_and_leads_there(server: Server, open_room: OpenRoom) -> None:
    room = open_room(server.link("today", "wang"))
    row = room.page.locator("li.now").first
    title = row.get_by_role("heading").inner_text()
    row.get_by_role("link", name="Go and teach").click()
    room.page.get_by_role("heading", level=1, name=title, exact=True).wait_for()
    room.page.get_by_role("button", name=START).wait_for()


def test_the_reference_of_the_api_needs_nothing_from_elsewhere(server: Server, open_room: OpenRoom) -> None:
    room = open_room("about:blank")
    asked: list[str] = []
    room.page.on("request", lambda request: asked.append(request.url))
    room.page.goto(f"{server.origin}/docs#publish_whip__lesson_id___stream__post")
    room.page.get_by_text("Publish a stream of a lesson").wait_for()
    assert {url for url in asked if not url.startswith(server.origin)} == set()
    room.page.locator("summary", has_text="Plan a weekly lesson").click()
    room.page.locator("details[open] pre", has_text="timetable.clash").wait_for()
    room.page.set_viewport_size({"width": 390, "height": 844})
    assert room.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_site_page_that_leads_nowhere_shows_the_way_out(server: Server, open_room: OpenRoom) -> None:
    nowhere = "00000000-0000-0000-0000-000000000000"
    room = open_room(server.link(f"site?lesson={nowhere}", "site1"))
    room.page.get_by_text("This lesson was not found.").wait_for()
    room.page.get_by_role("link", name="Today’s lessons").click()
    room.page.get_by_role("heading", name="Today’s lessons").wait_for()


def test_a_visitor_watches_without_being_asked_for_a_camera(server: Server, open_room: OpenRoom) -> None:
    room = open_room(server.link("today", "admin"))
    room.page.get_by_role("link", name="Go to the lesson").first.click()
    room.page.get_by_text("Waiting for the teacher").wait_for()
    assert room.page.locator("#own").is_hidden()
    assert room.page.get_by_role("switch").count() == 0


def test_the_language_changes_in_place_and_is_remembered(server: Server, open_room: OpenRoom) -> None:
    room = open_room(server.link("teach", "wang"), language="en-US")
    room.page.get_by_role("button", name=START).wait_for()
    connections = room.connections()
    room.page.get_by_role("button", name="切换到中文").click()
    room.page.get_by_role("button", name=re.compile("开始上课|继续上课")).wait_for()
    assert room.page.locator("html").get_attribute("lang") == "zh-Hans"
    assert room.page.title() == "上课 · 同堂"
    assert room.connections() == connections, "the page was loaded anew"
    room.page.reload()
    room.page.get_by_role("button", name=re.compile("开始上课|继续上课")).wait_for()


@pytest.mark.parametrize(
    ("page", "login"),
    [
        ("", ""),
        ("today", "admin"),
        ("docs", "admin"),
        ("people", "admin"),
        ("password", "wang"),
        ("teach", "wang"),
        ("site", "site3"),
    ],
)
def test_everything_has_a_name_and_nothing_sticks_out(
    server: Server, open_room: OpenRoom, page: str, login: str
) -> None:
    room = open_room(server.link(page, login) if login else server.origin)
    room.wait_for(lambda: room.page.locator("h1").inner_text() != "")
    for width, height in ((1366, 768), (1920, 1080), (390, 844)):
        room.page.set_viewport_size({"width": width, "height": height})
        room.page.wait_for_timeout(300)
        check_at_this_size(room)


def check_at_this_size(room: Room) -> None:
    assert room.page.evaluate(NAMELESS) == []
    assert room.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert room.page.locator("h1").count() == 1
    targets = room.page.locator("button:visible, a:visible").all()
    boxes = [box for target in targets if (box := target.bounding_box()) is not None]
    assert all(box["height"] >= 44 and box["width"] >= 44 for box in boxes), "too small for a finger"


def test_the_keyboard_goes_through_the_sign_in_form_in_reading_order(
    server: Server, open_room: OpenRoom
) -> None:
    room = open_room(server.origin)
    assert room.page.evaluate(FOCUSED) == "name"
    assert tab_stops(room.page, 3) == ["password", "show", "go"]


def test_a_teacher_needs_no_mouse(server: Server, open_room: OpenRoom) -> None:
    room = open_room(server.link("teach", "wang"))
    start = room.page.get_by_role("button", name=START)
    start.wait_for()
    start.focus()
    room.page.keyboard.press("Enter")
    room.page.get_by_text("On air").wait_for()
    assert room.page.evaluate(FOCUSED) == "microphone"
    microphone = room.page.get_by_role("switch", name="Microphone")
    room.page.keyboard.press("Space")
    assert microphone.get_attribute("aria-checked") == "false"
    room.page.get_by_role("button", name="End lesson").focus()
    room.page.keyboard.press("Enter")
    assert room.page.evaluate("document.activeElement.value") == "no"
    room.page.keyboard.press("Escape")
    assert room.page.locator("#status").inner_text() == "On air"


def test_a_waiting_screen_says_when_the_server_is_gone(tmp_path: Path, open_room: OpenRoom) -> None:
    with running_server(tmp_path) as server:
        room = open_room(server.link("site", "site1"))
        room.page.get_by_text("Waiting for the teacher").wait_for()
    room.page.get_by_text("The server cannot be reached.").wait_for()
