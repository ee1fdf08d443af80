"""The page of bells: a school's winter times are put in force and taken back, and what it means is told before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx

from tests.browser.conftest import OpenRoom
from tests.browser.server import Server
from tests.browser.test_use import check_at_this_size
from tests.patience import PATIENCE

PERIOD = 6
ZONE = ZoneInfo("Asia/Shanghai")


def begins_at(server: Server, day: str) -> str:
    """When the lesson of that period begins on a day, in the county's time."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZONE)
    span = {"from": midnight.isoformat(), "to": (midnight + timedelta(days=1)).isoformat()}
    headers = {"Authorization": f"Bearer {server.token('admin')}"}
    answer = httpx.get(f"{server.origin}/api/v1/lessons", headers=headers, params=span, timeout=PATIENCE)
    (lesson,) = [each for each in answer.raise_for_status().json()["items"] if each["period"] == PERIOD]
    return f"{datetime.fromisoformat(lesson['starts_at']).astimezone(ZONE):%H:%M}"


def test_winter_bells_are_put_in_force_and_taken_back_by_keyboard(
    server: Server, open_room: OpenRoom
) -> None:
    day = str((datetime.now(UTC) + timedelta(days=10)).astimezone(ZONE).date())
    room = open_room(server.link("bells", "school"))
    page, dialog = room.page, room.page.get_by_role("dialog")
    page.get_by_text("By the schedule of 示范县 Demo County above it").wait_for()
    check_at_this_size(room)

    page.get_by_role("button", name="Put new bells in force").press("Enter")
    dialog.get_by_label("First day").fill(day)
    dialog.get_by_label("Last day").fill(day)
    dialog.get_by_label(f"Row {PERIOD}: From").fill("9:55")
    dialog.get_by_label(f"Row {PERIOD}: To").fill("11：55")
    page.keyboard.press("Enter")
    dialog.get_by_text("Please give a name.").wait_for()
    page.keyboard.type("Winter")  # the keyboard is where something was wrong
    page.keyboard.press("Enter")
    dialog.get_by_text("Period 6 starts before period 5 has ended.").wait_for()
    assert dialog.get_by_label("Name").input_value() == "Winter"
    page.set_viewport_size({"width": 390, "height": 844})
    check_at_this_size(room)

    # Periods that a site under another school does not have: named, and nothing to say Yes to.
    dialog.get_by_label(f"Row {PERIOD - 1}: To").fill("9:00")
    dialog.get_by_label(f"Row {PERIOD}: From").fill("9:00")
    dialog.get_by_label(f"Row {PERIOD}: To").fill("11:00")
    page.keyboard.press("Enter")
    dialog.get_by_text("Songping Teaching Site has no period then").wait_for()
    assert dialog.get_by_role("button", name="Yes").count() == 0

    dialog.get_by_label(f"Row {PERIOD - 1}: To").fill("10:00")
    dialog.get_by_label(f"Row {PERIOD}: To").fill("11:55")
    dialog.get_by_label(f"Row {PERIOD}: From").fill("10:05")
    page.keyboard.press("Enter")
    dialog.get_by_text("Planned lessons move to other times, and everybody is told: 1").wait_for()
    assert begins_at(server, day) == "10:00"
    page.keyboard.press("Enter")  # the keyboard is on the Yes
    page.get_by_text("In force: Winter.").wait_for()
    assert begins_at(server, day) == "10:05"

    page.get_by_label("Day", exact=True).fill(day)
    page.get_by_role("cell", name="10:05").wait_for()
    check_at_this_size(room)
    page.get_by_role("button", name="Take back").press("Enter")
    dialog.get_by_text("10:05 becomes 10:00 – 12:00").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("Taken back: Winter.").wait_for()
    assert begins_at(server, day) == "10:00"

    page.get_by_label("Find by the beginning").fill("M2")
    page.get_by_role("heading", name="Own schedules of 石桥镇中心小学 Shiqiao Central School").wait_for()
    assert page.get_by_role("button", name="Put new bells in force").count() == 0
