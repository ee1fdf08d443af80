"""The county as a tree, and the page of one unit: found, furnished, staffed, closed and opened again."""

from __future__ import annotations

from playwright.sync_api import Page, Route

from tests.browser.conftest import OpenRoom
from tests.browser.server import Server
from tests.browser.test_use import check_at_this_size

# What a screen reader says of the tree's item that has the keyboard.
SAID = """() => {
  const item = document.activeElement;
  const of = (name) => item.getAttribute(`aria-${name}`);
  return [item.querySelector(".node-name").textContent, of("level"), of("posinset"), of("setsize"), of("expanded")];
}"""


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_the_tree_is_walked_by_keyboard_and_a_site_is_found_by_name(
    server: Server, open_room: OpenRoom
) -> None:
    room = open_room(server.link("county", "admin"))
    page = room.page
    tree = page.get_by_role("tree")
    tree.get_by_role("treeitem").nth(1).wait_for()
    check_at_this_size(room)
    assert tree.locator("[tabindex='0']").count() == 1
    tree.locator("[tabindex='0']").focus()
    press(page, "ArrowRight")
    (name, level, _, _, expanded) = page.evaluate(SAID)
    assert (level, expanded) == ("2", "false")
    press(page, "ArrowRight")
    tree.get_by_role("group").nth(1).wait_for()
    assert page.evaluate(SAID)[-1] == "true"
    press(page, "ArrowRight", "ArrowLeft")
    assert page.evaluate(SAID)[0] == name
    press(page, "ArrowLeft")
    assert page.evaluate(SAID)[-1] == "false"

    page.get_by_label("Find by name or code").fill("SITE")
    page.get_by_text("Found: 3", exact=True).wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    check_at_this_size(room)
    site = tree.get_by_role("treeitem").last
    called = site.locator(".node-name").inner_text()
    site.click()
    page.get_by_role("heading", level=1, name=called).wait_for()
    page.get_by_role("heading", name="Rooms").wait_for()
    page.get_by_text("Receiving room").wait_for()
    check_at_this_size(room)
    page.go_back()
    page.get_by_role("treeitem", name=called).and_(page.locator("[tabindex='0']")).wait_for()


def test_a_school_is_added_furnished_staffed_and_closed(server: Server, open_room: OpenRoom) -> None:
    page = open_room(server.link("county", "admin")).page
    page.get_by_role("treeitem").first.click()
    page.get_by_role("button", name="Add one below").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Kind").select_option("School")
    dialog.get_by_role("button", name="Add", exact=True).click()
    dialog.get_by_role("alert").get_by_text("Please give a name.").wait_for()
    dialog.get_by_label("Name").fill("Pine Hill School")
    dialog.get_by_label("Official code").fill("PINE")
    page.keyboard.press("Enter")
    page.get_by_text("Added: Pine Hill School").wait_for()
    page.get_by_role("link", name="Pine Hill School").click()
    page.get_by_role("heading", level=1, name="Pine Hill School").wait_for()

    page.get_by_role("button", name="Add a room").click()
    dialog.get_by_label("For what").select_option("Recording room")
    dialog.get_by_label("Code").fill("M1")
    dialog.get_by_label("Name").fill("Blue room")
    dialog.get_by_label("Declared line").fill("-3")
    page.keyboard.press("Enter")
    dialog.get_by_role("alert").get_by_text("a number of Mbit/s").wait_for()
    dialog.get_by_label("Declared line").fill("200")
    dialog.get_by_label("smart blackboard").check()
    page.keyboard.press("Enter")
    card = page.get_by_role("listitem").filter(has_text="Blue room")
    card.get_by_text("200", exact=True).wait_for()
    card.get_by_text("smart blackboard").wait_for()

    page.get_by_role("button", name="Change the numbers").click()
    dialog.get_by_label("Grade 12").fill("31")
    page.keyboard.press("Enter")
    page.get_by_text("31 pupils in all").wait_for()

    page.get_by_role("button", name="Add a group").click()
    dialog.get_by_label("Name, such as").fill("12 (1)")
    dialog.get_by_label("Grade 12").check()
    dialog.get_by_label("Pupils").fill("31")
    page.keyboard.press("Enter")
    group = page.locator("#pupils").get_by_role("row").filter(has_text="12 (1)")
    group.get_by_role("button", name="Change").click()
    dialog.get_by_label("Pupils").fill("32")
    page.keyboard.press("Enter")
    group.get_by_role("cell", name="32", exact=True).wait_for()
    group.get_by_role("button", name="Close").click()
    dialog.get_by_label("First day without it").fill("2030-01-07")
    page.keyboard.press("Enter")
    group.get_by_text("closed from").wait_for()
    group.get_by_role("button", name="Reopen").click()
    group.get_by_role("button", name="Close").wait_for()

    page.get_by_role("button", name="Add a person").click()
    dialog.get_by_label("Name", exact=True).fill("Ms. Pine")
    dialog.get_by_label("User name").fill("pine")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="The new password for Ms. Pine").wait_for()
    assert len(dialog.locator("output").inner_text()) == 19
    page.keyboard.press("Escape")
    row = page.get_by_role("row").filter(has_text="Ms. Pine")
    assert "Teacher" in row.inner_text()
    row.get_by_role("button", name="End the role").click()
    dialog.get_by_role("button", name="End the role").click()
    page.get_by_text("The role of Ms. Pine ends.").wait_for()

    page.locator("#what").get_by_role("button", name="Close").click()
    dialog.get_by_label("First day without it").fill("2030-01-07")
    page.keyboard.press("Enter")
    page.get_by_text("Pine Hill School closes on").wait_for()
    assert page.get_by_role("button", name="Add a room").count() == 0
    card.get_by_role("button", name="Reopen").click()
    page.get_by_role("alert").get_by_text("Reopen that first").wait_for()
    page.locator("#what").get_by_role("button", name="Reopen").click()
    page.get_by_text("Pine Hill School is open again.").wait_for()

    page.get_by_role("link", name="People").click()
    page.get_by_label("Find by the beginning of a name").fill("Ms. P")
    page.get_by_role("heading", name="王芳 Wang Fang").wait_for(state="detached")
    page.get_by_role("heading", name="Ms. Pine").wait_for()


def test_what_one_may_not_do_is_not_offered_and_what_is_planned_is_in_the_way(
    server: Server, open_room: OpenRoom
) -> None:
    late: list[Route] = []
    page = open_room(server.link("county", "wang")).page
    page.get_by_role("treeitem").nth(1).wait_for()
    page.get_by_role("treeitem").first.click()
    page.get_by_role("heading", name="Rooms").wait_for()
    assert page.locator("main").get_by_role("button").count() == 0

    page = open_room(server.link("county", "admin")).page
    page.get_by_role("treeitem").first.wait_for()
    with page.expect_request("**/county.js"):
        page.route("**/county.js", lambda route: late.append(route))
        page.reload(wait_until="commit")
    page.get_by_label("Find by name or code").fill("site")
    assert not page.get_by_role("treeitem").count(), "typed before the page can look for it"
    late.pop().continue_()
    page.get_by_text("Found: 3", exact=True).wait_for()
    page.get_by_role("treeitem").last.click()
    page.locator("#rooms").get_by_role("button", name="Close").click()
    page.get_by_label("First day without it").fill("2026-01-01")
    page.keyboard.press("Enter")
    page.get_by_text("Lessons are planned there from that day on").wait_for()
    page.get_by_text("Pairings reach beyond that day: 1").wait_for()
