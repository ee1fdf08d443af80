"""Terms on the calendar page: a new county's first one, one that was opened wrong, and the next from the last."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from app.manage import create_county
from app.settings import Settings
from app.timetables import service as timetables
from app.timetables.calendar import EVERY_DAY
from tests import counties, factories
from tests.browser.conftest import OpenRoom
from tests.browser.server import Server
from tests.browser.test_use import check_at_this_size
from tests.patience import PATIENCE

ADMIN = "new-county"


@pytest.fixture
def founded(server: Server, capsys: pytest.CaptureFixture[str]) -> httpx.Client:
    """A county of its own with nothing in it, by its first bureau admin."""
    settings = Settings(data_dir=server.log.parent / "data")
    create_county(settings, "NEW", "New county", "Asia/Shanghai", ADMIN, password_stays=True)
    password = capsys.readouterr().out.split()[-1]
    form = {"username": ADMIN, "password": password}
    answer = httpx.post(f"{server.origin}/api/v1/token", data=form, timeout=PATIENCE)
    token = server.tokens[ADMIN] = answer.raise_for_status().json()["access_token"]
    return httpx.Client(
        base_url=server.origin, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
    )


def plan_curriculum(county: httpx.Client, term: dict[str, Any]) -> None:
    """Something is planned in the term from now on."""
    subject = county.get("/api/v1/subjects").json()["items"][0]["code"]
    body = {"requirements": [{"grade": 3, "subject": subject, "periods_per_week": 3}]}
    path = f"/api/v1/org-units/{term['county_id']}/curriculum"
    version = county.get(path, params={"term_id": term["id"]}).headers["ETag"]
    county.put(
        path, params={"term_id": term["id"]}, json=body, headers={"If-Match": version}
    ).raise_for_status()


def only_term(county: httpx.Client) -> dict[str, Any]:
    (term,) = county.get("/api/v1/terms").json()["items"]
    found: dict[str, Any] = term
    return found


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_the_bureau_opens_terms_and_puts_them_right(
    server: Server, open_room: OpenRoom, founded: httpx.Client
) -> None:
    # Where a term is needed and there is none, the page leads to where one is opened.
    room = open_room(server.link("timetable", ADMIN))
    page = room.page
    page.get_by_role("link", name="Open the first term").click()
    press(page, "Open the first term")
    press(page, "Open the term")
    page.get_by_text("Give the term a name.").wait_for()
    page.get_by_label("Name").fill("2026 autumn")
    page.get_by_label("First day").fill("2026-08-31")
    page.get_by_label("Last day").fill("2027-01-15")
    page.get_by_text("That is 20 weeks").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("2026 autumn is open.").wait_for()
    assert only_term(founded)["weekdays"] == [1, 2, 3, 4, 5]

    # Somebody else is faster: what was typed stays, and what is there now is shown.
    press(page, "Change this term")
    page.get_by_label("Last day").fill("2027-01-22")
    term = only_term(founded)
    renamed = founded.patch(
        f"/api/v1/terms/{term['id']}", json={"name": "2026 秋 autumn"}, headers={"If-Match": '"1"'}
    )
    renamed.raise_for_status()
    press(page, "Save")
    page.get_by_text("It now is: 2026 秋 autumn").wait_for()
    check_at_this_size(room)
    press(page, "Save")
    page.get_by_text("Changed: ").wait_for()
    term = only_term(founded)
    assert (term["name"], term["last_day"]) == ("2026 秋 autumn", "2027-01-22")

    # With something planned in it a term stays; the next one is proposed from it, on the days that follow.
    plan_curriculum(founded, term)
    press(page, "Take this term back")
    press(page, "Take it back")
    page.get_by_text("so it stays").wait_for()
    press(page, "Close")
    press(page, "Open the next term")
    assert page.get_by_label("Name").input_value() == "2027 春 spring"
    assert page.get_by_label("First day").input_value() == "2027-01-25"
    page.get_by_label("First day").fill("2027-01-18")
    press(page, "Open the term")
    page.get_by_text(re.compile("Two terms share no day, and 2026 秋 autumn lasts")).wait_for()
    page.get_by_label("First day").fill("2027-03-01")
    page.set_viewport_size({"width": 390, "height": 844})
    check_at_this_size(room)
    press(page, "Open the term")
    page.get_by_text("2027 春 spring is open.").wait_for()
    press(page, "Take over a timetable")
    press(page, "See what that would be")
    page.get_by_text("There are no such weekly lessons").wait_for()
    press(page, "Close")
    press(page, "Take this term back")
    press(page, "Take it back")
    page.get_by_text("Taken back: 2027 春 spring.").wait_for()
    assert only_term(founded)["id"] == term["id"]
    founded.close()


def test_a_timetable_is_taken_over_from_the_last_term(server: Server, open_room: OpenRoom) -> None:
    first_day = counties.tomorrow()
    with server.database() as session:
        county = counties.county(session, sites=2, first_day=first_day, weeks=2)
        lasting, ending = ((site.room.id,) for site in county.sites)
        weekday = first_day.isoweekday()
        county.schedule(session, weekday=weekday, receiving_room_ids=lasting)
        county.schedule(session, weekday=weekday, period=2, receiving_room_ids=ending)
        days = county.term.last_day + timedelta(days=1), county.term.last_day + timedelta(weeks=3)
        draft = timetables.TermDraft("Spring", *days, counties.BACK_TO_BACK, EVERY_DAY)
        spring = timetables.create_term(session, county.county.id, draft)
        county.sites[0].pairing.valid_to = days[1]
    login = county.bureau.login
    headers = {"Authorization": f"Bearer {server.token(login, factories.PASSWORD)}"}
    room = open_room(server.link("calendar", login))
    page, dialog = room.page, room.page.get_by_role("dialog")
    page.get_by_label("Term").select_option("Spring")
    page.get_by_role("button", name="Take over a timetable").press("Enter")
    assert dialog.get_by_label("From which term").locator("option:checked").inner_text() == "Autumn"
    dialog.get_by_role("button", name="See what that would be").press("Enter")
    dialog.get_by_text("1 weekly lessons can be taken over: 3 lessons in all.").wait_for()
    dialog.get_by_text("Skipped: 1").wait_for()
    assert dialog.get_by_role("link", name="Pairings").get_attribute("href") == "/pairings"
    check_at_this_size(room)
    page.keyboard.press("Enter")  # the keyboard is on the button that does it
    dialog.get_by_text("Taken over as drafts: 1 weekly lessons, 3 lessons in all.").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    check_at_this_size(room)
    path, query = f"{server.origin}/api/v1/timetable-entries", {"term_id": str(spring.id)}
    (copy,) = httpx.get(path, headers=headers, params=query, timeout=PATIENCE).json()["items"]
    assert (copy["first_day"], copy["published"]) == (str(days[0]), False)
    dialog.get_by_role("link", name="timetable").press("Enter")
    page.get_by_text("Grade 3 English").first.wait_for()
