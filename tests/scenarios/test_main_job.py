"""The main job through real processes and real media: one lesson travels to three sites, and one answers.

On PostgreSQL; on SQLite it is what `tests/app/demo/test_command.py` tries.
"""

import asyncio
from typing import Any

import pytest

from app.demo.api import Api, new_http
from app.demo.lesson_proof import prove
from tests.scenarios.conftest import County


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_scheduled_lesson_travels_to_three_sites_and_one_answers(county: County) -> None:
    async def scenario() -> tuple[dict[str, Any], dict[str, Any]]:
        async with new_http(county.server.url) as http:
            admin = Api(http, county.admin)
            told: list[str] = []
            report = await prove(admin, told.append, seconds=3)
            lesson = await admin.get(f"/api/v1/lessons/{report['lesson']}")
            return report, lesson

    report, lesson = asyncio.run(scenario())
    assert report["ok"], report.get("reason")
    assert len(report["sites"]) == 3
    # What happened is on record: the lesson was live, and every site was there.
    assert lesson["went_live_at"] is not None
    assert all(site["joined_at"] is not None for site in lesson["sites"])
