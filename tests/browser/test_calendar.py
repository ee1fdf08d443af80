"""The school calendar page: holidays confirmed, days changed by keyboard, and lessons that stand in the way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import httpx

from tests.browser.conftest import OpenRoom
from tests.browser.server import Server
from tests.browser.test_use import check_at_this_size
from tests.patience import PATIENCE

TERM = "Autumn to come"


def open_empty_term(server: Server) -> date:
    """A term with China's National Day in it and no lessons yet; the day's date."""
    national_day = date(datetime.now(UTC).year + 1, 10, 1)
    days = {"first_day": national_day - timedelta(days=20), "last_day": national_day + timedelta(days=20)}
    body = {"name": TERM, **{name: day.isoformat() for name, day in days.items()}}
    headers = {"Authorization": f"Bearer {server.token('admin')}"}
    httpx.post(
        f"{server.origin}/api/v1/terms", headers=headers, json=body, timeout=PATIENCE
    ).raise_for_status()
    return national_day


def bring_back(server: Server, day: str) -> None:
    """Other tests share the server: the lessons of a day that was taken are held after all."""
    headers = {"Authorization": f"Bearer {server.token('admin')}"}
    with httpx.Client(
        base_url=server.origin, headers=headers, params={"lessons": "follow"}, timeout=PATIENCE
    ) as client:
        client.delete(f"/api/v1/calendar-days/{day}").raise_for_status()


def test_the_bureau_confirms_holidays_and_changes_days_by_keyboard(
    server: Server, open_room: OpenRoom
) -> None:
    holiday = open_empty_term(server)
    saturday = holiday + timedelta(days=(5 - holiday.weekday()) % 7 + 7)
    room = open_room(server.link("calendar", "admin"))
    page = room.page
    page.get_by_text("weeks, ").wait_for()

    # Lessons are planned in this term: a holiday is refused with those in its way, which follow when told to.
    last = page.locator("#year tbody tr").last.locator("button").last
    taken = last.get_attribute("data-date")
    last.focus()
    page.keyboard.press("Enter")
    page.get_by_label("a holiday").check()
    page.get_by_text("planned lessons would fall out").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Cancel and add these lessons").wait_for()
    check_at_this_size(room)
    page.get_by_role("button", name="Cancel and add these lessons").click()
    last.get_by_text("off").wait_for()

    page.get_by_label("Term").select_option(label=TERM)
    page.get_by_role("group", name="Days to confirm").get_by_label("National Day").first.wait_for()
    page.get_by_role("button", name="Confirm the chosen days").click()
    page.get_by_text("Confirmed: ").wait_for()
    place = page.locator(f"[data-date='{holiday}']")
    assert "holiday, National Day" in str(place.get_attribute("aria-label"))

    # The day before is one step to the left; a Saturday makes up for a Monday.
    page.locator(f"[data-date='{saturday - timedelta(days=1)}']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_label("a make-up day").check()
    page.get_by_label("By whose timetable").select_option("1")
    page.get_by_text("No planned lesson is affected.").wait_for()
    page.get_by_role("button", name="Save").click()
    made_up = page.locator(f"[data-date='{saturday}']")
    made_up.get_by_text("as Mon").wait_for()
    room.wait_for(lambda: made_up.evaluate("day => day === document.activeElement"))
    page.set_viewport_size({"width": 390, "height": 844})
    check_at_this_size(room)

    reader = open_room(server.link("calendar", "wang")).page
    reader.get_by_label("Term").select_option(label=TERM)
    reader.get_by_text("holiday, National Day").first.wait_for()
    assert reader.locator("#year button").count() == 0 and reader.locator("#proposals").is_hidden()
    bring_back(server, str(taken))
