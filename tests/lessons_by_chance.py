"""Lessons in which everything is as it happens to come out, to hold statements against what anybody would say."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy.orm import Session

from app.database import new_id
from app.lessons import booking_queries
from app.lessons.rules import LessonState, SiteState
from app.schools import groups
from app.schools.groups import GroupDraft
from app.timetables.rules import LessonMode
from tests.counties import County, Site

LESSONS = 60
BEGIN = datetime.fromisoformat("2026-09-07T00:00:00+00:00")


class LessonsByChance:
    """Lessons of a term, one an hour, in which everything is as it happens to come out."""

    def __init__(self, session: Session, county: County, sites: list[Site], seed: int) -> None:
        self.county, self.sites, self.random = county, sites, Random(seed)
        self.school = county.school.id
        self.groups = {
            groups.create_group(session, GroupDraft(unit, f"{unit} {number}", (number,), 9)).id: unit
            for unit, count in ((self.school, 2), (sites[0].unit.id, 2), (sites[1].unit.id, 1))
            for number in range(1, count + 1)
        }
        self.rows = booking_queries.Rows([], [], [])
        for hour in range(LESSONS):
            self._lesson(BEGIN + timedelta(hours=hour))
        booking_queries.add_lessons(session, self.rows)

    def _lesson(self, starts_at: datetime) -> None:
        chance, county = self.random, self.county
        times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=chance.choice((40, 45)))}
        lost = [each["id"] for each in self.rows.lessons if each["state"] in ("missed", "cancelled")]
        made_up = {each["makes_up_id"] for each in self.rows.lessons}
        lesson: dict[str, Any] = {
            **times,
            **{"id": new_id(), "county_id": county.county.id, "school_id": self.school},
            **{"term_id": county.term.id, "date": starts_at.date(), "period": 1, "title": "A lesson"},
            **{"main_room_id": county.main_room.id, "teacher_id": county.teacher.id},
            "subject": chance.choice(("English", "Music")),
            "mode": chance.choice(list(LessonMode)).value,
            "sequence": chance.choice((0, 1)),
            "state": chance.choice([each.value for each in LessonState] + ["ended"] * 6),
            "live_seconds": chance.randint(0, 2400),
            "makes_up_id": chance.choice([None, *(each for each in lost if each not in made_up)]),
        }
        self.rows.lessons.append(lesson)
        present = {self.school} if lesson["mode"] == "synchronous" else set()
        for site in chance.sample(self.sites, chance.randint(1, len(self.sites))):
            state = chance.choice([each.value for each in SiteState] + ["left"] * 6)
            self.rows.sites.append(
                {
                    **times,
                    **{"id": new_id(), "lesson_id": lesson["id"], "pairing_id": site.pairing.id},
                    **{
                        "receiving_room_id": site.room.id,
                        "site_id": site.unit.id,
                        "site_code": site.unit.code,
                    },
                    "state": state,
                    "joined_at": chance.choice((None, starts_at)),
                    "received_seconds": chance.randint(0, 2400),
                }
            )
            present |= {site.unit.id} if state != "cancelled" else set()
        for group_id in chance.sample(sorted(self.groups), chance.randint(0, 4)):
            unit_id = self.groups[group_id]
            self.rows.groups.append(
                {
                    **times,
                    **{"id": new_id(), "lesson_id": lesson["id"], "pupil_group_id": group_id},
                    **{"org_unit_id": unit_id, "released": unit_id not in present or chance.random() < 0.2},
                }
            )
