"""A room's big screen, from the code it shows to the end of the lesson, without anybody who types there."""

from __future__ import annotations

from pathlib import Path

from tests.browser.conftest import OpenRoom
from tests.browser.server import running_server
from tests.patience import patient


def test_a_screen_is_let_in_by_its_code_shows_the_lesson_and_is_shut_out(
    tmp_path: Path, open_room: OpenRoom
) -> None:
    with running_server(tmp_path) as server:
        screen = open_room(f"{server.origin}/terminal")
        screen.page.locator("#code").wait_for()
        code = screen.page.locator("#code").inner_text()
        admin = open_room(server.link("terminals", "admin")).page
        admin.locator("#room option").first.wait_for(state="attached")
        admin.locator("#code").fill(code)
        admin.locator("#go").click()
        admin.get_by_text("Connected:").wait_for()
        screen.page.wait_for_url("**/site", timeout=patient(10) * 1e3)
        teacher = open_room(server.link("teach", "wang")).page
        teacher.click("#start")
        screen.wait_for_picture("#main")
        assert screen.page.evaluate("localStorage.length") == 0
        kept = screen.page.evaluate("JSON.stringify({ ...sessionStorage })")
        assert "ey" not in kept and screen.context.cookies() == []

        teacher.click("#end")
        teacher.click("#ending >> text=End lesson")
        screen.page.get_by_text("This lesson is over").wait_for(timeout=patient(5) * 1e3)
        assert teacher.locator("#state").inner_text() == "Lesson ended"

        admin.get_by_role("button", name="Disconnect").click()
        admin.get_by_role("button", name="Yes").click()
        screen.page.goto(f"{server.origin}/terminal")
        screen.page.get_by_text("This screen was disconnected").wait_for()
        screen.page.locator("#code").wait_for()
        assert screen.page.locator("#code").inner_text() != code
