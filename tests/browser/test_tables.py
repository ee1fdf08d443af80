"""The page of whole tables: a file is tried, its bad rows are read, and a good one is stored."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import FilePayload

from tests.browser.conftest import OpenRoom
from tests.browser.server import Server


def csv(text: str) -> FilePayload:
    return {"name": "rooms.csv", "mimeType": "text/csv", "buffer": text.encode("utf-8-sig")}


def test_an_administrator_tries_a_table_corrects_it_and_stores_it(
    server: Server, open_room: OpenRoom
) -> None:
    room = open_room(server.link("tables", "admin"))
    page = room.page
    page.get_by_label("What the table is about").select_option("Rooms")
    with page.expect_download() as download:
        page.get_by_role("button", name="The same as CSV").click()
    assert download.value.suggested_filename == "rooms.csv"
    table = Path(download.value.path()).read_text("utf-8-sig")
    # A room in which no lesson is given: other tests share the county.
    new = (
        table.splitlines()[1]
        .replace("101", "102")
        .replace("主课堂", "录播室")
        .replace('"main"', '"recording"')
    )
    file = page.get_by_label("XLSX or CSV")
    file.set_input_files(csv(table + new.replace("M1", "nowhere")))
    page.get_by_role("button", name="Try the file").click()
    page.get_by_text("Some rows are wrong").wait_for()
    assert "nowhere" in page.get_by_role("table").inner_text()
    assert page.get_by_role("button", name="Store all rows").is_hidden()
    file.set_input_files(csv(table + new))
    page.get_by_role("button", name="Try the file").click()
    page.get_by_role("button", name="Store all rows").click()
    page.get_by_text("Stored.").wait_for()
    page.get_by_role("button", name="Try the file").click()
    page.get_by_text("All of this is so already").wait_for()
    page.get_by_label("What the table is about").select_option("Bell schedules")
    page.get_by_label("Planned lessons follow the bells").wait_for()
    page.get_by_label("What the table is about").select_option("Timetable")
    page.get_by_text("A row for each weekly lesson").wait_for()
    assert page.get_by_label("Planned lessons follow the bells").is_hidden()
    page.get_by_label("What the table is about").select_option("oneroster")
    with page.expect_download() as download:
        page.get_by_role("button", name="OneRoster 1.2").click()
    assert download.value.suggested_filename == "oneroster.zip"
    assert page.get_by_role("button", name="The same as CSV").is_hidden()
