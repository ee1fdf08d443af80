"""The timetable page: a bureau's way through a week, by mouse and by keyboard, and the sheet of paper it prints."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from tests.browser.conftest import OpenRoom
from tests.browser.server import Server
from tests.browser.test_use import FOCUSED, check_at_this_size

# What a screen reader needs of the table: which heads belong to which cells.
HEADS = "(scope) => [...document.querySelectorAll(`#grid th[scope=${scope}]`)].length"


def cell(page: Page, row: int, column: int) -> Locator:
    """A place in the table, by period and day."""
    return page.locator("#grid tbody tr").nth(row - 1).locator("td").nth(column - 1)


def test_a_week_is_read_changed_planned_and_published(server: Server, open_room: OpenRoom) -> None:
    room = open_room(server.link("today", "admin"))
    page = room.page
    page.get_by_role("link", name="Timetable").click()
    page.get_by_role("button", name="Week after").click()
    page.get_by_text("84 lessons this week").wait_for()
    assert page.evaluate(HEADS, "col") == 8
    assert page.evaluate(HEADS, "row") == 12

    # By keyboard: from cell to cell, and into a lesson.
    cell(page, 1, 1).locator("button").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_label("Period").select_option("4")
    page.get_by_role("button", name="Move it there").click()
    page.get_by_text("takes up teacher 王芳 Wang Fang, main classroom").wait_for()
    page.get_by_text("No slot of the week is free").wait_for()
    page.keyboard.press("Escape")

    # Off, with a reason; the slot is free then.
    lost = cell(page, 3, 2)
    lost.locator("button").first.click()
    page.get_by_role("button", name="Cancel this lesson").click()
    page.get_by_label("This one and all that follow").check()
    page.get_by_text("Nothing is done yet.").wait_for()
    page.get_by_label("This one only").check()
    page.get_by_role("button", name="Cancel the lesson").click()
    page.get_by_role("alert").get_by_text("Please say why").wait_for()
    page.get_by_label("Reason").fill("Road closed by snow")
    page.keyboard.press("Enter")
    lost.get_by_text("Cancelled: Road closed by snow").wait_for()
    page.get_by_text("83 lessons this week").or_(page.get_by_text("Cancelled.", exact=True)).wait_for()

    # Planned anew in its place: the server says what it would clash with in the other weeks, then that it does not.
    lost.get_by_role("button", name="Plan a lesson on").click()
    page.get_by_text("takes up teacher").first.wait_for()
    page.get_by_label("Until").select_option("2")
    page.get_by_text("No clash: 1 lessons.").wait_for()
    page.get_by_role("button", name="Plan it").click()
    lost.get_by_text("Draft").wait_for()
    page.get_by_role("button", name="Publish drafts").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("Published: 1 lessons").wait_for()
    assert lost.get_by_text("Draft").count() == 0

    # It can be kept: the address leads to the same week.
    page.reload()
    lost.get_by_text("Cancelled: Road closed by snow").wait_for()
    assert page.locator("#week").input_value() == "2"


def test_a_teacher_sees_the_own_week_in_both_widths_and_on_paper(server: Server, open_room: OpenRoom) -> None:
    room = open_room(server.link("timetable?week=3", "wang"))
    page = room.page
    page.get_by_text("84 lessons this week").wait_for()
    assert page.locator("#whose option").all_inner_texts() == ["王芳 Wang Fang"]
    assert page.locator("button.free").count() == 0
    assert page.get_by_role("button", name="Plan a lesson").count() == 0
    check_at_this_size(room)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("group", name="Choose a day").get_by_role("button").nth(4).click()
    assert page.locator("#grid td:visible").count() == 12
    check_at_this_size(room)
    page.get_by_role("button", name="Menu").click()
    assert page.evaluate(FOCUSED) == "menu"
    page.get_by_role("link", name="Today’s lessons").and_(page.locator(":visible")).last.wait_for()

    page.emulate_media(media="print")
    assert page.locator("#paper-title").is_visible()
    assert not page.locator("nav").is_visible() and not page.locator("select").first.is_visible()
    assert page.locator("#grid td:visible").count() == 84
    assert page.evaluate("getComputedStyle(document.querySelector('#grid')).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
