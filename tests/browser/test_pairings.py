"""The page of pairings: one is proposed as suggested, accepted, approved, and ended with its lessons named first."""

from __future__ import annotations

from tests.browser.conftest import OpenRoom
from tests.browser.server import Server


def test_the_bureau_proposes_approves_and_ends_an_agreement(server: Server, open_room: OpenRoom) -> None:
    page = open_room(server.link("pairings", "admin")).page
    page.get_by_text("There are none.").wait_for()
    page.get_by_role("button", name="Suggest main classrooms").click()
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Propose to both schools").click()
    row = page.get_by_role("listitem").filter(has_text="Proposed")
    row.get_by_role("button", name="Accept").click()
    page.get_by_role("dialog").get_by_role("button", name="Accept").click()
    row = page.get_by_role("listitem").filter(has_text="Accepted by both")
    row.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    page.get_by_text("There are none.").wait_for()
    page.get_by_label("Show", exact=True).select_option("Approved, in force or suspended")
    row = page.get_by_role("listitem").filter(has_text="In force").first
    row.get_by_role("button", name="End", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="End", exact=True).click()
    dialog.get_by_text("Please give a reason").wait_for()
    dialog.get_by_role("button", name="No").click()
    assert row.is_visible()
