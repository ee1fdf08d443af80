"""What concerns oneself: what one is told of changed lessons, and one's lessons in a calendar elsewhere."""

from __future__ import annotations

import httpx
from playwright.sync_api import Route

from tests.browser.conftest import OpenRoom
from tests.browser.server import Server
from tests.browser.test_use import check_at_this_size
from tests.patience import PATIENCE


def as_person(server: Server, login: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {server.token(login)}"}
    return httpx.Client(base_url=server.origin, headers=headers, timeout=PATIENCE)


def cancel_a_late_lesson(server: Server, reason: str) -> None:
    """The last one that is planned, which no other test looks at."""
    with as_person(server, "admin") as client:
        query = {"state": "published", "sort": "-starts_at", "limit": "1"}
        (lesson,) = client.get("/api/v1/lessons", params=query).raise_for_status().json()["items"]
        client.post(f"/api/v1/lessons/{lesson['id']}/cancel", json={"reason": reason}).raise_for_status()


def offer_mail(route: Route) -> None:
    """The server of these tests sends no mail; this page is to believe that it does."""
    answer = route.fetch()
    route.fulfill(response=answer, json=answer.json() | {"offered": True})


def test_a_teacher_reads_of_a_cancelled_lesson_and_says_how_to_be_told(
    server: Server, open_room: OpenRoom
) -> None:
    room = open_room(server.origin)
    page = room.page
    cancel_a_late_lesson(server, "The road is under water")
    with as_person(server, "wang") as client:

        def told() -> bool:
            newest = client.get("/api/v1/me/notices?limit=1").raise_for_status().json()["items"]
            return bool(newest) and newest[0]["reason"] == "The road is under water"

        room.wait_for(told)
        unread = client.get("/api/v1/me/notices/unread").raise_for_status().json()["unread"]
    page.route("**/api/v1/me/mail-address", offer_mail)
    page.goto(server.link("today", "wang"))
    page.get_by_role("link", name=f"Notices , {unread} unread").click()
    newest = page.locator("#notices > li").first
    newest.get_by_text("Reason: The road is under water").wait_for()
    check_at_this_size(room)
    page.get_by_role("button", name="Older notices").click()
    page.locator("#notices > li").nth(10).wait_for()

    # One is read by going where it leads, one by saying so, then all, and the menu counts along.
    newest.get_by_role("link").click()
    page.locator("#grid").get_by_text("The road is under water").first.wait_for()
    page.go_back()
    page.get_by_role("link", name=f"Notices , {unread - 1} unread").wait_for()
    assert newest.get_by_text("Unread").count() == 0
    page.get_by_role("button", name="Mark as read").first.click()
    page.get_by_role("link", name=f"Notices , {unread - 2} unread").wait_for()
    page.get_by_role("button", name="切换到中文").click()
    newest.get_by_text("原因:The road is under water").wait_for()  # the server says it in the other language
    page.get_by_role("button", name="全部标为已读").click()
    page.get_by_text("都已标为已读。").wait_for()
    assert page.locator("nav .unread").is_hidden()

    # How to be told: by mail, which goes nowhere without a proved address.
    page.get_by_text("邮件现在无处可发").wait_for()
    for wish in ("zh", ""):
        page.get_by_label("通知方式").select_option(wish)
        page.get_by_role("button", name="保存").click()
        page.get_by_text("已保存。").wait_for()
        page.reload()
        page.locator("#settings").wait_for()
        assert page.get_by_label("通知方式").input_value() == wish

    page.set_viewport_size({"width": 390, "height": 844})
    check_at_this_size(room)


def test_lessons_are_subscribed_to_by_an_address_until_it_is_revoked(
    server: Server, open_room: OpenRoom
) -> None:
    room = open_room(server.link("feeds", "admin"))
    page = room.page
    page.get_by_text("There are none yet.").wait_for()
    check_at_this_size(room)
    page.get_by_label("Whose lessons").select_option("Lessons of a classroom")
    page.get_by_role("button", name="Make an address").click()
    page.get_by_role("alert").get_by_text("Please choose which one.").wait_for()
    page.get_by_label("Which one").select_option(index=1)
    page.get_by_role("button", name="Make an address").click()
    page.get_by_role("heading", name="Your new address").wait_for()
    _, _, path = page.locator("#secret").inner_text().partition("/calendars/")
    address = f"{server.origin}/calendars/{path}"
    page.get_by_role("button", name="Copy the address").click()
    page.get_by_text("Copied.").or_(page.get_by_text("The address is selected")).wait_for()
    assert "BEGIN:VEVENT" in httpx.get(address, timeout=PATIENCE).raise_for_status().text
    page.get_by_role("button", name="Done").click()
    row = page.locator("#feeds > li")
    row.get_by_text("Lessons of a classroom").wait_for()
    room.wait_for(lambda: page.locator("#secret").text_content() == "")
    page.set_viewport_size({"width": 390, "height": 844})
    check_at_this_size(room)
    row.get_by_role("button", name="Revoke").click()
    page.get_by_text("Revoked: this address leads nowhere any more.").wait_for()
    assert row.count() == 0
    assert httpx.get(address, timeout=PATIENCE).status_code == 404
