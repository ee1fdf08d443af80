"""Weekly lessons that change as one act, against a slow obvious oracle: what would be where, hour by hour."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.rules import Role
from app.accounts.service import principal_of
from app.audit import service as audit
from app.lessons import bulk, series_at_once
from app.lessons.changes import Doing
from app.lessons.clash_report import Part
from app.lessons.models import Lesson
from app.lessons.queries import WHOLE
from app.lessons.reshaping import draft_of_entry
from app.lessons.rules import LessonState, SiteState
from app.lessons.series_at_once import SeriesChange
from app.timetables import service as timetables
from app.timetables.models import TimetableEntry
from app.timetables.planning import EntryDraft
from tests import counties, factories

WEEKS = 2


def test_lessons_take_each_others_places_as_far_as_nobody_is_needed_twice(session: Session) -> None:
    county = counties.county(session, weeks=WEEKS)
    rooms = [county.main_room, factories.room(session, county.school)]
    teachers = [county.teacher, factories.person(session, county.school, Role.TEACHER)]
    for site in county.sites:
        counties.pair(session, rooms[1], site.room, county.term)
    ids = [
        county.schedule(
            session,
            main_room_id=rooms[number % 2].id,
            teacher_id=teachers[number % 2].id,
            receiving_room_ids=(county.sites[number % 2].room.id,),
            weekday=1 + number // 2,
            title=str(number),
        ).entry.id
        for number in range(4)
    ]
    session.commit()
    chance = random.Random(11)
    principal = principal_of(session, county.bureau.id, counties.NOW)
    verdicts = Counter[bool]()
    for _ in range(12):
        entries = sorted(timetables.entries(session, ids), key=lambda each: ids.index(each.id))
        wanted = {
            row: SeriesChange(entry.id, fields)
            for row, (entry, fields) in enumerate(zip(entries, _shuffled(chance, entries), strict=True))
            if fields
        }
        drafts = {entry.id: draft_of_entry(entry) for entry in entries}
        for change in wanted.values():
            drafts[change.entry_id] = replace(drafts[change.entry_id], **(change.wanted or {}))
        possible = _nobody_twice(drafts)
        verdicts[possible] += 1
        doing = Doing(counties.NOW, county.bureau.id)
        with audit.trial(session):
            intended = series_at_once.plan_changes(session, principal, wanted, doing)
            assert not intended.refused
            parts: Mapping[int, tuple[Part, ...]] = {
                row: each.parts for row, each in intended.reshaped.items()
            }
            survey = bulk.obstacles_of(session, parts, intended.gone)
            assert (not survey.obstacles) is possible
            if possible:  # then the database thinks so, too
                series_at_once.carry_out_all(session, intended, wanted, doing)
                session.expire_all()
                assert _stand(session) == {place for draft in drafts.values() for place in _places(draft)}
        session.expire_all()
    assert min(verdicts[True], verdicts[False]) > 2


def _shuffled(chance: random.Random, entries: list[TimetableEntry]) -> list[dict[str, Any]]:
    """For each entry something that another one has: mostly all of them the same, so that they go round."""
    drafts = [draft_of_entry(entry) for entry in entries]
    others = chance.sample(drafts, len(drafts))
    wanted: list[dict[str, Any]] = [{} for _ in drafts]
    for name in ("weekday", "main_room_id", "teacher_id", "receiving_room_ids", "title"):
        if chance.random() < 0.7:
            for fields, other in zip(wanted, others, strict=True):
                fields[name] = getattr(other, name)
    if chance.random() < 0.3:
        chance.choice(wanted)["weekday"] = chance.randint(1, 3)
    return wanted


def _places(draft: EntryDraft) -> list[tuple[object, ...]]:
    return [(week, draft.weekday, draft.period, *_held(draft), draft.title) for week in range(WEEKS)]


def _held(draft: EntryDraft) -> tuple[UUID, ...]:
    return draft.teacher_id, draft.main_room_id, *draft.receiving_room_ids


def _nobody_twice(drafts: Mapping[UUID, EntryDraft]) -> bool:
    needed = Counter(
        (draft.weekday, draft.period, each) for draft in drafts.values() for each in _held(draft)
    )
    return max(needed.values()) == 1


def _stand(session: Session) -> set[tuple[object, ...]]:
    there = select(Lesson).where(Lesson.state != LessonState.CANCELLED).options(*WHOLE)
    return {
        (
            (lesson.date - counties.FIRST_DAY).days // 7,
            lesson.date.isoweekday(),
            lesson.period,
            lesson.teacher_id,
            lesson.main_room_id,
            *(site.receiving_room_id for site in lesson.sites if site.state is not SiteState.CANCELLED),
            lesson.title,
        )
        for lesson in session.scalars(there)
    }
