"""The page of reports: from the county's figures to the lessons they count."""

from __future__ import annotations

import httpx

from tests.browser.conftest import OpenRoom
from tests.browser.server import Server
from tests.patience import PATIENCE

PLAN = {"requirements": [{"grade": 4, "subject": "English", "periods_per_week": 3}]}


def test_a_figure_leads_to_the_lessons_it_counts(server: Server, open_room: OpenRoom) -> None:
    headers = {"Authorization": f"Bearer {server.token('admin')}"}
    with httpx.Client(base_url=server.origin, headers=headers, timeout=PATIENCE) as client:
        terms = client.get("/api/v1/terms").raise_for_status().json()["items"]
        term = min(terms, key=lambda each: each["first_day"])["id"]
        units = client.get("/api/v1/org-units?kind=teaching_site").raise_for_status().json()["items"]
        (county,) = client.get("/api/v1/org-units?kind=county").raise_for_status().json()["items"]
        group = {"name": "4 (1)", "grades": [4], "headcount": 9, "org_unit_id": units[0]["id"]}
        client.post("/api/v1/pupil-groups", json=group).raise_for_status()
        path = f"/api/v1/org-units/{county['id']}/curriculum"
        client.put(path, params={"term_id": term}, json=PLAN).raise_for_status()
    page = open_room(server.link("reports", "admin")).page
    page.get_by_role("heading", name="The whole county").wait_for()
    page.get_by_label("Divided by").select_option("Grade")
    page.get_by_role("rowheader", name="Grade 4").wait_for()
    page.get_by_role("img", name="Chart of full hours").wait_for()
    page.get_by_role("button", name="Planned").first.click()
    page.locator("th[aria-sort=ascending]", has_text="Planned").wait_for()
    page.get_by_role("button", name="List").click()
    cell = page.get_by_role("row", name="4 (1)")
    assert "English" in cell.inner_text()
    page.get_by_role("button", name="切换到中文").click()
    cell.get_by_text("英语").wait_for()  # the other language's words come by a request
    page.get_by_role("button", name="主课堂每周课次").click()
    page.get_by_role("columnheader", name="每周").wait_for()
    page.locator("#behind-rows").get_by_role("button", name="课程").first.click()
    page.get_by_role("columnheader", name="实际上课分钟").wait_for()
    page.get_by_role("button", name="返回上一个清单").press("Enter")
    page.get_by_role("columnheader", name="每周").wait_for()
    assert page.evaluate("document.activeElement.innerText") == "课程"
    page.get_by_role("button", name="返回统计报表").press("Enter")
    assert page.evaluate("document.activeElement.id") == "rooms-main"
    assert page.get_by_label("统计方式").input_value() == "grade"
    with page.expect_download() as kept:
        page.get_by_role("button", name="下载工作簿").click()
    assert kept.value.suggested_filename.startswith("report-") and kept.value.path().stat().st_size > 5000
