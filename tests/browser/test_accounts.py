"""Passwords and accounts on the pages: the first sign-in, a change, and what an administrator does."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import httpx
from playwright.sync_api import Page
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Person
from app.database import make_engine
from app.lessons.rules import ChangeKind
from app.notices.models import Notice, NoticeLetter
from app.notices.retrying import DeliveryState
from tests import counties, factories
from tests.browser.conftest import OpenRoom
from tests.browser.server import Server
from tests.browser.test_use import sign_in
from tests.patience import PATIENCE

NEW = "four words in a row"


def admit(server: Server, login: str) -> str:
    """A teacher of the demo county with a password that somebody else chose."""
    headers = {"Authorization": f"Bearer {server.token('admin')}"}
    with httpx.Client(base_url=server.origin, headers=headers, timeout=PATIENCE) as client:
        units = client.get("/api/v1/org-units?kind=school").raise_for_status().json()["items"]
        duty = {"role": "teacher", "org_unit_id": units[0]["id"]}
        person = {
            "login": login,
            "name": f"New {login}",
            "password": "a long password",
            "assignments": [duty],
        }
        client.post("/api/v1/people", json=person).raise_for_status()
    return "a long password"


def change(page: Page, old: str, new: str) -> None:
    page.get_by_label("Password until now").fill(old)
    page.get_by_label("New password").fill(new)
    page.get_by_role("button", name="Change password").click()


def test_the_first_sign_in_leads_through_a_password_of_ones_own(server: Server, open_room: OpenRoom) -> None:
    first = admit(server, "first")
    page = open_room(server.origin).page
    sign_in(page, "first", first)
    page.get_by_text("Somebody else chose your password.").wait_for()
    change(page, first, "password123")
    page.get_by_text("This password is easy to guess.").wait_for()
    change(page, "not it", NEW)
    page.get_by_text("The password until now is wrong.").wait_for()
    change(page, first, NEW)
    page.wait_for_url("**/teach")
    again = open_room(server.origin).page
    sign_in(again, "first", NEW)
    again.wait_for_url("**/teach")


def test_the_bureau_sees_letters_that_did_not_arrive_and_sends_them_again(
    server: Server, open_room: OpenRoom
) -> None:
    admit(server, "third")
    engine = make_engine(f"sqlite:///{server.log.parent / 'data' / 'tongtang.db'}")
    now = datetime.now(UTC)
    with Session(engine) as session, session.begin():
        third = session.scalars(select(Person).where(Person.login == "third")).one()
        of_person = {"county_id": third.county_id, "person_id": third.id, "act_id": uuid.uuid4()}
        notice = Notice(kind=ChangeKind.CANCELLED, at=now, told_at=now, changes=1, items=[], **of_person)
        session.add(notice)
        session.flush()
        given_up = {"state": DeliveryState.DEAD, "attempts": 1, "next_at": now, "done_at": now}
        why = "the mail server does not take the address: 550"
        letter = {"notice_id": notice.id, "person_id": third.id, "created_at": now, "problem": why}
        session.add(NoticeLetter(**letter, **given_up))
    engine.dispose()
    page = open_room(server.link("people", "admin")).page
    page.get_by_text("Letters that did not arrive").click()
    page.get_by_text("The mail server does not take the address.").wait_for()
    page.get_by_role("button", name="Find the person").click()
    page.locator("#people > li", has_text="New third").wait_for()
    page.get_by_role("button", name="Send again").click()
    page.get_by_text("On their way again: 1.").wait_for()
    page.reload()
    page.locator("#people > li").first.wait_for()
    assert page.locator("#letters").is_hidden()


def test_an_administrator_resets_a_password_and_closes_an_account(
    server: Server, open_room: OpenRoom
) -> None:
    admit(server, "second")
    room = open_room(server.link("today", "admin"))
    page = room.page
    page.get_by_role("link", name="People").click()
    row = page.locator("li", has_text="New second")
    row.get_by_role("button", name="New password").click()
    page.get_by_role("button", name="Yes").click()
    page.get_by_role("heading", name="The new password for New second").wait_for()
    password = page.locator("#secret").inner_text()
    page.get_by_role("button", name="Done").click()
    room.wait_for(lambda: page.locator("#secret").text_content() == "")
    other = open_room(server.origin).page
    sign_in(other, "second", password)
    other.get_by_text("Somebody else chose your password.").wait_for()
    row.get_by_role("button", name="Close account").click()
    page.get_by_role("button", name="Yes").click()
    row.get_by_text("Account closed").wait_for()
    other.goto(f"{server.origin}/today")
    other.get_by_text("Your sign-in has run out.").wait_for()
    row.get_by_role("button", name="Open account").click()
    page.get_by_role("button", name="No").click()
    row.get_by_text("Account closed").wait_for()


def test_whoever_closes_a_teachers_account_is_told_of_their_lessons(
    server: Server, open_room: OpenRoom
) -> None:
    monday = counties.next_monday()
    with server.database() as session:
        county = counties.county(session, sites=0, first_day=monday, weeks=1)
        county.schedule(session, weekday=1, receiving_room_ids=())
    server.token(county.bureau.login, factories.PASSWORD)
    page = open_room(server.link("people", county.bureau.login)).page
    row = page.locator("li.person", has_text=county.teacher.login)
    row.get_by_role("button", name="Close account").click()
    page.get_by_role("button", name="Yes").click()
    row.get_by_role("link", name=f"Lessons are planned for them, the first on {monday}").click()
    page.get_by_role("heading", name="Timetable").wait_for()
    assert str(county.teacher.id) in page.url


def test_two_tabs_of_a_browser_stay_two_people_and_no_script_knows_what_proves_it(
    server: Server, open_room: OpenRoom
) -> None:
    room = open_room(server.link("today", "admin"))
    room.page.get_by_text("Education bureau").wait_for()
    other = room.context.new_page()
    other.goto(server.link("today", "wang"))
    other.locator("#who", has_text="Wang Fang").wait_for()
    room.page.reload()
    room.page.get_by_role("link", name="People").wait_for()
    assert "token" not in other.url and other.evaluate("document.cookie") == ""
    kept = other.evaluate("JSON.stringify({ ...sessionStorage, ...localStorage })")
    secrets = [cookie.get("value", "") for cookie in room.context.cookies()]
    assert len(secrets) == 2
    assert not any(secret in kept for secret in secrets)


def test_signing_out_shuts_the_door_behind_one(server: Server, open_room: OpenRoom) -> None:
    room = open_room(server.link("today", "wang"))
    room.page.locator("#who", has_text="Wang Fang").wait_for()
    room.page.get_by_role("button", name="Sign out").click()
    room.page.get_by_role("heading", name="Sign in").wait_for()
    assert room.context.cookies() == []
    room.page.goto(f"{server.origin}/today")
    room.page.get_by_role("heading", name="Sign in").wait_for()


def test_a_teacher_invites_a_guest_who_is_let_in_and_shut_out(server: Server, open_room: OpenRoom) -> None:
    teacher = open_room(server.link("today", "wang"))
    page = teacher.page
    page.get_by_role("link", name="Guests").first.click()
    others = page.locator("#links > li")  # of other tests, with whom this one shares the lesson
    page.get_by_role("button", name="Make a link").click()
    page.get_by_text("Please say whom the link is for.").wait_for()
    page.get_by_label("Whom it is for").fill("Dr. Smith")
    page.get_by_role("button", name="Make a link").click()
    page.get_by_role("heading", name="The link for Dr. Smith").wait_for()
    link = page.locator("#secret").inner_text()
    page.get_by_role("button", name="Done").click()
    teacher.wait_for(lambda: page.locator("#secret").text_content() == "")
    guest = open_room(link).page
    guest.wait_for_url("**/site*")
    page.reload()
    made = others.filter(has_text="Dr. Smith")
    made.get_by_text("Opened 1 of 1 times, lets nobody in any more").wait_for()
    made.get_by_role("button", name="Take back").click()
    made.get_by_text("Taken back").wait_for()
    guest.get_by_text("is not good any more").or_(guest.get_by_text("taken back")).first.wait_for()
