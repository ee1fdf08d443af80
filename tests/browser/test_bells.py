"""The page of bells: a school's winter times are put in force and taken back, and what it means is told before."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from app.timetables.rules import Bell
from tests import counties, factories
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
    assert "/unit?id=" in str(page.get_by_role("link", name="Rooms, pupils and people").get_attribute("href"))
    page.set_viewport_size({"width": 1280, "height": 800})
    ways = page.locator(".places:not(.own) a:visible").all()
    assert len({box["y"] for way in ways if (box := way.bounding_box())}) == 1, "the menu has a second row"

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


LATE = {**counties.BACK_TO_BACK, 3: Bell(time(10, 0), time(10, 40))}


def test_bells_are_changed_and_what_would_meet_another_lesson_is_told_in_time(
    server: Server, open_room: OpenRoom
) -> None:
    first_day = counties.tomorrow()
    with server.database() as session:
        county = counties.county(session, sites=0, first_day=first_day, weeks=1, periods=LATE)
        elsewhere = factories.room(session, factories.school(session, county.county))
        changes: dict[str, Any] = {"weekday": first_day.isoweekday(), "receiving_room_ids": ()}
        county.schedule(session, **changes)
        county.schedule(session, **changes, period=2, main_room_id=elsewhere.id, title="Elsewhere")
    bureau, teacher = county.bureau.login, county.teacher.name
    server.token(bureau, factories.PASSWORD)
    room = open_room(server.link(f"bells?id={county.school.id}&day={first_day}", bureau))
    page, dialog = room.page, room.page.get_by_role("dialog")

    def ring(row: int, starts_at: str, ends_at: str) -> None:
        dialog.get_by_label(f"Row {row}: From").fill(starts_at)
        dialog.get_by_label(f"Row {row}: To").fill(ends_at)

    def yes(told: str) -> None:
        dialog.get_by_role("button", name="Yes").press("Enter")
        page.get_by_text(told).wait_for()

    # Where a lesson would meet another one, nobody is asked for a Yes.
    page.get_by_role("button", name="Put new bells in force").press("Enter")
    dialog.get_by_label("Name").fill("Winter")
    dialog.get_by_label("Last day").fill(str(first_day))
    ring(1, "08:10", "08:45")
    ring(2, "08:45", "09:20")
    page.keyboard.press("Enter")
    dialog.get_by_text(f"when teacher {teacher} has “Elsewhere” (08:40 – 09:20)").wait_for()
    assert dialog.get_by_role("button", name="Yes").count() == 0
    page.set_viewport_size({"width": 390, "height": 844})
    check_at_this_size(room)
    ring(1, "08:05", "08:40")
    page.keyboard.press("Enter")
    yes("In force: Winter.")

    # Somebody plans there between the question and the Yes.
    page.get_by_role("button", name="Change").press("Enter")
    ring(1, "10:00", "10:40")
    ring(3, "10:40", "11:20")
    page.keyboard.press("Enter")
    dialog.get_by_text("08:05 becomes 10:00 – 10:40").wait_for()
    with server.database() as session:
        county.schedule(session, **changes, period=3, main_room_id=elsewhere.id, title="A moment ago")
    dialog.get_by_role("button", name="Yes").press("Enter")
    dialog.get_by_text(f"when teacher {teacher} has “A moment ago” (10:00 – 10:40)").wait_for()
    assert dialog.get_by_role("button", name="Yes").count() == 0
    ring(1, "08:10", "08:40")
    page.keyboard.press("Enter")
    yes("Changed: Winter.")

    # The day goes over from one schedule to another.
    page.get_by_role("button", name="Put new bells in force").press("Enter")
    dialog.get_by_label("Name").fill("Snow")
    dialog.get_by_label("Last day").fill(str(first_day))
    ring(1, "08:15", "08:40")
    page.keyboard.press("Enter")
    dialog.get_by_text("These days have bells already: Winter").wait_for()
    dialog.get_by_label("they give them up").check()
    dialog.get_by_role("button", name="See what it means").press("Enter")
    yes("In force: Snow.")
    page.get_by_role("rowheader", name="Snow").wait_for()
    assert page.get_by_role("rowheader", name="Winter").count() == 0
    page.get_by_role("cell", name="08:15").wait_for()
