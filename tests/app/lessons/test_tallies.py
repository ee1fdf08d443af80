"""What lessons reach, counted by the database, against a slow and obvious count of the same lessons."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.lessons import tallies
from app.lessons.tallies import Counted
from app.schools.rules import RoomKind
from app.timetables.curriculum_rules import NOTHING, Count
from tests import counties, factories
from tests.counties import Site
from tests.lessons_by_chance import BEGIN, LESSONS, LessonsByChance

NOW = BEGIN + timedelta(hours=LESSONS / 2)
HELD = ("ended", "archived")
GONE = ("cancelled", "moved", "draft")


class Story(LessonsByChance):
    """What its lessons reach, counted one by one."""

    def expected(self) -> dict[tuple[str, UUID, str], Count]:
        """By what lessons reach, of what it is the id, and a subject."""
        found: dict[tuple[str, UUID, str], Count] = defaultdict(lambda: NOTHING)
        instead = {
            each["makes_up_id"] for each in self.rows.lessons if each["state"] not in ("cancelled", "moved")
        }
        for lesson in self.rows.lessons:
            if lesson["state"] in GONE or (lesson["state"] == "missed" and lesson["id"] in instead):
                continue
            for whom, seconds in self._reached(lesson).items():
                held = lesson["state"] in HELD
                due = held or lesson["ends_at"] <= NOW
                length = int((lesson["ends_at"] - lesson["starts_at"]).total_seconds())
                arrived = held and seconds is not None
                more = Count(1, due, arrived, due * length, (arrived and seconds) or 0)
                key = (*whom, lesson["subject"] if whom[0] in ("group", "unit") else "")
                found[key] = found[key].plus(more)
        return found

    def _reached(self, lesson: dict[str, Any]) -> dict[tuple[str, UUID], int | None]:
        """Whom a lesson is for, and the seconds that reach them once it is held; None: it does not."""
        units: dict[UUID, int | None] = {}
        reached: dict[tuple[str, UUID], int | None] = {
            ("main room", lesson["main_room_id"]): lesson["live_seconds"]
        }
        for site in self.rows.sites:
            if site["lesson_id"] == lesson["id"] and site["state"] != "cancelled":
                there = site["joined_at"] is not None and site["state"] not in ("missed", "caught_up")
                units[site["site_id"]] = site["received_seconds"] if there else None
                reached["receiving room", site["receiving_room_id"]] = units[site["site_id"]]
        if lesson["mode"] == "synchronous":
            units[lesson["school_id"]] = lesson["live_seconds"]
        named = [
            each for each in self.rows.groups if each["lesson_id"] == lesson["id"] and not each["released"]
        ]
        reached |= {("group", each["pupil_group_id"]): units[each["org_unit_id"]] for each in named}
        nameless = units.keys() - {each["org_unit_id"] for each in named}
        return reached | {("unit", unit): units[unit] for unit in nameless}


def test_the_database_counts_what_anybody_would_count(session: Session) -> None:
    county = counties.county(session, sites=2, weeks=1)
    # A room of the main school itself that takes lessons, too.
    room = factories.room(session, county.school, RoomKind.RECEIVING)
    pairing = counties.pair(session, county.main_room, room, county.term)
    beside = Site(county.school, room, county.teacher, pairing)
    story = Story(session, county, [*county.sites, beside], seed=11)
    expected = story.expected()
    assert len(expected) > 15 and any(each.delivered_seconds for each in expected.values())

    term, units = county.term.id, {county.school.id, *(each.unit.id for each in county.sites)}
    reached = tallies.reached(session, term, NOW, units)
    counted = {
        (kind, whose, subject): count
        for kind, counts in (("group", reached.of_groups), ("unit", reached.of_units))
        for whose, by_subject in counts.items()
        for subject, count in by_subject.items()
    }
    counted |= {
        ("main room", each, ""): count for each, count in tallies.by_main_room(session, term, NOW).items()
    }
    counted |= {
        ("receiving room", each, ""): count
        for each, count in tallies.by_receiving_room(session, term, NOW).items()
    }
    assert counted == expected
    some = {county.sites[0].unit.id}
    assert tallies.reached(session, term, NOW, some).of_units == {
        unit: counts for unit, counts in reached.of_units.items() if unit in some
    }
    for (kind, whose, subject), count in expected.items():
        place = story.groups.get(whose, whose)
        field = {"group": "group_id", "unit": "unit_id", "main room": "main_room_id"}.get(
            kind, "receiving_room_id"
        )
        wanted: dict[str, Any] = {
            "term_id": term,
            field: whose,
            "subject": subject or None,
            "place_id": place,
        }
        behind, _ = tallies.counted_lessons(session, Counted(**wanted), None, 2 * LESSONS)
        assert len(behind) == count.planned, (kind, whose, subject)
        there, _ = tallies.counted_lessons(session, Counted(**wanted, delivered=True), None, 2 * LESSONS)
        assert (len(there), sum(seconds for _, seconds in there)) == count[2::2], (kind, whose, subject)
